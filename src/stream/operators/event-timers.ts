/**
 * Event-time timers: a timer is due when event time has passed its time (lateness.ts).
 *
 *  E1  A snapshot may fall between two timers of a watermark (timer-queue.ts, Q4). It holds the watermark as well, so
 *      the timers that are left are due from the start after a restore.
 *  E2  The watermark is kept per key group where instances were at different times (group-times.ts): what was behind
 *      it stays so.
 *  E3  Where state is freed some time behind its last moment, the snapshot holds how far that was (group-times.ts, V4).
 */

import type { OperatorContext, RestoredSection, StateSection } from '../operator.js';
import type { KeyedState } from '../state/keyed-state.js';
import { earliestTime, encodeTime } from '../state/time-section.js';
import { type GroupTimes, groupTimes } from './group-times.js';
import { hasPassed, isLate } from './lateness.js';
import { TimerQueue } from './timer-queue.js';

const TIME_SECTION = 'time';
const FREED_SECTION = 'freed';

export class EventTimers {
  readonly queue: TimerQueue;
  #watermark: number;
  /** Undefined while no key group is ahead of the watermark (E2). */
  #ahead: GroupTimes | undefined;
  readonly #latenessMs: number | undefined;

  /**
   * @param slot as for the queue
   * @param latenessMs how long state is there behind its last moment; undefined: nobody is late for it (E3)
   */
  constructor(
    context: OperatorContext,
    restored: readonly RestoredSection[],
    state: KeyedState,
    slot: number,
    latenessMs?: number,
  ) {
    this.#latenessMs = latenessMs;
    this.#watermark = earliestTime(TIME_SECTION, restored);
    const sections =
      latenessMs === undefined
        ? { fired: TIME_SECTION }
        : { fired: TIME_SECTION, freed: FREED_SECTION };
    const ahead = groupTimes(sections, latenessMs ?? 0, restored, context);
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

  /** Is a record late for what is freed `latenessMs` behind that moment (lateness.ts)? */
  isLate(group: number, lastMs: number, behind: number): boolean {
    const closeMs = lastMs + (this.#latenessMs ?? 0);
    return (
      isLate(closeMs, behind, this.#watermark) ||
      this.#ahead?.isClosed(group, lastMs, closeMs) === true
    );
  }

  advance(timeMs: number): void {
    if (timeMs > this.#watermark) this.#watermark = timeMs;
    if (this.#ahead?.isAhead(this.#watermark) === false) this.#ahead = undefined;
  }

  capture(): readonly StateSection[] {
    const times = [encodeTime(TIME_SECTION, this.#watermark)];
    if (this.#latenessMs !== undefined) {
      times.push(encodeTime(FREED_SECTION, this.#watermark - this.#latenessMs));
    }
    return [...times, ...(this.#ahead?.capture() ?? [])];
  }
}
