/**
 * Runs the callbacks of `process`: `onElement` for each record, `onTimer` for each timer that is due (timed-operator.ts). Of
 * connected streams it has two ports, each with a callback of its own, which share state and timers.
 *
 *  R1  What a callback emits is held until it has returned, and then goes on, one record at a time. So user code never
 *      runs inside of user code, and no failure downstream is thrown at it.
 *  R2  A record emitted for a record has its time and its mark. One emitted for an event-time timer has the timer's
 *      time, and no mark; one emitted for a timer of the clock has neither.
 *  R3  A timer whose callback fails where failures are put aside is gone, and what the callback has changed is undone.
 *  R4  For a record, state has expired by its time; if it is behind, by the time that its split had just before it
 *      (its mark). The watermark can only be further when a split was idle and has come back, or is read again from
 *      further back than others (lateness.ts, J2): then it counts, since by then state may have been freed.
 *  R5  For a timer of the clock, state has expired by the watermark: so all that is not freed is there while there is
 *      none. What it writes is of the newest time that is known, the watermark's or a record's, since an older one could
 *      take from a record what it has just written. When no time is known, it is there until it is written again. The end
 *      of the input is no time: timers that fire then see what is not freed.
 *  R6  An operator that the graph has as one without state writes nothing to a checkpoint. Of streams without keys, and in the callback of a
 *      broadcast stream, keyed state is of no key, so whoever uses it then is told (keyed-state.ts, S3).
 *  R7  By the clock state has expired as the callback begins, and a clock that is set back brings nothing back.
 */

import { type Clock, machineClock } from '../../base/clock.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { shownKey } from '../../hashring/canonical-key.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { KeySelector } from '../api/key-selector.js';
import {
  CLOCK_SLOT,
  describeSlots,
  type ElementCallbackName,
  EVENT_SLOT,
  expirySlotOf,
  type ProcessSpecData,
  type Slot,
  type StateSpecs,
  slotsOf,
  type TimerKind,
} from '../api/process.js';
import type { TtlTime } from '../api/state-specs.js';
import type {
  Capture,
  KeptKey,
  Operator,
  OperatorContext,
  Port,
  RestoredSection,
} from '../operator.js';
import { withCapture } from '../state/captures.js';
import { detachedKey } from '../state/detached.js';
import { KeyedState } from '../state/keyed-state.js';
import { ownLevels, type StateHandle, stateHandles } from '../state/state-handles.js';
import type { StateDescription } from '../state/state-layout.js';
import { BroadcastState } from './broadcast-state.js';
import { ElementCallContext, KeyedCallContext } from './callback-context.js';
import { CallbackOutput } from './callback-output.js';
import { EventTimers } from './event-timers.js';
import { ClockExpiry, Expiry } from './expiry.js';
import { canonicalOfSelected, groupOf } from './operator-key.js';
import { slotEvolution } from './state-evolution.js';
import { TimedOperator, type TimedParts } from './timed-operator.js';
import { type Timer, TimerQueue } from './timer-queue.js';

/** Before, and behind, all times: what expires at the last one is freed at no watermark. In ms. */
const FIRST_MS = -Number.MAX_VALUE;
const LAST_MS = Number.MAX_VALUE;

/** What takes the records of an input. */
export interface ElementInput {
  readonly name: ElementCallbackName;
  /** Undefined: the records have no keys. */
  readonly key: KeySelector | undefined;
}

export interface ProcessOptions {
  readonly inputs: readonly ElementInput[];
  /** Of a stream that is connected to the second input, which writes it. */
  readonly broadcast?: StateSpecs | undefined;
  /** Of the keyed state, as it stands in the graph. Default: what the spec declares. */
  readonly description?: StateDescription | undefined;
  /** The operator is in the graph as one with state. Default: it has states or timers. */
  readonly stateful?: boolean | undefined;
}

/** Of one stream. @param key undefined: it is not keyed */
export function processOperator(
  key: KeySelector | undefined,
  spec: ProcessSpecData,
): () => Operator {
  const stateful = key !== undefined;
  return operatorOf(spec, { inputs: [{ name: 'onElement', key }], stateful });
}

/** Of several inputs. */
export function operatorOf(spec: ProcessSpecData, options: ProcessOptions): () => Operator {
  return () => new ProcessOperator(spec, options);
}

type Callback = (record: unknown, ctx: unknown, out: unknown) => unknown;

/** What takes the records of an input, as it is called. */
interface Taker {
  readonly name: ElementCallbackName;
  readonly callback: Callback;
  readonly select: ((record: unknown) => unknown) | undefined;
  readonly writesBroadcast: boolean;
}

class ProcessOperator extends TimedOperator<Timer> {
  readonly ports?: readonly Port[];
  readonly #takers: readonly Taker[];
  readonly #spec: ProcessSpecData;
  readonly #slots: readonly Slot[];
  readonly #description: StateDescription;
  readonly #broadcastSpecs: StateSpecs | undefined;
  readonly #isStateful: boolean;
  /** Undefined where there is none. */
  #broadcast: BroadcastState | undefined;
  #handles: Readonly<Record<string, StateHandle>> = {};
  /** Does state expire, by event time, and by the clock? */
  #expires = false;
  #expiresByClock = false;
  /** Timers of the clock that are left at the end of the input fire (timed-operator.ts, T5). */
  #flushesClock = false;
  #watch!: Clock;
  /** The newest event time of any record, since the start (R5). */
  #newestMs = Number.NEGATIVE_INFINITY;
  #keyed!: KeyedCallContext;
  #unkeyed!: ElementCallContext;

  constructor(spec: ProcessSpecData, { inputs, broadcast, description, stateful }: ProcessOptions) {
    super(new CallbackOutput('process'));
    this.#spec = spec;
    this.#slots = slotsOf(spec);
    this.#description = description ?? describeSlots(this.#slots);
    this.#broadcastSpecs = broadcast;
    this.#isStateful = stateful ?? (this.#slots.length > 0 || broadcast !== undefined);
    const callbacks = spec as unknown as Readonly<Record<ElementCallbackName, Callback>>;
    this.#takers = inputs.map(({ name, key }) => ({
      name,
      callback: callbacks[name].bind(spec),
      select: key as Taker['select'],
      writesBroadcast: name === 'onRight',
    }));
    if (inputs.length > 1) {
      this.ports = this.#takers.map((taker) => ({
        onElement: (record, timestamp, group, behind) =>
          this.#take(taker, record, timestamp, group, behind),
      }));
    }
  }

  protected parts(
    context: OperatorContext,
    restored: readonly RestoredSection[],
  ): TimedParts<Timer> {
    const slots = this.#slots;
    const description = this.#description;
    const state = new KeyedState(context, restored, {
      description,
      slots: slots.length,
      evolve: (before) => slotEvolution(context.operator, before, description, slots),
      packs: true,
      ownLevels: Math.min(...slots.map(({ spec }) => ownLevels(spec))),
    });
    const hasTimers = this.#spec.onTimer !== undefined;
    const timers = new EventTimers(context, restored, state, hasTimers ? EVENT_SLOT : -1);
    const clock = new TimerQueue(state, hasTimers ? CLOCK_SLOT : -1, () => false);
    const handles = stateHandles(slots, state, context.records);
    this.#handles = handles;
    if (this.#broadcastSpecs !== undefined) {
      this.#broadcast = new BroadcastState(this.#broadcastSpecs, context, restored);
    }
    const call = {
      context,
      out: this.out,
      timers,
      tags: Object.keys(this.#spec.sideOutputs ?? {}),
      broadcast: this.#broadcast?.handles,
    };
    this.#unkeyed = new ElementCallContext(call);
    this.#keyed = new KeyedCallContext({ ...call, state, clock, handles, hasTimers });
    this.#flushesClock = this.#spec.timersLeft === 'fire';
    const flushesClock = this.#flushesClock;
    const parts = { state, timers, events: timers.queue, clock, flushesClock };
    this.#watch = context.clock ?? machineClock;
    const expiring = (time: TtlTime) =>
      Object.values(handles).filter((handle) => handle.ttlTime === time);
    const [byEvent, byClock] = [expirySlotOf(slots, 'event'), expirySlotOf(slots, 'processing')];
    this.#expires = byEvent >= 0;
    this.#expiresByClock = byClock >= 0;
    return {
      ...parts,
      expiry: byEvent < 0 ? undefined : new Expiry(state, byEvent, expiring('event'), timers),
      clockExpiry:
        byClock < 0 ? undefined : new ClockExpiry(state, byClock, expiring('processing')),
    };
  }

  /** The first port's, where there are several. */
  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    this.#take(this.#takers[0]!, record, timestamp, group, behind);
  }

  #take(
    { name, callback, select, writesBroadcast }: Taker,
    record: unknown,
    timestamp: number,
    givenGroup: number,
    behind: number,
  ): void {
    const isKeyed = select !== undefined;
    if (isKeyed) this.#enter(select(record), timestamp, givenGroup, behind);
    const ctx = isKeyed ? this.#keyed : this.#unkeyed;
    this.#begin(ctx, timestamp, behind, undefined, writesBroadcast);
    try {
      const answer = callback(record, ctx, this.out);
      if (answer !== undefined && isThenable(answer)) {
        throw asyncCallbackError(`process({ ${name} })`);
      }
    } catch (error) {
      this.#failed();
      throw error;
    }
    this.#end();
    this.worked();
  }

  /** State is from now on that of a record's key. */
  #enter(selected: unknown, timestamp: number, givenGroup: number, behind: number): void {
    // A number needs no other form to be found by.
    const isNumber = typeof selected === 'number';
    const canonical = isNumber ? undefined : canonicalOfSelected(selected);
    const key = isNumber ? selected + 0 : shownKey(selected);
    const group = groupOf(this.context, key, givenGroup);
    this.state.begin(key, canonical, group);
    if (this.#expiresByClock) this.#readClock();
    if (!this.#expires) return;
    this.#at(timestamp, Math.max(timestamp, behind, this.timers.watermarkOf(group))); // R4
    if (timestamp > this.#newestMs) this.#newestMs = timestamp;
  }

  override capture(checkpoint: number, base?: number): Capture | undefined {
    if (!this.#isStateful) return undefined; // R6
    const keyed = super.capture(checkpoint, base)!;
    return this.#broadcast === undefined
      ? keyed
      : withCapture(keyed, this.#broadcast.capture(checkpoint, base));
  }

  /** State as a timer of the clock would find it (R5). */
  inspect(): readonly KeptKey[] {
    const state = this.state;
    return Array.from(state.cells(), (cell) => {
      state.enter(cell);
      this.#atWatermark(this.timers.watermarkOf(cell.group));
      this.#readClock();
      const shown: Record<string, unknown> = {};
      for (const [name, handle] of Object.entries(this.#handles)) shown[name] = handle.shown();
      state.end();
      const timers = [
        ...this.timers.queue.timesOf(cell).map((time) => ({ time, kind: 'eventTime' as const })),
        ...this.clock.timesOf(cell).map((time) => ({ time, kind: 'processingTime' as const })),
      ];
      return { key: detachedKey(cell.key), state: shown, timers };
    });
  }

  protected fireEvent(timer: Timer): void {
    this.#fire(this.timers.queue, timer, 'eventTime');
  }

  protected fireClock(timer: Timer): void {
    this.#fire(this.clock, timer, 'processingTime');
  }

  #fire(queue: TimerQueue, timer: Timer, kind: TimerKind): void {
    const { time, cell } = timer;
    const eventTime = kind === 'eventTime' ? time : Number.NaN;
    queue.fires(timer);
    if (this.#expiresByClock) this.#readClock();
    if (kind === 'eventTime') this.#at(time, time);
    else this.#atWatermark(this.timers.watermarkOf(cell.group));
    this.#begin(this.#keyed, eventTime, NOT_BEHIND, kind, false);
    try {
      const answer = this.#spec.onTimer?.(time, this.#keyed, this.out);
      if (answer !== undefined && isThenable(answer)) {
        throw asyncCallbackError('process({ onTimer })');
      }
    } catch (error) {
      const { reject } = this.context;
      this.#failed();
      if (reject === undefined) throw error;
      reject({ key: detachedKey(cell.key), time }, eventTime, error); // R3
      return;
    }
    this.#end();
  }

  /** The moment of a callback, for state that expires by the clock (R7). */
  #readClock(): void {
    const { state } = this;
    const nowMs = this.#watch.now();
    if (!(nowMs <= state.clockMs)) state.clockMs = nowMs;
  }

  /** The moment of a callback, for state that expires. */
  #at(timeMs: number, nowMs: number): void {
    this.state.timeMs = timeMs;
    this.state.nowMs = nowMs;
  }

  /** R5 */
  #atWatermark(watermark: number): void {
    const hasEnded = this.#flushesClock && watermark === Number.POSITIVE_INFINITY;
    const timeMs = hasEnded ? Number.NEGATIVE_INFINITY : watermark;
    const newestMs = Math.max(timeMs, this.#newestMs);
    const isTimed = newestMs > Number.NEGATIVE_INFINITY;
    this.#at(isTimed ? newestMs : LAST_MS, Math.max(timeMs, FIRST_MS));
  }

  #begin(
    ctx: ElementCallContext,
    timestamp: number,
    behind: number,
    kind: TimerKind | undefined,
    writesBroadcast: boolean,
  ): void {
    ctx.begin(timestamp, behind, kind);
    this.#broadcast?.begin(writesBroadcast);
    this.out.begin(timestamp, behind);
  }

  #end(): void {
    this.state.end();
    this.#broadcast?.end();
    this.out.end();
  }

  #failed(): void {
    this.out.drop();
    this.#broadcast?.failed();
    this.state.failed();
  }
}
