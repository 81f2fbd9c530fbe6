/** The clock of a test: it stands still until the test says so. */

import type { Clock } from '../base/clock.js';

export class HandClock implements Clock {
  #now: number;
  #elapsed: number;

  /** @param startMs what it shows at first, in ms since the epoch */
  constructor(startMs: number) {
    this.#now = startMs;
    // Tasks look at the machine's clock for deadlines of their own. What is due here must not be due there before.
    this.#elapsed = Math.ceil(performance.now());
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** @param ms at least 0, not checked here */
  advance(ms: number): void {
    this.#now += ms;
    this.#elapsed += ms;
  }
}
