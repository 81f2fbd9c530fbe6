import { HoldfastError } from '../../base/errors.js';
import { requireTime, type Slice, type WindowAssigner } from './assigner.js';
import type { Stretch } from './time-zone.js';

/** Windows whose bounds are known; beyond this many all are forgotten. */
const KNOWN_MAX = 10_000;

/**
 * Windows that follow one another and differ in length, such as months. A window's number is its start. The calendar is
 * asked once for each window: most records fall into one that is known.
 */
export class CalendarAssigner implements WindowAssigner {
  readonly overlaps = false;
  readonly #stretchAt: (timeMs: number) => Stretch;
  /** Those known, in order of time. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(stretchAt: (timeMs: number) => Stretch) {
    this.#stretchAt = stretchAt;
  }

  indexAt(timeMs: number): number {
    requireTime(timeMs);
    return this.#starts[this.#known(timeMs)]!;
  }

  indexOf(stored: number): number {
    return this.indexAt(stored);
  }

  slice(index: number): Slice {
    const at = this.#known(index);
    const [start, end] = [this.#starts[at]!, this.#ends[at]!];
    return { index, whole: index, start, end, firstEnd: end, lastEnd: end, stored: start };
  }

  startOf(end: number): number {
    return this.indexAt(end - 1);
  }

  nextEnd(end: number): number {
    return this.#ends[this.#known(end)]!;
  }

  pivotOf(start: number): number {
    return start;
  }

  /** The place of the window among those known. */
  #known(timeMs: number): number {
    const [starts, ends] = [this.#starts, this.#ends];
    let at = starts.length;
    let from = 0;
    while (from < at) {
      const middle = (from + at) >>> 1;
      if (ends[middle]! <= timeMs) from = middle + 1;
      else at = middle;
    }
    if (at < starts.length && starts[at]! <= timeMs) return at;
    const { start, end } = this.#stretch(timeMs);
    if (starts.length >= KNOWN_MAX) {
      starts.length = 0;
      ends.length = 0;
      at = 0;
    }
    starts.splice(at, 0, start);
    ends.splice(at, 0, end);
    return at;
  }

  #stretch(timeMs: number): Stretch {
    try {
      return this.#stretchAt(timeMs);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new HoldfastError(
        'ERR_HOLDFAST_UNSUPPORTED_VALUE',
        `a record's event time, ${timeMs} ms, is in a window that reaches beyond what a Date can hold (±8.64e15 ms). ` +
          'Keep such records out with filter(…), or correct their times in withTimestamps(…).',
        { cause: error },
      );
    }
  }
}
