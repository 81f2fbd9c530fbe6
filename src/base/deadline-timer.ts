/** The timer of a machine that says when it wants to be called again. */

import { TIMER_MS_MAX } from './option-checks.js';

export class DeadlineTimer {
  readonly #due: () => void;
  #atMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param due called once for each time that is set, a moment after it, or early when it is further away than a timer
   *   can be: whoever sets times looks at the clock, and sets the next one
   */
  constructor(due: () => void) {
    this.#due = due;
  }

  /** @param atMs of `performance.now()`, in the place of the one before; undefined: it is not called */
  set(atMs: number | undefined): void {
    if (atMs === this.#atMs) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    if (atMs === undefined) return;
    const waitMs = Math.min(Math.max(0, Math.ceil(atMs - performance.now())), TIMER_MS_MAX);
    this.#timer = setTimeout(() => {
      this.#atMs = undefined;
      this.#due();
    }, waitMs);
  }

  /** As `set`, but only if no earlier time is set: where times come and go in numbers, the timer stays. */
  setAtLatest(atMs: number): void {
    if (this.#atMs === undefined || atMs < this.#atMs) this.set(atMs);
  }
}
