/**
 * Walks through one leaf column of a row group, page by page.
 *
 *  L1  An entry is one value, or its absence at some depth (Dremel's levels). In a column that repeats nowhere a row is
 *      one entry. Otherwise it is the entries from one of repetition level 0 to the next such entry.
 *  L2  A row counts as available when all its entries are there. Its last ones may be in the next page.
 *  L3  An entry is converted when it is taken, so the error for a value that cannot be given names its row.
 */

import { HoldfastError } from '../../base/errors.js';
import { LevelRuns } from './level-runs.js';
import {
  type Dictionary,
  DictionaryValues,
  decodeValues,
  type PageValues,
  plainValues,
  type ValuesRequest,
} from './page-values.js';
import type { PageHeader, ParquetElement, ParquetLibrary } from './parquet-library.js';
import { type PageSource, ParquetPages } from './parquet-pages.js';
import { type LeafType, UnfitValue } from './parquet-values.js';

export interface LeafColumn {
  /** Number of the leaf in the schema, and of its chunk in a row group. */
  readonly index: number;
  /** Names from the column to the leaf: `address.street`. */
  readonly path: string;
  readonly element: ParquetElement;
  readonly type: LeafType;
  readonly definitionMax: number;
  readonly repetitionMax: number;
}

export interface LeafRequest {
  readonly column: LeafColumn;
  readonly pages: PageSource;
  readonly library: ParquetLibrary;
  /** Number of entries in the chunk. */
  readonly entries: number;
  /** `flights.parquet column 'delay'`, for messages. */
  readonly place: string;
  /** Number in the file of the row group's first row, 0-based. */
  readonly firstRow: number;
  /** Number of rows to pass over at the start. */
  readonly skip: number;
}

/** The entries of some rows. */
export interface LeafEntries {
  readonly count: number;
  /** Definition levels; undefined when all values are there. */
  readonly definitions: Uint8Array | undefined;
  /** Repetition levels; undefined when nothing repeats. */
  readonly repetitions: Uint8Array | undefined;
  /** The values that are there. */
  readonly values: readonly unknown[];
}

export class LeafCursor {
  readonly #request: LeafRequest;
  readonly #pages: ParquetPages;
  #dictionary: Dictionary | undefined;
  /** Number of entries at hand that were not taken. Their levels begin at `#at`. */
  #left = 0;
  #at = 0;
  #definitions: Uint8Array | undefined;
  #repetitions: Uint8Array | undefined;
  /** Where the values of the entries at hand are, page by page. */
  readonly #sources: { readonly values: PageValues; left: number }[] = [];
  /** Number of entries that are still in pages. */
  #unread: number;
  #skip: number;
  #row: number;
  available = 0;

  constructor(request: LeafRequest) {
    this.#request = request;
    this.#pages = new ParquetPages(request.pages);
    this.#unread = request.entries;
    this.#skip = request.skip;
    this.#row = request.firstRow;
  }

  /** Reads the next page. @returns false when there is none */
  async advance(): Promise<boolean> {
    if (this.#unread <= 0) return false;
    const header = await this.#pages.header();
    if (header === undefined) {
      throw new Error(`${this.#unread} of ${this.#request.entries} values are missing`);
    }
    const { data_page_header: v1, data_page_header_v2: v2 } = header;
    const page = header.type === 'DATA_PAGE' ? v1 : header.type === 'DATA_PAGE_V2' ? v2 : undefined;
    if (page === undefined) {
      if (header.type === 'DICTIONARY_PAGE') await this.#readDictionary(header);
      else this.#pages.pass(header);
      return true;
    }
    this.#unread -= page.num_values;
    // The number of rows is known only where rows begin and end with the page.
    const rows =
      this.#request.column.repetitionMax === 0 ? page.num_values : (v2?.num_rows ?? Infinity);
    if (this.#left === 0 && this.#skip >= rows) {
      this.#pages.pass(header);
      this.#passed(rows);
      return true;
    }
    if (v2 === undefined) await this.#readPage(header);
    else await this.#readPageV2(header);
    this.#countRows(v2 !== undefined);
    if (this.#skip > 0) this.#skipRows();
    return true;
  }

  /** Takes the next `rows` of the available rows. */
  take(rows: number): LeafEntries {
    const count = this.#entriesOf(rows);
    const from = this.#at;
    const definitions = this.#definitions?.subarray(from, from + count);
    const repetitions = this.#repetitions?.subarray(from, from + count);
    const values = this.#values(this.#countPresent(count), definitions, repetitions);
    this.#drop(count, rows);
    return { count, definitions, repetitions, values };
  }

  async #readDictionary(header: PageHeader): Promise<void> {
    const { library, column } = this.#request;
    const stored = await this.#pages.take(header);
    const bytes = this.#pages.decompress(stored, header.uncompressed_page_size);
    const count = header.dictionary_page_header!.num_values;
    const { element, type } = column;
    const at = plainValues({ library, element, leaf: type, bytes, offset: 0, count });
    this.#dictionary = { at, count, known: type.fresh ? undefined : new Array(count) };
  }

  async #readPage(header: PageHeader): Promise<void> {
    const { definitionMax, repetitionMax } = this.#request.column;
    const { num_values: count, ...page } = header.data_page_header!;
    const stored = await this.#pages.take(header);
    const bytes = this.#pages.decompress(stored, header.uncompressed_page_size);
    let offset = 0;
    const levels = (max: number, encoding: string): LevelRuns | undefined => {
      if (max === 0) return undefined;
      if (encoding !== 'RLE') throw new Error(`levels encoded as ${encoding} are not supported`);
      const start = offset + 4;
      offset = start + bytes.readUInt32LE(offset);
      return new LevelRuns(bytes, start, offset, bitWidth(max));
    };
    const repetitions = levels(repetitionMax, page.repetition_level_encoding);
    const definitions = levels(definitionMax, page.definition_level_encoding);
    const present = this.#append(count, definitions, repetitions);
    this.#addValues(page.encoding, bytes, offset, present);
  }

  async #readPageV2(header: PageHeader): Promise<void> {
    const { definitionMax, repetitionMax } = this.#request.column;
    const page = header.data_page_header_v2!;
    const stored = await this.#pages.take(header);
    const definitionsAt = page.repetition_levels_byte_length;
    const valuesAt = definitionsAt + page.definition_levels_byte_length;
    const repetitions =
      repetitionMax === 0
        ? undefined
        : new LevelRuns(stored, 0, definitionsAt, bitWidth(repetitionMax));
    const definitions =
      definitionMax === 0
        ? undefined
        : new LevelRuns(stored, definitionsAt, valuesAt, bitWidth(definitionMax));
    const present = this.#append(page.num_values, definitions, repetitions);
    const compressed = stored.subarray(valuesAt);
    const bytes =
      page.is_compressed === false
        ? Buffer.from(compressed.buffer, compressed.byteOffset, compressed.byteLength)
        : this.#pages.decompress(compressed, header.uncompressed_page_size - valuesAt);
    this.#addValues(page.encoding, bytes, 0, present);
  }

  /** Adds the levels of a page to those at hand. @returns the number of its values that are there */
  #append(
    count: number,
    definitionRuns: LevelRuns | undefined,
    repetitionRuns: LevelRuns | undefined,
  ): number {
    const { definitionMax } = this.#request.column;
    const before = this.#left;
    const join = (known: Uint8Array | undefined, otherwise: number, runs?: LevelRuns) => {
      const joined = new Uint8Array(before + count);
      if (known === undefined) joined.fill(otherwise, 0, before);
      else joined.set(known.subarray(this.#at, this.#at + before));
      if (runs === undefined) joined.fill(otherwise, before);
      else runs.read(joined, before, count);
      return joined;
    };
    const allThere = definitionRuns?.startsWith(definitionMax, count) ?? true;
    let present = count;
    if (allThere && (before === 0 || this.#definitions === undefined)) {
      this.#definitions = undefined;
    } else {
      this.#definitions = join(this.#definitions, definitionMax, definitionRuns);
      present = countOf(this.#definitions, definitionMax, before, before + count);
    }
    if (repetitionRuns !== undefined) {
      this.#repetitions = join(this.#repetitions, 0, repetitionRuns);
    }
    this.#at = 0;
    this.#left = before + count;
    return present;
  }

  #addValues(encoding: string, bytes: Buffer, offset: number, count: number): void {
    const { library, column } = this.#request;
    const { element, type } = column;
    const request: ValuesRequest = { library, element, leaf: type, bytes, offset, count };
    let values: PageValues;
    if (!encoding.endsWith('_DICTIONARY')) {
      values = decodeValues(encoding, request);
    } else if (count === 0) {
      return;
    } else {
      if (this.#dictionary === undefined) throw new Error('a dictionary is missing');
      values = new DictionaryValues(this.#dictionary, request);
    }
    if (count > 0) this.#sources.push({ values, left: count });
  }

  #countRows(complete: boolean): void {
    const repetitions = this.#repetitions;
    if (repetitions === undefined) {
      this.available = this.#left;
      return;
    }
    const begun = countOf(repetitions, 0, this.#at, this.#at + this.#left);
    this.available = complete || this.#unread <= 0 ? begun : Math.max(0, begun - 1);
  }

  #skipRows(): void {
    const rows = Math.min(this.#skip, this.available);
    const count = this.#entriesOf(rows);
    let present = this.#countPresent(count);
    while (present > 0) {
      const source = this.#sources[0]!;
      const skipped = Math.min(present, source.left);
      source.values.skip(skipped);
      this.#used(skipped);
      present -= skipped;
    }
    this.#drop(count, rows);
    this.#skip -= rows;
  }

  #passed(rows: number): void {
    this.#skip -= rows;
    this.#row += rows;
  }

  #entriesOf(rows: number): number {
    const repetitions = this.#repetitions;
    if (repetitions === undefined) return rows;
    const end = this.#at + this.#left;
    let begun = 0;
    let at = this.#at;
    for (; at < end; at += 1) {
      if (repetitions[at] === 0) {
        if (begun === rows) break;
        begun += 1;
      }
    }
    return at - this.#at;
  }

  #countPresent(count: number): number {
    const definitions = this.#definitions;
    if (definitions === undefined) return count;
    return countOf(definitions, this.#request.column.definitionMax, this.#at, this.#at + count);
  }

  #values(
    count: number,
    definitions: Uint8Array | undefined,
    repetitions: Uint8Array | undefined,
  ): unknown[] {
    let all: unknown[] = [];
    while (all.length < count) {
      const source = this.#sources[0]!;
      const wanted = Math.min(count - all.length, source.left);
      const piece: unknown[] = [];
      try {
        source.values.read(piece, wanted);
      } catch (error) {
        if (!(error instanceof UnfitValue)) throw error;
        const value = all.length + piece.length;
        throw this.#unfit(error, this.#rowOf(value, definitions, repetitions));
      }
      this.#used(wanted);
      all = all.length === 0 ? piece : all.concat(piece);
    }
    return all;
  }

  #used(count: number): void {
    const source = this.#sources[0]!;
    source.left -= count;
    if (source.left === 0) this.#sources.shift();
  }

  /** The row of the n-th value that is there. */
  #rowOf(
    value: number,
    definitions: Uint8Array | undefined,
    repetitions: Uint8Array | undefined,
  ): number {
    const { definitionMax } = this.#request.column;
    let entry = value;
    if (definitions !== undefined) {
      let present = 0;
      for (entry = 0; entry < definitions.length; entry += 1) {
        if (definitions[entry] === definitionMax) {
          if (present === value) break;
          present += 1;
        }
      }
    }
    const row = repetitions === undefined ? entry : countOf(repetitions, 0, 0, entry + 1) - 1;
    return this.#row + row;
  }

  #unfit(error: UnfitValue, row: number): HoldfastError {
    return new HoldfastError(
      'ERR_HOLDFAST_MALFORMED_RECORD',
      `${this.#request.place}, row ${row}: ${error.message}.`,
      { cause: error, details: { row } },
    );
  }

  #drop(entries: number, rows: number): void {
    this.#at += entries;
    this.#left -= entries;
    this.available -= rows;
    this.#row += rows;
  }
}

function countOf(levels: Uint8Array, level: number, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i += 1) if (levels[i] === level) count += 1;
  return count;
}

function bitWidth(max: number): number {
  return 32 - Math.clz32(max);
}
