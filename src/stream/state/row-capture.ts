/** A snapshot of all rows of a row table, under way. R1 … are rules of row-table.ts. */

import type { Capture, CapturedState } from '../operator.js';
import type { SlotPrefix } from './key-blob.js';
import { PAGE_ROWS, PAGE_SHIFT, SEGMENT_MASK, SEGMENT_SHIFT } from './row-layout.js';
import { encodeRowHeader } from './row-section.js';
import type { RowShadow } from './row-shadow.js';

/** A capture that is told before a row that it may have to save changes. */
export interface RowSaver extends Capture {
  /** The row is about to be written to, for the first time in a while at least. */
  save(row: number): void;
}

export interface RowCaptureOptions {
  /** Name of the section. */
  readonly section: string;
  readonly stride: number;
  readonly layout: string;
  /** The table's segments. */
  readonly segments: readonly Float64Array[];
  /** Number of rows at the cut. */
  readonly rows: number;
  /** The memory where pages are saved; it has room for all rows. */
  readonly shadow: RowShadow;
  readonly keys: readonly SlotPrefix[];
  /** Called when all pages are saved, or the snapshot was given up. */
  readonly done: () => void;
}

export class RowCapture implements RowSaver {
  readonly #given: RowCaptureOptions;
  readonly #copied: Uint8Array;
  #page = 0;
  #open = true;

  constructor(given: RowCaptureOptions) {
    this.#given = given;
    this.#copied = new Uint8Array(Math.ceil(given.rows / PAGE_ROWS));
  }

  save(row: number): void {
    const page = row >> PAGE_SHIFT;
    if (this.#copied[page] === 0) this.#copy(page);
  }

  step(deadline: number): boolean {
    const pages = this.#copied.length;
    while (this.#open) {
      if (this.#page === pages) {
        this.#close();
        break;
      }
      if (this.#copied[this.#page] === 0) this.#copy(this.#page);
      this.#page += 1;
      if (this.#page < pages && performance.now() >= deadline) return false;
    }
    return true;
  }

  take(): CapturedState {
    this.step(Number.POSITIVE_INFINITY);
    const { section, stride, layout, rows, shadow, keys } = this.#given;
    const chunks = [
      encodeRowHeader({ stride, rows, slots: keys, layout }),
      ...shadow.rowBytes(rows),
      ...keys.map(({ bytes }) => bytes),
    ];
    return { sections: [{ name: section, chunks }] };
  }

  abort(): void {
    this.#close();
  }

  #copy(page: number): void {
    this.#copied[page] = 1;
    const { stride, segments, shadow } = this.#given;
    const row = page << PAGE_SHIFT;
    const from = (row & SEGMENT_MASK) * stride;
    const rows = Math.min(PAGE_ROWS, this.#given.rows - row);
    const segment = row >> SEGMENT_SHIFT;
    shadow.segments[segment]!.set(segments[segment]!.subarray(from, from + rows * stride), from);
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#given.done();
  }
}
