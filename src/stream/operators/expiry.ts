/**
 * Frees state that has expired. Whether a callback still sees it, its own time tells (handle.ts).
 *
 *  X1  A key has a timer for what expires first of its state. As it fires, all is taken out that has expired by then, and
 *      a timer is set for what is next. So a write sets no timer where one is set that is earlier.
 *  X2  State that expires at t is freed when the watermark has passed t, and not ahead of event-time timers that are
 *      earlier than t: these may still see it.
 *  X3  Nothing is freed at the end of the input.
 */

import type { KeyedState } from '../state/keyed-state.js';
import type { StateHandle } from '../state/state-handles.js';
import type { EventTimers } from './event-timers.js';
import { TimerQueue } from './timer-queue.js';

export class Expiry {
  readonly #state: KeyedState;
  readonly #handles: readonly StateHandle[];
  readonly #timers: EventTimers;
  readonly #queue: TimerQueue;

  /** @param slot as for a timer queue @param handles those of states that expire */
  constructor(
    state: KeyedState,
    slot: number,
    handles: readonly StateHandle[],
    timers: EventTimers,
  ) {
    this.#state = state;
    this.#handles = handles;
    this.#timers = timers;
    this.#queue = new TimerQueue(state, slot, () => false);
    if (slot < 0) return;
    state.expires = (atMs) => this.#queue.setBy(atMs); // X1
  }

  get isDue(): boolean {
    return this.#queue.areDue(this.#untilMs);
  }

  /** Frees what has expired of one key; false when nothing is due. */
  free(): boolean {
    const timer = this.#queue.next(this.#untilMs);
    if (timer === undefined) return false;
    this.#queue.fires(timer);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const handle of this.#handles) nextMs = Math.min(nextMs, handle.purge(timer.time));
    if (nextMs < Number.POSITIVE_INFINITY) this.#state.expires?.(nextMs);
    this.#state.end();
    return true;
  }

  get #untilMs(): number {
    const { watermark, queue } = this.#timers;
    if (watermark === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY; // X3
    const timerMs = queue.nextMs;
    return timerMs === undefined ? watermark : Math.min(watermark, timerMs); // X2
  }
}
