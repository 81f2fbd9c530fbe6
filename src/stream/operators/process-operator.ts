/**
 * Runs the callbacks of `process`: `onElement` for each record, `onTimer` for each timer that is due.
 *
 *  R1  What a callback emits is held until it has returned, and then goes on, one record at a time. So user code never
 *      runs inside of user code, and no failure downstream is thrown at it.
 *  R2  Behind each callback, timers that are due fire at once: those that were set behind the watermark.
 *  R3  A watermark is forwarded behind the last record that it made a timer emit (operator.ts, O3).
 *  R4  When the task pauses between two callbacks, a snapshot may be taken: what is left are timers, and they are in
 *      the state (event-timers.ts, E4). It may not while records are held, which are nowhere else.
 *  R5  A record emitted for a record has its time and its mark. One emitted for an event-time timer has the timer's
 *      time, and no mark; one emitted for a timer of the clock has neither.
 *  R6  Timers of the clock fire when the input rests (operator.ts, `settle`), up to the time that it shows then.
 *  R7  A timer whose callback fails where failures are put aside is gone, and what the callback has changed is undone.
 *  R8  For a record, state has expired by its time; if it is behind, by the time that its split had just before it
 *      (its mark). The watermark can only be further when a split was idle and has come back, or is read again from
 *      further back than others (lateness.ts, J2): then it counts, since by then state may have been freed.
 *  R9  For a timer of the clock, state has expired by the watermark: so all that is not freed is there while there is
 *      none. What it writes is of the newest time that is known, the watermark's or a record's, since an older one could
 *      take from a record what it has just written. When no time is known, it is there until it is written again.
 */

import { HoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { shownKey } from '../../hashring/canonical-key.js';
import { keyGroupOf } from '../../hashring/key-group.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type { KeySelector } from '../api/key-selector.js';
import {
  CLOCK_SLOT,
  describeSlots,
  EVENT_SLOT,
  expirySlotOf,
  type ProcessContext,
  type ProcessSpecData,
  type Slot,
  slotsOf,
  type TimerKind,
  type Timers,
} from '../api/process.js';
import type { Capture, Operator, OperatorContext, Receiver, RestoredSection } from '../operator.js';
import { withSections } from '../state/captures.js';
import { detachedKey } from '../state/detached.js';
import { KeyedState } from '../state/keyed-state.js';
import { type StateHandle, stateHandle } from '../state/state-handles.js';
import type { StateDescription } from '../state/state-layout.js';
import { CallbackOutput } from './callback-output.js';
import { EventTimers } from './event-timers.js';
import { Expiry } from './expiry.js';
import { keyOfSelected } from './operator-key.js';
import { slotEvolution } from './state-evolution.js';
import { type Timer, TimerQueue } from './timer-queue.js';

/** Before, and behind, all times: what expires at the last one is freed at no watermark. In ms. */
const FIRST_MS = -Number.MAX_VALUE;
const LAST_MS = Number.MAX_VALUE;

export function processOperator(key: KeySelector, spec: ProcessSpecData): () => Operator {
  return () => new ProcessOperator(key, spec);
}

class ProcessOperator implements Operator {
  readonly #select: (record: unknown) => unknown;
  readonly #spec: ProcessSpecData;
  readonly #slots: readonly Slot[];
  readonly #description: StateDescription;
  #context!: OperatorContext;
  #output!: Receiver;
  #state!: KeyedState;
  #timers!: EventTimers;
  #clock!: TimerQueue;
  /** Undefined where nothing expires. */
  #expiry: Expiry | undefined;
  /** The newest event time of any record, since the start (R9). */
  #newestMs = Number.NEGATIVE_INFINITY;
  /** Timers of the clock are due up to this time (R6); −∞ while they do not fire. */
  #clockMs = Number.NEGATIVE_INFINITY;
  #callbacks!: CallbackContext;
  /** Has the records of the last callback that are still to go on (R1). */
  readonly #out = new CallbackOutput('process');
  /** Work is left: held records, or timers. */
  #isBusy = false;
  /** A watermark has come that is forwarded when the work is done (R3). */
  #hasWatermark = false;
  /** What comes before is idle: told when the work is done. */
  #idle: { readonly isSilent: boolean } | undefined;

  constructor(key: KeySelector, spec: ProcessSpecData) {
    this.#select = key as (record: unknown) => unknown;
    this.#spec = spec;
    this.#slots = slotsOf(spec);
    this.#description = describeSlots(this.#slots);
  }

  get suspended(): boolean {
    return this.#isBusy;
  }

  /** R4 */
  get divisible(): boolean {
    return !this.#out.suspended;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.#context = context;
    this.#output = context.output;
    this.#out.open(context);
    const slots = this.#slots;
    const description = this.#description;
    this.#state = new KeyedState(context, restored, {
      description,
      slots: slots.length,
      evolve: (before) => slotEvolution(context.operator, before, description, slots),
    });
    const hasTimers = this.#spec.onTimer !== undefined;
    this.#timers = new EventTimers(context, restored, this.#state, hasTimers ? EVENT_SLOT : -1);
    this.#clock = new TimerQueue(this.#state, hasTimers ? CLOCK_SLOT : -1, () => false);
    const handles: Record<string, StateHandle> = {};
    for (const [slot, { name, spec }] of slots.entries()) {
      if (spec === undefined) continue;
      handles[name] = stateHandle(spec, name, slot, this.#state, context.records);
    }
    const expirySlot = expirySlotOf(slots);
    if (expirySlot >= 0) {
      const expiring = Object.values(handles).filter((handle) => handle.expires);
      this.#expiry = new Expiry(this.#state, expirySlot, expiring, this.#timers);
    }
    this.#callbacks = new CallbackContext({
      state: this.#state,
      timers: this.#timers,
      clock: this.#clock,
      handles,
      hasTimers,
    });
    this.#isBusy = this.#areDue;
  }

  onElement(record: unknown, timestamp: number, givenGroup: number, behind: number): void {
    const select = this.#select;
    const selected = select(record);
    const canonical = keyOfSelected(selected);
    const key = shownKey(selected);
    const group = givenGroup === 0 ? keyGroupOf(key, this.#context.keyGroups) : givenGroup;
    const state = this.#state;
    state.begin(canonical, key, group);
    if (this.#expiry !== undefined) {
      this.#at(timestamp, Math.max(timestamp, behind, this.#timers.watermarkOf(group))); // R8
      if (timestamp > this.#newestMs) this.#newestMs = timestamp;
    }
    this.#begin(timestamp, behind, undefined);
    try {
      const answer = this.#spec.onElement(record, this.#callbacks, this.#out);
      if (answer !== undefined && isThenable(answer)) {
        throw asyncCallbackError('process({ onElement })');
      }
    } catch (error) {
      this.#failed();
      throw error;
    }
    state.end();
    this.#out.end();
    this.#work();
  }

  onWatermark(timeMs: number): void {
    if (timeMs === Number.POSITIVE_INFINITY && this.#timers.watermark < timeMs) this.#ended();
    this.#timers.advance(timeMs);
    if (!this.#isBusy && !this.#areDue) {
      this.#output.onWatermark(timeMs);
      return;
    }
    this.#hasWatermark = true;
    this.#work();
  }

  onIdle(isSilent: boolean): void {
    if (this.#isBusy) this.#idle = { isSilent };
    else this.#output.onIdle?.(isSilent);
  }

  resume(): void {
    if (this.#out.suspended) this.#out.resume();
    this.#work();
  }

  settle(): void {
    if (this.#isBusy || this.#clock.entries === 0) return;
    this.#clockMs = Date.now();
    this.#work();
  }

  get dueMs(): number | undefined {
    const next = this.#clock.nextMs;
    return next === undefined ? undefined : performance.now() + (next - Date.now());
  }

  get #areDue(): boolean {
    return (
      this.#timers.queue.areDue(this.#timers.watermark) ||
      this.#clock.areDue(this.#clockMs) ||
      this.#expiry?.isDue === true
    );
  }

  /** Goes on with what is left to be done, as far as there is room. */
  #work(): void {
    const timers = this.#timers;
    this.#isBusy = true;
    for (;;) {
      if (this.#out.suspended) return;
      if (!this.#areDue) break;
      if (this.#context.turn.pause) return;
      if (this.#expiry?.free() === true) {
        this.#context.alive();
        continue;
      }
      const timer = timers.queue.next(timers.watermark);
      if (timer !== undefined) {
        this.#fire(timers.queue, timer, 'eventTime');
      } else {
        const other = this.#clock.next(this.#clockMs);
        // What seemed due was not set any more. Behind it there may be something else.
        if (other === undefined) continue;
        this.#fire(this.#clock, other, 'processingTime');
      }
      this.#context.alive();
    }
    this.#clockMs = Number.NEGATIVE_INFINITY;
    this.#isBusy = false;
    if (this.#hasWatermark) {
      this.#hasWatermark = false;
      this.#output.onWatermark(timers.watermark);
    }
    const idle = this.#idle;
    if (idle === undefined) return;
    this.#idle = undefined;
    this.#output.onIdle?.(idle.isSilent);
  }

  capture(checkpoint: number, base?: number): Capture {
    return withSections(this.#timers.capture(), this.#state.capture(checkpoint, base));
  }

  /** Timers of the clock that are still set will not fire. */
  #ended(): void {
    const { size } = this.#clock;
    if (size > 0) this.#context.count('timersLeft', size);
  }

  #fire(queue: TimerQueue, timer: Timer, kind: TimerKind): void {
    const { time, cell } = timer;
    const eventTime = kind === 'eventTime' ? time : Number.NaN;
    queue.fires(timer);
    if (kind === 'eventTime') this.#at(time, time);
    else this.#atWatermark(this.#timers.watermarkOf(cell.group));
    this.#begin(eventTime, NOT_BEHIND, kind);
    try {
      const answer = this.#spec.onTimer?.(time, this.#callbacks, this.#out);
      if (answer !== undefined && isThenable(answer)) {
        throw asyncCallbackError('process({ onTimer })');
      }
    } catch (error) {
      const { reject } = this.#context;
      this.#failed();
      if (reject === undefined) throw error;
      reject({ key: detachedKey(cell.key), time }, eventTime, error); // R7
      return;
    }
    this.#state.end();
    this.#out.end();
  }

  /** The moment of a callback, for state that expires. */
  #at(timeMs: number, nowMs: number): void {
    this.#state.timeMs = timeMs;
    this.#state.nowMs = nowMs;
  }

  /** R9 */
  #atWatermark(watermark: number): void {
    const newestMs = Math.max(watermark, this.#newestMs);
    const isTimed = newestMs > Number.NEGATIVE_INFINITY;
    this.#at(isTimed ? newestMs : LAST_MS, Math.max(watermark, FIRST_MS));
  }

  #begin(timestamp: number, behind: number, kind: TimerKind | undefined): void {
    this.#callbacks.begin(timestamp, kind);
    this.#out.begin(timestamp, behind);
  }

  #failed(): void {
    this.#out.drop();
    if (this.#state.undoes) this.#state.undo();
    else this.#state.end();
  }
}

interface CallbackParts {
  readonly state: KeyedState;
  readonly timers: EventTimers;
  readonly clock: TimerQueue;
  readonly handles: Readonly<Record<string, StateHandle>>;
  readonly hasTimers: boolean;
}

/** The one context of an operator: which key it is of, the state knows. */
class CallbackContext implements ProcessContext<unknown, unknown> {
  readonly #parts: CallbackParts;
  readonly state: never;
  readonly timers: Timers;
  /** Of the record or timer; NaN for none. */
  #eventTime = Number.NaN;
  #timerKind: TimerKind | undefined;

  constructor(parts: CallbackParts) {
    const { timers, clock, hasTimers } = parts;
    this.#parts = parts;
    this.state = parts.handles as never;
    this.timers = {
      eventTime: (ms) => timers.queue.set(requireTime(ms, 'eventTime', hasTimers)),
      deleteEventTime: (ms) => timers.queue.delete(requireTime(ms, 'deleteEventTime', hasTimers)),
      processingTime: (ms) => clock.set(requireTime(ms, 'processingTime', hasTimers)),
      deleteProcessingTime: (ms) =>
        clock.delete(requireTime(ms, 'deleteProcessingTime', hasTimers)),
    };
  }

  /** A callback begins. @param eventTime NaN for none */
  begin(eventTime: number, kind: TimerKind | undefined): void {
    this.#eventTime = eventTime;
    this.#timerKind = kind;
  }

  get timerKind(): TimerKind | undefined {
    this.#parts.state.requireCallback();
    return this.#timerKind;
  }

  get key(): unknown {
    const { key } = this.#parts.state;
    return typeof key === 'object' ? detachedKey(key) : key;
  }

  get timestamp(): number {
    this.#parts.state.requireCallback();
    if (Number.isNaN(this.#eventTime)) throw noTimestamp(this.#timerKind);
    return this.#eventTime;
  }

  get watermark(): number {
    const { state, timers } = this.#parts;
    state.requireCallback();
    return timers.watermarkOf(state.group);
  }
}

function requireTime(ms: unknown, method: string, hasTimers: boolean): number {
  if (!hasTimers) {
    throw new HoldfastError(
      'ERR_HOLDFAST_USER_CODE',
      `ctx.timers.${method}(…) was called in a process(…) without onTimer, so nothing would happen when the time ` +
        'comes. Give it an onTimer.',
    );
  }
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms + 0; // −0 + 0 is 0.
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `ctx.timers.${method}(ms) needs a time in ms since the epoch, a finite number, but was given ${describeValue(ms)}.`,
  );
}

function noTimestamp(kind: TimerKind | undefined): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    kind === undefined
      ? 'ctx.timestamp was asked for a record without an event time. Give records their times with ' +
          '.withTimestamps(…) before keyBy, or read from a source that knows them.'
      : 'ctx.timestamp was asked for a timer of the clock, which has no event time: onTimer is given the time of ' +
          'the clock, and ctx.watermark tells how far event time has come.',
  );
}
