import { requireExact, requireTime, type Slice, type WindowAssigner } from './assigner.js';

/**
 * Windows that grow by `stepMs` until they have `sizeMs`, and then begin anew: [start, start + step),
 * [start, start + 2·step) … [start, start + size). A slice is as long as a step.
 */
export class CumulativeAssigner implements WindowAssigner {
  readonly overlaps: boolean;
  readonly #sizeMs: number;
  readonly #stepMs: number;
  readonly #offsetMs: number;
  readonly #steps: number;

  constructor(sizeMs: number, stepMs: number, offsetMs: number) {
    this.#sizeMs = sizeMs;
    this.#stepMs = stepMs;
    this.#offsetMs = offsetMs;
    this.#steps = sizeMs / stepMs;
    this.overlaps = this.#steps > 1;
  }

  indexAt(timeMs: number): number {
    requireTime(timeMs);
    const number = Math.floor((timeMs - this.#offsetMs) / this.#stepMs);
    return requireExact(number * this.#steps, timeMs);
  }

  indexOf(stored: number): number {
    return stored;
  }

  slice(index: number): Slice {
    const number = Math.floor(index / this.#steps);
    const whole = number * this.#steps;
    const start = number * this.#stepMs + this.#offsetMs;
    const end = start + this.#stepMs;
    const firstEnd = end + (index - whole) * this.#stepMs;
    const lastEnd = this.startOf(end) + this.#sizeMs;
    return { index, whole, start, end, firstEnd, lastEnd, stored: index };
  }

  startOf(end: number): number {
    return Math.floor((end - 1 - this.#offsetMs) / this.#sizeMs) * this.#sizeMs + this.#offsetMs;
  }

  nextEnd(end: number): number {
    return end + this.#stepMs;
  }

  pivotOf(start: number): number {
    return start;
  }
}
