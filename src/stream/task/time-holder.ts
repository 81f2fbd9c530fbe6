/** Finds the split for which time waits in a source task, and for how long; tells each long wait once. */

/** A split that holds time back for so long is named. */
const LONG_MS = 10_000;

export interface TimeHolder {
  /** The split's id. */
  readonly split: string;
  /** Where it stands in event time; undefined: it has said nothing yet. */
  readonly timeMs: number | undefined;
  /** For how long it has stood there, in ms. */
  readonly heldMs: number;
}

export class TimeHolders {
  #split: string | undefined;
  #timeMs = Number.NaN;
  #sinceMs = 0;
  #isTold = false;

  /** The split that holds the watermark, if others have to wait for that; undefined: there is none. */
  note(now: number, split: string | undefined, timeMs: number): void {
    if (split === this.#split && timeMs === this.#timeMs) return;
    this.#split = split;
    this.#timeMs = timeMs;
    this.#sinceMs = now;
    this.#isTold = false;
  }

  now(now: number): TimeHolder | undefined {
    if (this.#split === undefined) return undefined;
    const timeMs = Number.isFinite(this.#timeMs) ? this.#timeMs : undefined;
    return { split: this.#split, timeMs, heldMs: now - this.#sinceMs };
  }

  /** When a split is to be told (performance.now() ms). */
  get dueMs(): number | undefined {
    return this.#split === undefined || this.#isTold ? undefined : this.#sinceMs + LONG_MS;
  }

  /** The split that has become due to be told; given once. */
  take(now: number): TimeHolder | undefined {
    const { dueMs } = this;
    if (dueMs === undefined || now < dueMs) return undefined;
    this.#isTold = true;
    return this.now(now);
  }
}
