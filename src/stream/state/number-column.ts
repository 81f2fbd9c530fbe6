/**
 * Numbers of cells side by side, by the cells' places (key-cells.ts).
 *
 * A cell is an object of two lines of memory among many, and with many keys none of them is in the processor's cache when
 * its record comes. So a cell whose value is a number refers to a column (cell.ts), and a callback that reads the number
 * and writes another does not touch the cell. All else asks the cell, which asks the column.
 *
 *  N1  NaN stands for no number: a value that is NaN is in its cell.
 *  N2  A number is exchanged without a look at its cell where the cell has seen the last cut (cell-table.ts, V2). At each
 *      cut this is forgotten of all.
 *  N3  Segments never move, so no record waits for a large one to be copied.
 */

import { PLACES_MASK, PLACES_PER_SEGMENT, PLACES_SHIFT } from './place-layout.js';

interface Segment {
  readonly numbers: Float64Array;
  /** 1 where the cell has seen the last cut (N2). */
  readonly fresh: Uint8Array;
}

export class NumberColumn {
  /** Undefined where no cell has had a number. */
  readonly #segments: (Segment | undefined)[] = [];

  /** NaN where there is none (N1). */
  at(place: number): number {
    const segment = this.#segments[place >> PLACES_SHIFT];
    return segment === undefined ? Number.NaN : segment.numbers[place & PLACES_MASK]!;
  }

  /** Exchanges a number for another, if that needs no look at the cell (N2). @returns whether it did */
  exchange(place: number, number: number): boolean {
    const segment = this.#segments[place >> PLACES_SHIFT];
    const at = place & PLACES_MASK;
    if (segment === undefined || segment.fresh[at] === 0 || Number.isNaN(number)) return false;
    segment.numbers[at] = number;
    return true;
  }

  /** Puts in the number of a cell that has seen the last cut. @param number not NaN */
  put(place: number, number: number): void {
    const index = place >> PLACES_SHIFT;
    let segment = this.#segments[index];
    if (segment === undefined) {
      segment = {
        numbers: new Float64Array(PLACES_PER_SEGMENT).fill(Number.NaN),
        fresh: new Uint8Array(PLACES_PER_SEGMENT),
      };
      this.#segments[index] = segment;
    }
    segment.numbers[place & PLACES_MASK] = number;
    segment.fresh[place & PLACES_MASK] = 1;
  }

  /** There is none any more. */
  remove(place: number): void {
    const segment = this.#segments[place >> PLACES_SHIFT];
    if (segment === undefined) return;
    segment.numbers[place & PLACES_MASK] = Number.NaN;
    segment.fresh[place & PLACES_MASK] = 0;
  }

  /** A cut was made: no cell has seen it (N2). */
  cut(): void {
    for (const segment of this.#segments) segment?.fresh.fill(0);
  }
}
