import { requireExact, requireTime, type Slice, type WindowAssigner } from './assigner.js';

/**
 * Windows of one size that begin every `slideMs`: [k·slide + offset, k·slide + offset + size).
 *
 * Where the size is a multiple of the slide, slices are as long as the slide. Else a slide has two slices, since windows
 * end within it: size 10, slide 3 has windows [0, 10), [3, 13), [6, 16) … and slices [9, 10), [10, 12), [12, 13) …
 * With a size below the slide the second of the two is in no window.
 */
export class SlidingAssigner implements WindowAssigner {
  readonly overlaps: boolean;
  readonly #sizeMs: number;
  readonly #slideMs: number;
  readonly #offsetMs: number;
  /** Where a slide is divided, from its beginning; 0: it is not. */
  readonly #cutMs: number;
  readonly #slices: 1 | 2;
  /** Windows of a slice, at most. */
  readonly #windows: number;

  constructor(sizeMs: number, slideMs: number, offsetMs: number) {
    this.#sizeMs = sizeMs;
    this.#slideMs = slideMs;
    this.#offsetMs = offsetMs;
    this.#cutMs = sizeMs % slideMs;
    this.#slices = this.#cutMs === 0 ? 1 : 2;
    this.#windows = Math.ceil(sizeMs / slideMs);
    this.overlaps = this.#windows > 1;
  }

  indexAt(timeMs: number): number {
    requireTime(timeMs);
    const sinceMs = timeMs - this.#offsetMs;
    const slide = Math.floor(sinceMs / this.#slideMs);
    let number = slide * this.#slices;
    if (this.#slices === 2 && sinceMs - slide * this.#slideMs >= this.#cutMs) number += 1;
    return requireExact(number * this.#windows, timeMs);
  }

  indexOf(stored: number): number {
    return stored;
  }

  slice(index: number): Slice {
    const number = Math.floor(index / this.#windows);
    const whole = number * this.#windows;
    const slide = Math.floor(number / this.#slices);
    const isSecond = number !== slide * this.#slices;
    const begin = slide * this.#slideMs + this.#offsetMs;
    const start = isSecond ? begin + this.#cutMs : begin;
    const end = this.#slices === 2 && !isSecond ? begin + this.#cutMs : begin + this.#slideMs;
    const firstStart = Math.ceil((end - this.#sizeMs - this.#offsetMs) / this.#slideMs);
    const firstEnd = (firstStart + index - whole) * this.#slideMs + this.#offsetMs + this.#sizeMs;
    return { index, whole, start, end, firstEnd, lastEnd: begin + this.#sizeMs, stored: index };
  }

  startOf(end: number): number {
    return end - this.#sizeMs;
  }

  nextEnd(end: number): number {
    return end + this.#slideMs;
  }

  /** Blocks of as many slides as a window has in full: a window reaches over one boundary of blocks at most. */
  pivotOf(start: number): number {
    const blockMs = this.#sizeMs - this.#cutMs;
    return (Math.floor((start - this.#offsetMs) / blockMs) + 1) * blockMs + this.#offsetMs;
  }
}
