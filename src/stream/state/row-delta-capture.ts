/**
 * A snapshot of the rows that have changed since an earlier one, under way (row-table.ts, R6 to R8).
 *
 * The changed rows are gathered one by one into a shadow (row-table.ts, R5), in whatever order they come: by the
 * walker, or by `save` when one of them is about to be written to again. The cost follows the number of changed
 * rows; of the other rows only their bits are looked at, 32 at a time.
 */

import type { CapturedState } from '../operator.js';
import type { SlotPiece } from './key-blob.js';
import type { RowSaver } from './row-capture.js';
import { encodeRowDeltaHeader } from './row-delta-section.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from './row-layout.js';
import type { RowSet } from './row-set.js';
import type { RowShadow } from './row-shadow.js';

const ROWS_PER_LOOK_AT_THE_CLOCK = 256;

export interface RowDeltaCaptureOptions {
  /** Name of the section. */
  readonly section: string;
  /** The checkpoint on which the snapshot builds. */
  readonly base: number;
  readonly stride: number;
  readonly layout: string;
  /** The table's segments. */
  readonly segments: readonly Float64Array[];
  readonly shadow: RowShadow;
  /** Number of rows at the cut. */
  readonly rows: number;
  /** Rows that have changed since `base`; some of them may be gone by now. */
  readonly changed: RowSet;
  readonly firstSlot: number;
  readonly keys: readonly SlotPiece[];
  /** Called when all rows are gathered, or the snapshot was given up. */
  readonly done: () => void;
}

export class RowDeltaCapture implements RowSaver {
  readonly #given: RowDeltaCaptureOptions;
  /** Rows not gathered yet: a set of its own, since the next snapshot may need the given one as it is. */
  readonly #pending: RowSet;
  #gathered = 0;
  #walked = 0;
  #open = true;

  constructor(given: RowDeltaCaptureOptions) {
    this.#given = given;
    this.#pending = given.changed.copy();
  }

  save(row: number): void {
    if (this.#pending.delete(row)) this.#gather(row);
  }

  step(deadline: number): boolean {
    while (this.#open) {
      if (!this.#slice()) this.#close();
      else if (performance.now() >= deadline) return false;
    }
    return true;
  }

  take(): CapturedState {
    this.step(Number.POSITIVE_INFINITY);
    const { section, base, stride, layout, rows, shadow, firstSlot, keys: pieces } = this.#given;
    const changed = this.#gathered;
    const chunks = [
      encodeRowDeltaHeader({ stride, rows, changed, firstSlot, pieces, layout }),
      ...shadow.rowBytes(changed),
      ...shadow.numberBytes(changed),
      ...pieces.map(({ bytes }) => bytes),
    ];
    return { sections: [{ name: section, chunks, on: base }] };
  }

  abort(): void {
    this.#close();
  }

  /** Gathers a few rows; false when there are no more. */
  #slice(): boolean {
    const pending = this.#pending;
    for (let work = 0; work < ROWS_PER_LOOK_AT_THE_CLOCK; work += 1) {
      const row = pending.next(this.#walked);
      if (row < 0 || row >= this.#given.rows) return false;
      this.#walked = row + 1;
      pending.delete(row);
      this.#gather(row);
    }
    return true;
  }

  #gather(row: number): void {
    const { stride, segments, shadow } = this.#given;
    const number = this.#gathered;
    const at = number & SEGMENT_MASK;
    if (at === 0) shadow.reserve(number + 1);
    shadow.numbers[number >> SEGMENT_SHIFT]![at] = row;
    const target = shadow.segments[number >> SEGMENT_SHIFT]!;
    const segment = segments[row >> SEGMENT_SHIFT]!;
    const from = (row & SEGMENT_MASK) * stride;
    const to = at * stride;
    for (let word = 0; word < stride; word += 1) target[to + word] = segment[from + word]!;
    this.#gathered = number + 1;
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#given.done();
  }
}
