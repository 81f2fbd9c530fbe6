/**
 * Frees state that has expired, by event time or by the clock. Whether a callback still sees it, its own time tells
 * (handle.ts).
 *
 *  X1  A key has a timer for what expires first of its state. As it fires, all is taken out that has expired by then, and
 *      a timer is set for what is next. So a write sets no timer where one is set that is earlier.
 *  X2  State that expires at event time t is freed when the watermark has passed t, and not ahead of event-time timers
 *      that are earlier than t: these may still see it.
 *  X3  By event time nothing is freed at the end of the input.
 *  X4  What has expired by the clock is freed when the input rests, as timers of the clock fire, and before a snapshot:
 *      so what was gone as a snapshot was written is gone for whoever restores it, whatever its clock shows. A task that
 *      has nothing else to do wakes for it once a second at most.
 */

import type { KeyedState } from '../state/keyed-state.js';
import type { StateHandle } from '../state/state-handles.js';
import type { EventTimers } from './event-timers.js';
import { TimerQueue } from './timer-queue.js';

/** X4 */
const WAKE_MS = 1_000;

class KeyExpiry {
  readonly #state: KeyedState;
  readonly #handles: readonly StateHandle[];
  readonly #queue: TimerQueue;

  /** @param slot as for a timer queue @param handles those of states that expire */
  constructor(state: KeyedState, slot: number, handles: readonly StateHandle[]) {
    this.#state = state;
    this.#handles = handles;
    this.#queue = new TimerQueue(state, slot, () => false);
  }

  get nextMs(): number | undefined {
    return this.#queue.nextMs;
  }

  areDue(untilMs: number): boolean {
    return this.#queue.areDue(untilMs);
  }

  /** Something of the current key expires then (X1). */
  expires(atMs: number): void {
    this.#queue.setBy(atMs);
  }

  /** Frees what has expired of one key; false when nothing is due. */
  free(untilMs: number): boolean {
    const timer = this.#queue.next(untilMs);
    if (timer === undefined) return false;
    this.#queue.fires(timer);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const handle of this.#handles) nextMs = Math.min(nextMs, handle.purge(timer.time));
    if (nextMs < Number.POSITIVE_INFINITY) this.expires(nextMs);
    this.#state.end();
    return true;
  }
}

/** By event time. */
export class Expiry {
  readonly #keys: KeyExpiry;
  readonly #timers: EventTimers;

  /** @param slot as for a timer queue @param handles those of states that expire by event time */
  constructor(
    state: KeyedState,
    slot: number,
    handles: readonly StateHandle[],
    timers: EventTimers,
  ) {
    this.#keys = new KeyExpiry(state, slot, handles);
    this.#timers = timers;
    state.expires = (atMs) => this.#keys.expires(atMs);
  }

  get isDue(): boolean {
    return this.#keys.areDue(this.#untilMs());
  }

  /** Frees what has expired of one key; false when nothing is due. */
  free(): boolean {
    return this.#keys.free(this.#untilMs());
  }

  #untilMs(): number {
    const { watermark, queue } = this.#timers;
    if (watermark === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY; // X3
    const timerMs = queue.nextMs;
    return timerMs === undefined ? watermark : Math.min(watermark, timerMs); // X2
  }
}

/** By the clock. */
export class ClockExpiry {
  readonly #keys: KeyExpiry;

  /** As of `Expiry`. */
  constructor(state: KeyedState, slot: number, handles: readonly StateHandle[]) {
    this.#keys = new KeyExpiry(state, slot, handles);
    state.expiresByClock = (atMs) => this.#keys.expires(atMs);
  }

  /** What the clock shows when it is worth while to wake; undefined: nothing expires. */
  get wakeMs(): number | undefined {
    const { nextMs } = this.#keys;
    return nextMs === undefined ? undefined : Math.ceil(nextMs / WAKE_MS) * WAKE_MS;
  }

  areDue(clockMs: number): boolean {
    return this.#keys.areDue(clockMs);
  }

  /** Frees what has expired of one key; false when nothing is due. */
  free(clockMs: number): boolean {
    return this.#keys.free(clockMs);
  }
}
