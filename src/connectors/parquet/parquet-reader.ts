/**
 * Reads one row group, a page of a column at a time. Rows are handed out as far as all columns have
 * them. A restored reader passes over the pages before its position, and over the values before the position
 * within a page.
 *
 * Decoding is synchronous. So one page is decoded per turn of the event loop, and the thread sends beats in between.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { HoldfastError } from '../../base/errors.js';
import type { FileHandle } from '../../base/files.js';
import type { SourceBatch, SourceContext, SourceReader } from '../../stream/source.js';
import { checkUnchanged, readExactly } from '../files/file-identity.js';
import type { NamedPath } from '../options.js';
import type { FileSplit } from '../split-check.js';
import { damaged } from './damaged-file.js';
import { ParquetColumn } from './parquet-column.js';
import type { ParquetLayout } from './parquet-layout.js';
import type { ParquetLibrary } from './parquet-library.js';
import type { MapForm } from './row-assembly.js';

const BATCH_ROWS = 1_000;

export interface ParquetSplit extends FileSplit {
  /** Number of the row group, 0-based; number of its rows; number of rows before it. */
  readonly group: number;
  readonly rows: number;
  readonly firstRow: number;
  /** No row has an earlier event time, in ms; undefined unless both file and user say so. */
  readonly earliestMs?: number;
  readonly [key: string]: unknown;
}

export interface ParquetReaderParts {
  readonly library: ParquetLibrary;
  readonly layout: ParquetLayout;
  readonly maps: MapForm;
  readonly path: NamedPath;
  readonly handle: FileHandle;
  readonly split: ParquetSplit;
  readonly start: number;
  readonly context: SourceContext;
}

interface NamedColumn {
  readonly name: string;
  readonly column: ParquetColumn;
}

export class ParquetReader<T> implements SourceReader<T> {
  readonly #parts: ParquetReaderParts;
  #columns: readonly NamedColumn[] | undefined;
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
    let count = this.#columns === undefined ? 0 : Math.min(BATCH_ROWS, rows - this.#next);
    for (const { column } of this.#columns ?? []) count = Math.min(count, column.available);
    if (count === 0) return this.#load();
    const values = this.#columns!.map(({ name, column }) =>
      this.#explained(name, () => column.take(count)),
    );
    this.#next += count;
    return { records: this.#parts.layout.build(count, values) as T[] };
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
    this.#columns = undefined;
    await this.#parts.handle.close();
  }

  /** Reads a page for each column that has no row at hand. */
  async #load(): Promise<SourceBatch<T> | undefined> {
    try {
      this.#columns ??= this.#open();
      for (const { name, column } of this.#columns) {
        while (column.available === 0 && !this.#closed) {
          await this.#explained(name, () => column.advance());
          this.#parts.context.alive();
          await nextTurn();
        }
      }
    } catch (error) {
      // A read that `close` has ended is no failure of the file.
      if (!this.#closed) throw error;
    }
    return this.poll() as SourceBatch<T> | undefined;
  }

  #open(): readonly NamedColumn[] {
    const { library, layout, maps, path, split, start } = this.#parts;
    const chunks = layout.metadata.row_groups[split.group]!.columns;
    return layout.columns.map((shape) => {
      const { name } = shape;
      const column = this.#explained(
        name,
        () =>
          new ParquetColumn({
            column: shape,
            maps,
            library,
            chunks,
            read: (from, to) => this.#read(from, to),
            place: `${path.shown} column '${name}'`,
            rows: split.rows,
            firstRow: split.firstRow,
            start,
          }),
      );
      return { name, column };
    });
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    const { handle, path, split } = this.#parts;
    if (!(start >= 0 && end >= start && end <= split.size)) {
      throw new Error(`it points to bytes ${start} to ${end} of ${split.size}`);
    }
    const bytes = new Uint8Array(end - start);
    await readExactly(handle, path, bytes, start);
    await checkUnchanged(handle, path, split);
    return bytes;
  }

  /** Turns what `act` throws into a failure of the file that names the column. */
  #explained<V>(name: string, act: () => V): V {
    const explain = (error: unknown): unknown => {
      if (error instanceof HoldfastError || this.#closed) return error;
      const { path, split } = this.#parts;
      const row = split.firstRow + this.#next;
      return damaged(path, `row group ${split.group}, column '${name}', at row ${row}`, error);
    };
    try {
      const value = act();
      if (!(value instanceof Promise)) return value;
      return value.catch((error: unknown) => {
        throw explain(error);
      }) as V;
    } catch (error) {
      throw explain(error);
    }
  }
}
