/**
 * Is a thread alive, idle, busy or hung? Two independent signs tell: beats, which its event loop sends, and a
 * progress counter in shared memory, which its work moves.
 *
 *                     progress moves        progress stands still
 *   beats come        alive                 idle
 *   no beats          busy                  suspect, then hung
 *
 *  F1  A thread has hung when neither sign has come for `timeoutMs`. Either sign alone keeps it from that, but a
 *      thread that only makes progress is ended after `busyLimitMs` without a beat, if there is a limit.
 *  F2  A thread whose loop was idle all through its silence cannot be stuck in user code: it has
 *      `QUIET_FACTOR` times as long. After that it counts as hung too, because it serves nobody.
 *  F3  Time in which the observer itself was late does not count as silence: beats may have waited in the
 *      observer's own queue. So being late makes no verdict worse.
 *  F4  Time in which the thread waited for a processor does not count as silence either, as far as the system
 *      tells it: on a machine with more to do than it has cores, slow is not hung. A wait may be told late,
 *      all of it at once; so it is taken off the whole silence, not off the last round of it.
 *  F5  `hung` is told once. After it, and after `died`, every verdict is `dead`.
 */

export type Verdict = 'alive' | 'idle' | 'busy' | 'suspect' | 'hung' | 'dead';

export interface FaultDetectorOptions {
  /** How often a beat is sent. */
  readonly intervalMs: number;
  /** Neither beat nor progress for this long is a hang. */
  readonly timeoutMs: number;
  /** Progress without beats for this long also counts as a hang; undefined: never. */
  readonly busyLimitMs?: number | undefined;
}

export interface Observation {
  /** Milliseconds of a clock that does not go back. */
  readonly now: number;
  /** The counter; any change is progress, it may wrap around. */
  readonly progress: number;
  /** Share of time in which the thread's loop was busy since the last observation, 0…1. */
  readonly utilization: number | undefined;
  /** The observer itself was late since its last observation. */
  readonly late: boolean;
  /** How long the thread has waited for a processor since it began; undefined when not known. */
  readonly waitedMs?: number | undefined;
}

/** A sign counts as missing after this many intervals: one late beat means nothing. */
const MISSING_AFTER_BEATS = 2;
const QUIET_UTILIZATION = 0.05;
const QUIET_FACTOR = 2;

export class FaultDetector {
  readonly #timeoutMs: number;
  readonly #busyLimitMs: number;
  readonly #missingAfterMs: number;
  #lastObservedMs: number;
  #lastBeatMs: number;
  #lastProgressMs: number;
  #progress: number | undefined;
  /** A sign came since the last observation, so the next utilisation is partly of the time before the sign. */
  #signed = true;
  /** The loop was active at some time since the last sign (F2). */
  #active = false;
  #waitedMs: number | undefined;
  #dead = false;

  constructor({ intervalMs, timeoutMs, busyLimitMs }: FaultDetectorOptions, now: number) {
    this.#timeoutMs = timeoutMs;
    this.#busyLimitMs = busyLimitMs ?? Number.POSITIVE_INFINITY;
    this.#missingAfterMs = intervalMs * MISSING_AFTER_BEATS;
    this.#lastObservedMs = now;
    this.#lastBeatMs = now;
    this.#lastProgressMs = now;
  }

  /** A beat has arrived. */
  beat(now: number): void {
    this.#lastBeatMs = Math.max(this.#lastBeatMs, now);
    this.#signed = true;
  }

  /** The thread is known to be gone. */
  died(): void {
    this.#dead = true;
  }

  observe({ now, progress, utilization, late, waitedMs }: Observation): Verdict {
    if (this.#dead) return 'dead'; // F5
    const starvedMs = this.#starvedSince(waitedMs);
    const observedMs = now - this.#lastObservedMs;
    this.#forget(now, Math.max(starvedMs, late ? observedMs : 0)); // F3, F4
    this.#lastObservedMs = now;
    if (this.#progress !== undefined && progress !== this.#progress) {
      this.#lastProgressMs = now;
      this.#signed = true;
    }
    this.#progress = progress;
    if (this.#signed) this.#active = false;
    else if (utilization === undefined || utilization >= QUIET_UTILIZATION) this.#active = true;
    this.#signed = false;
    const beatSilenceMs = now - this.#lastBeatMs;
    const silenceMs = Math.min(beatSilenceMs, now - this.#lastProgressMs);
    if (silenceMs >= this.#allowedMs() || beatSilenceMs >= this.#busyLimitMs) {
      this.#dead = true; // F5
      return 'hung';
    }
    const moves = now - this.#lastProgressMs < this.#missingAfterMs;
    if (beatSilenceMs < this.#missingAfterMs) return moves ? 'alive' : 'idle';
    return moves ? 'busy' : 'suspect';
  }

  /** The wait since the last observation. What was waited before the first one belongs to no silence judged here. */
  #starvedSince(waitedMs: number | undefined): number {
    if (waitedMs === undefined) return 0;
    const starvedMs = waitedMs - (this.#waitedMs ?? waitedMs);
    this.#waitedMs = waitedMs;
    return Math.max(0, starvedMs);
  }

  #allowedMs(): number {
    return this.#active ? this.#timeoutMs : this.#timeoutMs * QUIET_FACTOR;
  }

  /** Shortens both silences by so much. */
  #forget(now: number, lostMs: number): void {
    this.#lastBeatMs = Math.min(now, this.#lastBeatMs + lostMs);
    this.#lastProgressMs = Math.min(now, this.#lastProgressMs + lostMs);
  }
}
