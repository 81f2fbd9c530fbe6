/** A snapshot of a row table under way: see row-table.ts for the invariants. */

import type { Capture, CapturedState } from '../operator.js';
import type { SlotPrefix } from './key-blob.js';
import { PAGE_ROWS, SEGMENT_ROWS } from './row-layout.js';
import { encodeRowHeader } from './row-section.js';
import type { RowTable } from './row-table.js';

export interface RowCaptureOptions {
  /** Name of the section. */
  readonly section: string;
  readonly table: RowTable;
  readonly rows: number;
  /** Segments like the table's, where pages are saved. */
  readonly shadow: readonly Float64Array[];
  readonly keys: readonly SlotPrefix[];
  /** All pages are saved, or the snapshot was given up. */
  readonly done: () => void;
}

export class RowCapture implements Capture {
  readonly #given: RowCaptureOptions;
  #page = 0;
  #open = true;

  constructor(given: RowCaptureOptions) {
    this.#given = given;
  }

  step(deadline: number): boolean {
    const pages = Math.ceil(this.#given.rows / PAGE_ROWS);
    while (this.#open) {
      if (this.#page === pages) {
        this.#close();
        break;
      }
      if (!this.#given.table.isCopied(this.#page)) this.#given.table.copyPage(this.#page);
      this.#page += 1;
      if (this.#page < pages && performance.now() >= deadline) return false;
    }
    return true;
  }

  /** All the rest now. */
  finish(): void {
    this.step(Number.POSITIVE_INFINITY);
  }

  take(): CapturedState {
    this.finish();
    const { section, table, rows, shadow, keys } = this.#given;
    const chunks = [
      encodeRowHeader({ stride: table.stride, rows, slots: keys, layout: table.layout }),
    ];
    for (let at = 0; at < rows; at += SEGMENT_ROWS) {
      const segment = shadow[at / SEGMENT_ROWS]!;
      const bytes = Math.min(SEGMENT_ROWS, rows - at) * table.stride * 8;
      chunks.push(new Uint8Array(segment.buffer, 0, bytes));
    }
    for (const key of keys) chunks.push(key.bytes);
    return { sections: [{ name: section, chunks }] };
  }

  abort(): void {
    this.#close();
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#given.done();
  }
}
