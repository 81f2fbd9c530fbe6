/**
 * What callbacks of `process` are given beside the record. There is one of each for all calls of an operator: which key
 * it is of, the state knows.
 */

import { type Clock, machineClock } from '../../base/clock.js';
import { HoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type { ElementContext, ProcessContext, TimerKind, Timers } from '../api/process.js';
import type { JoinContext, JoinRows } from '../joins/join-context.js';
import type { OperatorContext, Receiver } from '../operator.js';
import { detachedKey } from '../state/detached.js';
import type { KeyedState } from '../state/keyed-state.js';
import type { StateHandle } from '../state/state-handles.js';
import type { CallbackOutput } from './callback-output.js';
import type { EventTimers } from './event-timers.js';
import { isLate, markOf } from './lateness.js';
import type { TimerQueue } from './timer-queue.js';

type Handles = Readonly<Record<string, StateHandle>>;

export interface ElementParts {
  readonly context: OperatorContext;
  readonly out: CallbackOutput;
  readonly timers: EventTimers;
  /** Names of side outputs. */
  readonly tags: readonly string[];
  /** Broadcast state; undefined where there is none. */
  readonly broadcast: Handles | undefined;
}

export class ElementCallContext implements ElementContext<Readonly<Record<string, unknown>>> {
  readonly broadcast: never;
  protected readonly out: CallbackOutput;
  protected readonly timing: EventTimers;
  protected kind: TimerKind | undefined;
  readonly #watch: Clock;
  protected readonly context: OperatorContext;
  readonly #sides: ReadonlyMap<string, Receiver | undefined>;
  /** Of the record or timer; NaN for none. */
  protected eventTime = Number.NaN;
  /** The record's mark. */
  behind = NOT_BEHIND;

  constructor({ context, out, timers, tags, broadcast }: ElementParts) {
    this.context = context;
    this.out = out;
    this.timing = timers;
    this.broadcast = broadcast as never;
    this.#watch = context.clock ?? machineClock;
    this.#sides = new Map(tags.map((tag) => [tag, context.side(tag)]));
  }

  /** A callback begins. @param eventTime NaN for none @param behind the record's mark */
  begin(eventTime: number, behind: number, kind: TimerKind | undefined): void {
    this.eventTime = eventTime;
    this.behind = behind;
    this.kind = kind;
  }

  get timestamp(): number {
    this.out.requireCallback();
    if (Number.isNaN(this.eventTime)) throw noTimestamp(this.kind);
    return this.eventTime;
  }

  get watermark(): number {
    this.out.requireCallback();
    return this.timing.watermark;
  }

  get now(): number {
    this.out.requireCallback();
    return this.#watch.now();
  }

  sideOutput(tag: string, record: unknown): void {
    this.out.requireCallback();
    const { out } = this;
    if (!this.#sides.has(tag)) throw undeclared(tag, [...this.#sides.keys()]);
    if (isThenable(record)) throw asyncCallbackError('ctx.sideOutput');
    const to = this.#sides.get(tag);
    if (to !== undefined) out.emitTo(to, record, this.eventTime, this.behind);
  }
}

export interface KeyedParts extends ElementParts {
  readonly state: KeyedState;
  readonly clock: TimerQueue;
  readonly handles: Handles;
  readonly hasTimers: boolean;
}

export class KeyedCallContext
  extends ElementCallContext
  implements ProcessContext<unknown, unknown, Readonly<Record<string, unknown>>>, JoinContext
{
  readonly state: never;
  readonly timers: Timers;
  readonly #state: KeyedState;
  readonly #rows: Readonly<Record<string, JoinRows>>;

  constructor(parts: KeyedParts) {
    super(parts);
    this.#rows = parts.handles as unknown as Readonly<Record<string, JoinRows>>;
    const { timers, clock, hasTimers } = parts;
    this.#state = parts.state;
    this.state = parts.handles as never;
    this.timers = {
      eventTime: (ms) => timers.queue.set(requireTime(ms, 'eventTime', hasTimers)),
      deleteEventTime: (ms) => timers.queue.delete(requireTime(ms, 'deleteEventTime', hasTimers)),
      processingTime: (ms) => clock.set(requireTime(ms, 'processingTime', hasTimers)),
      deleteProcessingTime: (ms) =>
        clock.delete(requireTime(ms, 'deleteProcessingTime', hasTimers)),
    };
  }

  get timerKind(): TimerKind | undefined {
    this.out.requireCallback();
    return this.kind;
  }

  get key(): unknown {
    this.out.requireCallback();
    const { key } = this.#state;
    return typeof key === 'object' ? detachedKey(key) : key;
  }

  override get watermark(): number {
    this.out.requireCallback();
    return this.timing.watermarkOf(this.#state.group);
  }

  get time(): number {
    return this.eventTime;
  }

  get left(): JoinRows {
    return this.#rows['left']!;
  }

  get right(): JoinRows {
    return this.#rows['right']!;
  }

  isLate(closeMs: number): boolean {
    return isLate(closeMs, this.behind, this.watermark);
  }

  emitAt(record: unknown, timeMs: number): void {
    this.out.emitTo(this.context.output, record, timeMs, markOf(timeMs, this.behind));
  }

  emitRow(make: () => unknown, what: () => unknown): void {
    let row: unknown;
    try {
      row = make();
    } catch (error) {
      const { reject } = this.context;
      if (reject === undefined) throw error;
      reject(what(), this.eventTime, error); // Throws, unless the failure is put aside.
      return;
    }
    this.out.emit(row);
  }

  count(counter: string): void {
    this.context.count(counter, 1);
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

function undeclared(tag: unknown, declared: readonly string[]): HoldfastError {
  const has = declared.length === 0 ? 'none is declared' : `declared are ${declared.join(', ')}`;
  return new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `ctx.sideOutput(…) was given ${describeValue(tag)} for a side output, and ${has}. Declare it in the spec: ` +
      'sideOutputs: { name: sideOutput() }.',
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
