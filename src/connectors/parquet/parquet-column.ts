/** Gives the values of one column of a row group, some rows at a time. */

import { HoldfastError } from '../../base/errors.js';
import { LeafCursor } from './leaf-cursor.js';
import type { ParquetChunk, ParquetLibrary } from './parquet-library.js';
import type { ColumnShape } from './parquet-shape.js';
import { type MapForm, RowAssembly, UnfitRow } from './row-assembly.js';

export interface ColumnRequest {
  readonly column: ColumnShape;
  readonly maps: MapForm;
  readonly library: ParquetLibrary;
  /** The chunks of the row group, by leaf. */
  readonly chunks: readonly ParquetChunk[];
  read(start: number, end: number): Promise<Uint8Array>;
  /** `flights.parquet column 'delay'`, for messages. */
  readonly place: string;
  readonly rows: number;
  /** Number in the file of the group's first row, 0-based. */
  readonly firstRow: number;
  /** Row in the group to begin with. */
  readonly start: number;
}

export class ParquetColumn {
  readonly #leaves: readonly LeafCursor[];
  /** Undefined where the column is a leaf, so that a row's value is its only entry. */
  readonly #assembly: RowAssembly | undefined;
  readonly #place: string;
  #row: number;

  /** @throws HoldfastError ERR_HOLDFAST_SOURCE for a column that cannot be read */
  constructor(request: ColumnRequest) {
    const { column, place, firstRow, start } = request;
    if (column.refused !== undefined) throw refused(place, column.refused);
    this.#place = place;
    this.#row = firstRow + start;
    this.#leaves = column.leaves.map((leaf) => {
      const chunk = request.chunks[leaf.index];
      const { codec, start: from, end, entries } = chunkOf(chunk, place);
      if (leaf.repetitionMax === 0 && entries !== request.rows) {
        throw new Error(`it holds ${entries} values where its row group has ${request.rows} rows`);
      }
      const { library } = request;
      return new LeafCursor({
        column: leaf,
        pages: { library, codec, start: from, end, read: (a, b) => request.read(a, b) },
        library,
        entries,
        place: column.leaves.length === 1 ? place : `${place} ('${leaf.path}')`,
        firstRow,
        skip: start,
      });
    });
    const isLeaf = column.shape.kind === 'leaf';
    this.#assembly = isLeaf ? undefined : new RowAssembly(column.shape, request.maps);
  }

  /** Number of rows that can be taken without reading a page. */
  get available(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const leaf of this.#leaves) least = Math.min(least, leaf.available);
    return least;
  }

  /** Reads a page for a leaf that has no row at hand. */
  async advance(): Promise<void> {
    for (const leaf of this.#leaves) {
      if (leaf.available > 0) continue;
      if (!(await leaf.advance())) throw new Error('it has fewer rows than its row group');
      return;
    }
  }

  /** Takes the next `count` of the available rows. Instants are ms since 1970. */
  take(count: number): readonly unknown[] {
    const entries = this.#leaves.map((leaf) => leaf.take(count));
    const first = this.#row;
    this.#row += count;
    if (this.#assembly === undefined) {
      const { definitions, values } = entries[0]!;
      return definitions === undefined ? values : withNulls(definitions, values);
    }
    try {
      return this.#assembly.rows(entries, count);
    } catch (error) {
      if (!(error instanceof UnfitRow)) throw error;
      const row = first + error.row;
      throw new HoldfastError(
        'ERR_HOLDFAST_MALFORMED_RECORD',
        `${this.#place}, row ${row}: ${error.message}.`,
        { cause: error, details: { row } },
      );
    }
  }
}

function withNulls(definitions: Uint8Array, values: readonly unknown[]): readonly unknown[] {
  const all: unknown[] = new Array(definitions.length);
  let next = 0;
  for (let i = 0; i < all.length; i += 1) {
    if (definitions[i] === 0) {
      all[i] = null;
    } else {
      all[i] = values[next];
      next += 1;
    }
  }
  return all;
}

function chunkOf(
  chunk: ParquetChunk | undefined,
  place: string,
): {
  readonly codec: string;
  readonly start: number;
  readonly end: number;
  readonly entries: number;
} {
  if (chunk === undefined) throw new Error('its row group does not hold it');
  if (chunk.crypto_metadata !== undefined || chunk.meta_data === undefined) {
    throw refused(place, 'it is encrypted');
  }
  if (chunk.file_path !== undefined) {
    throw refused(place, `its values are in another file, '${chunk.file_path}'`);
  }
  const meta = chunk.meta_data;
  const data = Number(meta.data_page_offset);
  const dictionary = Number(meta.dictionary_page_offset ?? 0);
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  const end = start + Number(meta.total_compressed_size);
  return { codec: meta.codec, start, end, entries: Number(meta.num_values) };
}

function refused(place: string, why: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `${place} cannot be read: ${why}. Leave it out: name the other columns with \`columns\`.`,
  );
}
