/**
 * Reads one row group: all its columns are decoded first, then rows are handed out.
 *
 * A page cannot be entered in the middle, so a restored reader decodes the group again and skips.
 * Decoding is synchronous inside hyparquet: it is done one column per turn of the event loop, so
 * that the thread goes on answering beats in between.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { HoldfastError } from '../../base/errors.js';
import type { FileHandle } from '../../base/files.js';
import type { SourceBatch, SourceContext, SourceReader } from '../../stream/source.js';
import { checkUnchanged } from '../files/file-identity.js';
import type { NamedPath } from '../options.js';
import type { FileSplit } from '../split-check.js';
import { makeColumn, type ParquetColumn, parsersFor } from './parquet-column.js';
import type {
  ParquetChunk,
  ParquetFile,
  ParquetLibrary,
  ParquetMetadata,
  ParquetSchemaNode,
} from './parquet-library.js';
import { type RowBuilder, rowBuilder } from './parquet-rows.js';

const BATCH_ROWS = 1_000;

export interface ParquetSplit extends FileSplit {
  /** Row group, 0-based; its number of rows, and of the rows before it. */
  readonly group: number;
  readonly rows: number;
  readonly firstRow: number;
  readonly [key: string]: unknown;
}

export interface ParquetReaderParts {
  readonly library: ParquetLibrary;
  readonly metadata: ParquetMetadata;
  readonly columns: readonly ParquetSchemaNode[];
  readonly bigints: boolean;
  readonly path: NamedPath;
  readonly handle: FileHandle;
  readonly file: ParquetFile;
  readonly split: ParquetSplit;
  readonly start: number;
  readonly context: SourceContext;
}

export class ParquetReader<T> implements SourceReader<T> {
  readonly #parts: ParquetReaderParts;
  #build: RowBuilder | undefined;
  #batchStart: number;
  #next: number;
  #closed = false;

  constructor(parts: ParquetReaderParts) {
    this.#parts = parts;
    this.#batchStart = parts.start;
    this.#next = parts.start;
  }

  poll(): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    const { rows } = this.#parts.split;
    this.#batchStart = this.#next;
    if (this.#next >= rows || this.#closed) return undefined;
    const build = this.#build;
    if (build === undefined) return this.#decode();
    this.#next = Math.min(rows, this.#next + BATCH_ROWS);
    return { records: build(this.#batchStart, this.#next) as T[] };
  }

  position(taken: number): { readonly row: number } {
    return { row: this.#batchStart + taken };
  }

  describe(index: number): string {
    const { path, split } = this.#parts;
    return `${path.shown} row ${split.firstRow + this.#batchStart + index}`;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#build = undefined;
    await this.#parts.handle.close();
  }

  async #decode(): Promise<SourceBatch<T> | undefined> {
    try {
      await this.#decodeColumns();
    } catch (error) {
      // A read that `close` cut off is no failure of the file.
      if (!this.#closed) throw error;
    }
    return this.poll() as SourceBatch<T> | undefined;
  }

  async #decodeColumns(): Promise<void> {
    const { columns, context, handle, path, split } = this.#parts;
    const decoded: ParquetColumn[] = [];
    for (const node of columns) {
      if (this.#closed) return;
      decoded.push(await this.#column(node));
      context.alive();
      await nextTurn();
    }
    if (this.#closed) return;
    await checkUnchanged(handle, path, split);
    this.#build = rowBuilder(decoded);
  }

  async #column(node: ParquetSchemaNode): Promise<ParquetColumn> {
    const { library, metadata, file, split, path, bigints } = this.#parts;
    const { rows, firstRow } = split;
    const { name } = node.element;
    const place = `${path.shown} column '${name}'`;
    const chunks: ParquetChunk[] = [];
    try {
      await library.readColumn({
        file,
        metadata,
        column: name,
        rowStart: firstRow,
        rowEnd: firstRow + rows,
        parsers: parsersFor(node),
        onChunk: (chunk) => chunks.push(chunk),
      });
      return makeColumn(chunks, { node, rows, bigints, place, firstRow });
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      throw damaged(path, `row group ${split.group}, column '${name}'`, error);
    }
  }
}

export function damaged(path: NamedPath, where: string, error: unknown): HoldfastError {
  const message = error instanceof Error ? error.message : String(error);
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `cannot read '${path.shown}' (${where}): ${message}. ` +
      'The file is damaged, cut short, or no Parquet file that hyparquet can read.',
    { cause: error, details: { path: path.absolute } },
  );
}
