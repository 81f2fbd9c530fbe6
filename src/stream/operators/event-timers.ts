/**
 * Event-time timers: a timer is due when event time has passed its time (lateness.ts).
 *
 *  E1  A snapshot may fall between two timers of a watermark (timer-queue.ts, Q4). It holds the watermark as well, so
 *      the timers that are left are due from the start after a restore.
 *  E2  The watermark is kept per key group where instances were at different times (group-times.ts): what was behind
 *      it stays so.
 */

import type { OperatorContext, RestoredSection, StateSection } from '../operator.js';
import type { KeyedState } from '../state/keyed-state.js';
import { earliestTime, encodeTime } from '../state/time-section.js';
import { type GroupTimes, groupTimes } from './group-times.js';
import { hasPassed } from './lateness.js';
import { TimerQueue } from './timer-queue.js';

const TIME_SECTION = 'time';

export class EventTimers {
  readonly queue: TimerQueue;
  #watermark: number;
  /** Undefined while no key group is ahead of the watermark (E2). */
  #ahead: GroupTimes | undefined;

  /** @param slot as for the queue */
  constructor(
    context: OperatorContext,
    restored: readonly RestoredSection[],
    state: KeyedState,
    slot: number,
  ) {
    this.#watermark = earliestTime(TIME_SECTION, restored);
    const ahead = groupTimes({ fired: TIME_SECTION }, 0, restored, context);
    if (ahead.isAhead(this.#watermark)) this.#ahead = ahead;
    this.queue = new TimerQueue(state, slot, (group, time) =>
      hasPassed(this.watermarkOf(group), time),
    );
  }

  /** How far event time has come for the key group, in ms. */
  watermarkOf(group: number): number {
    if (this.#ahead === undefined) return this.#watermark;
    return Math.max(this.#watermark, this.#ahead.closedMs(group));
  }

  get watermark(): number {
    return this.#watermark;
  }

  advance(timeMs: number): void {
    if (timeMs > this.#watermark) this.#watermark = timeMs;
    if (this.#ahead?.isAhead(this.#watermark) === false) this.#ahead = undefined;
  }

  capture(): readonly StateSection[] {
    return [encodeTime(TIME_SECTION, this.#watermark), ...(this.#ahead?.capture() ?? [])];
  }
}
