/** A snapshot of a cell table under way: see cell-table.ts for the invariants. */

import type { Capture, CapturedState } from '../operator.js';
import { CellSectionWriter } from './cell-section.js';
import type { Cell, CellBucket } from './cell-table.js';

const CELLS_PER_LOOK_AT_THE_CLOCK = 32;

export interface CellCaptureOptions {
  /** Name of the section. */
  readonly section: string;
  readonly operator: string;
  readonly layout: string;
  /** The table's number for this snapshot. */
  readonly number: number;
  /** The buckets at the cut. */
  readonly buckets: readonly CellBucket[];
  /** All cells are encoded, or the snapshot was given up. */
  readonly done: () => void;
}

export class CellCapture implements Capture {
  readonly #given: CellCaptureOptions;
  readonly #writer: CellSectionWriter;
  #open = true;
  #bucket = 0;
  /** Survives changes of the Map between slices: deleted cells are gone, new ones are skipped. */
  #cells: Iterator<Cell> | undefined;
  #error: unknown;
  #failed = false;

  constructor(given: CellCaptureOptions) {
    this.#given = given;
    this.#writer = new CellSectionWriter(given.operator, given.layout);
  }

  /** Encodes a cell's value as it is now. Never throws: `step` does. */
  encode(namespace: number, cell: Cell): void {
    if (this.#failed) return;
    try {
      this.#writer.write(namespace, cell.group, cell.key, cell.value);
    } catch (error) {
      this.#error = error;
      this.#failed = true;
    }
  }

  step(deadline: number): boolean {
    while (this.#open && !this.#failed) {
      if (!this.#slice()) this.#close();
      else if (performance.now() >= deadline) break;
    }
    if (this.#failed) {
      this.#close();
      throw this.#error;
    }
    return !this.#open;
  }

  take(): CapturedState {
    this.step(Number.POSITIVE_INFINITY);
    return { sections: [{ name: this.#given.section, chunks: this.#writer.finish() }] };
  }

  abort(): void {
    this.#close();
  }

  /** A few cells; false when there are no more. */
  #slice(): boolean {
    const { buckets, number } = this.#given;
    for (let work = 0; work < CELLS_PER_LOOK_AT_THE_CLOCK; work += 1) {
      const bucket = buckets[this.#bucket];
      if (bucket === undefined) return false;
      this.#cells ??= bucket.cells.values();
      const next = this.#cells.next();
      if (next.done === true) {
        this.#bucket += 1;
        this.#cells = undefined;
      } else if (next.value.seen < number) {
        next.value.seen = number;
        this.encode(bucket.namespace, next.value);
      }
    }
    return true;
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#given.done();
  }
}
