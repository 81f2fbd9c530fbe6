import { requireTime, type Slice, type WindowAssigner } from './assigner.js';

/** Windows of one size that follow one another: [k·size + offset, (k + 1)·size + offset) is number k. */
export class TumblingAssigner implements WindowAssigner {
  readonly overlaps = false;
  readonly #sizeMs: number;
  readonly #offsetMs: number;

  constructor(sizeMs: number, offsetMs: number) {
    this.#sizeMs = sizeMs;
    this.#offsetMs = offsetMs;
  }

  indexAt(timeMs: number): number {
    requireTime(timeMs);
    return Math.floor((timeMs - this.#offsetMs) / this.#sizeMs);
  }

  indexOf(stored: number): number {
    return this.indexAt(stored);
  }

  slice(index: number): Slice {
    const start = index * this.#sizeMs + this.#offsetMs;
    const end = start + this.#sizeMs;
    return { index, whole: index, start, end, firstEnd: end, lastEnd: end, stored: start };
  }

  startOf(end: number): number {
    return end - this.#sizeMs;
  }

  nextEnd(end: number): number {
    return end + this.#sizeMs;
  }

  pivotOf(start: number): number {
    return start;
  }
}
