/** The clock of a test: it stands still until the test says so. */

import type { Clock } from '../base/clock.js';
import { badOption } from '../base/option-checks.js';

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

  /** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) {
      throw badOption('clock.advance(ms)', ms, 'a number of milliseconds of at least 0');
    }
    this.#now += ms;
    this.#elapsed += ms;
  }
}
