/**
 * Wall-clock pacing: counts how many records are due, and waits until the next one is.
 *
 *  P1  Of the time that was lost (back-pressure, a stalled thread) at most one second is made up for, so that
 *      a long pause does not end in a flood.
 *  P2  The timer is unref'd: it keeps no process alive.
 *  P3  `stop` settles a pending wait: nothing hangs.
 */

const BACKLOG_MAX_MS = 1_000;
/** The shortest wait: with a high rate records come in batches. */
const WAIT_MIN_MS = 2;

export class Pace {
  readonly #perMs: number;
  #since = performance.now();
  #taken = 0;
  #timer: NodeJS.Timeout | undefined;
  #settle: (() => void) | undefined;

  constructor(ratePerSecond: number) {
    this.#perMs = ratePerSecond / 1_000;
  }

  /** How many records may be emitted now. */
  due(): number {
    const now = performance.now();
    const due = (now - this.#since) * this.#perMs - this.#taken;
    const max = Math.max(1, BACKLOG_MAX_MS * this.#perMs);
    if (due <= max) return Math.floor(due);
    this.#since = now - max / this.#perMs;
    this.#taken = 0;
    return Math.floor(max);
  }

  took(count: number): void {
    this.#taken += count;
  }

  /** Resolves when the next record is due, or at `stop`. */
  wait(): Promise<void> {
    const dueAt = this.#since + (this.#taken + 1) / this.#perMs;
    const waitMs = Math.min(Math.max(WAIT_MIN_MS, dueAt - performance.now()), 2 ** 31 - 1);
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#timer = setTimeout(resolve, waitMs);
      this.#timer.unref();
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#settle?.();
  }
}
