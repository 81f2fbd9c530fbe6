/**
 * An operator with state and timers by key: fires what is due, as far as there is room, and forwards time behind it.
 *
 *  T1  Behind each callback, timers that are due fire at once: those that were set behind the watermark.
 *  T2  A watermark is forwarded behind the last record that it made a timer emit (operator.ts, O3).
 *  T3  When the task pauses between two timers, a snapshot may be taken: what is left are timers, and they are in the
 *      state (event-timers.ts, E1). It may not while records are held, which are nowhere else.
 *  T4  Timers of the clock fire when the input rests (operator.ts, `settle`), up to the time that it shows then.
 *  T5  Where it is asked for, those that are set when the input has ended fire then, and those that they set. The watermark
 *      tells that it has ended, also after a restore in the midst of them.
 */

import { type Clock, machineClock } from '../../base/clock.js';
import type { WindowBounds } from '../api/windows.js';
import type { Capture, Operator, OperatorContext, Receiver, RestoredSection } from '../operator.js';
import { withSections } from '../state/captures.js';
import { detachedKey } from '../state/detached.js';
import type { KeyedState } from '../state/keyed-state.js';
import type { CallbackOutput } from './callback-output.js';
import type { EventTimers } from './event-timers.js';
import type { ClockExpiry, Expiry } from './expiry.js';
import type { Timer, TimerQueue } from './timer-queue.js';

/** What is due, by time. Asking may be cheap and say too much. */
export interface DueQueue<D> {
  /** Is there anything to be taken at that time? It may turn out that there is not. */
  areDue(nowMs: number): boolean;
  /** Takes what is due next at that time; undefined when there is nothing. */
  next(nowMs: number): D | undefined;
}

/** What `open` makes. */
export interface TimedParts<D> {
  readonly state: KeyedState;
  readonly timers: EventTimers;
  /** Due by event time. */
  readonly events: DueQueue<D>;
  readonly clock: TimerQueue;
  /** Absent where nothing expires. */
  readonly expiry?: Expiry | undefined;
  readonly clockExpiry?: ClockExpiry | undefined;
  /** T5. Default false. */
  readonly flushesClock?: boolean | undefined;
}

/** @typeParam D what is due by event time */
export abstract class TimedOperator<D> implements Operator {
  protected context!: OperatorContext;
  protected output!: Receiver;
  protected state!: KeyedState;
  protected timers!: EventTimers;
  protected clock!: TimerQueue;
  #events!: DueQueue<D>;
  #watch!: Clock;
  /** Has the records of the last callback that are still to go on. */
  protected readonly out: CallbackOutput;
  #expiry: Expiry | undefined;
  #clockExpiry: ClockExpiry | undefined;
  #flushesClock = false;
  /** Timers of the clock are due up to this time (T4); −∞ while they do not fire. */
  #clockMs = Number.NEGATIVE_INFINITY;
  /** Work is left: held records, or timers. */
  #isBusy = false;
  /** A watermark has come that is forwarded when the work is done (T2). */
  #hasWatermark = false;
  /** What comes before is idle: told when the work is done. */
  #idle: { readonly isSilent: boolean } | undefined;

  constructor(out: CallbackOutput) {
    this.out = out;
  }

  protected abstract parts(
    context: OperatorContext,
    restored: readonly RestoredSection[],
  ): TimedParts<D>;

  abstract onElement(record: unknown, timestamp: number, group: number, behind: number): void;

  /** It is due: does what that asks for. */
  protected abstract fireEvent(due: D): void;

  /** A timer of the clock is due. */
  protected abstract fireClock(timer: Timer): void;

  /** The input has ended. Timers of the clock that are still set will not fire. */
  protected ended(): void {
    const { size } = this.clock;
    if (size > 0 && !this.#flushesClock) this.context.count('timersLeft', size);
  }

  /** The row of a key's window cannot be made: told with the fields with which the row would have begun. */
  protected rejectWindow(key: unknown, bounds: WindowBounds, timeMs: number, error: unknown): void {
    const { reject } = this.context;
    if (reject === undefined) throw error;
    reject({ key: detachedKey(key), ...bounds }, timeMs, error);
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.context = context;
    this.output = context.output;
    this.#watch = context.clock ?? machineClock;
    this.out.open(context);
    const parts = this.parts(context, restored);
    const { state, timers, events, clock, expiry, clockExpiry, flushesClock } = parts;
    this.state = state;
    this.timers = timers;
    this.#events = events;
    this.clock = clock;
    this.#expiry = expiry;
    this.#clockExpiry = clockExpiry;
    this.#flushesClock = flushesClock === true;
    this.#isBusy = this.#areDue();
  }

  get suspended(): boolean {
    return this.#isBusy;
  }

  /** T3 */
  get divisible(): boolean {
    return !this.out.suspended;
  }

  onWatermark(timeMs: number): void {
    const { timers } = this;
    const isEnd = timeMs === Number.POSITIVE_INFINITY && timers.watermark < timeMs;
    timers.advance(timeMs);
    if (isEnd) this.ended();
    if (!this.#isBusy && !this.#areDue()) {
      this.output.onWatermark(timeMs);
      return;
    }
    this.#hasWatermark = true;
    this.work();
  }

  onIdle(isSilent: boolean): void {
    if (this.#isBusy) this.#idle = { isSilent };
    else this.output.onIdle?.(isSilent);
  }

  resume(): void {
    if (this.out.suspended) this.out.resume();
    this.work();
  }

  settle(): void {
    if (this.#isBusy || this.#nextClockMs() === undefined) return;
    this.#clockMs = this.#watch.now();
    this.work();
  }

  get dueMs(): number | undefined {
    const next = this.#nextClockMs();
    if (next === undefined) return undefined;
    const watch = this.#watch;
    return watch.elapsed() + (next - watch.now());
  }

  capture(checkpoint: number, base?: number): Capture | undefined {
    this.#freeByClock();
    return withSections(this.timers.capture(), this.state.capture(checkpoint, base));
  }

  /** The callback for a record has returned: goes on with what it has brought about. */
  protected worked(): void {
    if (this.out.suspended || this.#areDue()) this.work();
  }

  /** Goes on with what is left to be done, as far as there is room. */
  protected work(): void {
    const { timers, clock, context, out } = this;
    this.#isBusy = true;
    for (;;) {
      if (out.suspended) return;
      if (!this.#areDue()) break;
      if (context.turn.pause) return;
      if (this.#expiry?.free() === true || this.#clockExpiry?.free(this.#clockMs) === true) {
        context.alive();
        continue;
      }
      const due = this.#events.next(timers.watermark);
      if (due !== undefined) {
        this.fireEvent(due);
      } else {
        const timer = clock.next(this.#clockUntilMs());
        // What seemed due was not. Behind it there may be something else.
        if (timer === undefined) continue;
        this.fireClock(timer);
      }
      context.alive();
    }
    this.#clockMs = Number.NEGATIVE_INFINITY;
    this.#isBusy = false;
    if (this.#hasWatermark) {
      this.#hasWatermark = false;
      this.output.onWatermark(timers.watermark);
    }
    const idle = this.#idle;
    if (idle === undefined) return;
    this.#idle = undefined;
    this.output.onIdle?.(idle.isSilent);
  }

  /** Timers of the clock are due up to this time. */
  #clockUntilMs(): number {
    const isOver = this.#flushesClock && this.timers.watermark === Number.POSITIVE_INFINITY;
    return isOver ? Number.POSITIVE_INFINITY : this.#clockMs; // T5
  }

  /** What the clock shows when it gives something to do; undefined: it never does. */
  #nextClockMs(): number | undefined {
    const timerMs = this.clock.nextMs;
    const wakeMs = this.#clockExpiry?.wakeMs;
    return timerMs === undefined || wakeMs === undefined
      ? (timerMs ?? wakeMs)
      : Math.min(timerMs, wakeMs);
  }

  /** A snapshot has nothing that is gone (expiry.ts, X4). */
  #freeByClock(): void {
    const expiry = this.#clockExpiry;
    if (expiry === undefined) return;
    const nowMs = this.#watch.now();
    while (expiry.free(nowMs)) this.context.alive();
  }

  /** A method, as it is asked for each record: V8 calls into its runtime at each use of a private getter. */
  #areDue(): boolean {
    return (
      this.#events.areDue(this.timers.watermark) ||
      this.clock.areDue(this.#clockUntilMs()) ||
      this.#clockExpiry?.areDue(this.#clockMs) === true ||
      this.#expiry?.isDue === true
    );
  }
}
