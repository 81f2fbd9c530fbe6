/** When a window gives its rows, and of which of its records: triggers and evictors. */

import { HoldfastError } from '../../base/errors.js';
import { badOption, checkNumber, checkObject } from '../../base/option-checks.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';
import type { TimerKind } from './process.js';
import { checkPartial, type PartialWindows, requireWholeMs, type WindowBounds } from './windows.js';

/**
 * What a trigger says of a window. `fire` emits what the window has come to, if anything was added since it was purged;
 * `purge` forgets what it has come to, and lets it go on.
 */
export type TriggerAnswer = 'continue' | 'fire' | 'purge' | 'fireAndPurge';

/** What a trigger works with: of one window of one key, and only to be used until the callback returns. */
export interface TriggerContext<S> {
  readonly key: unknown;
  readonly window: WindowBounds;
  /** Records in the window since it was purged, with the one at hand. */
  readonly records: number;
  /** Event time of the record, or the time of the timer, in ms. NaN for a record without one. */
  readonly timestamp: number;
  /** How far event time has come for the key, in ms. */
  readonly watermark: number;
  /** What the clock shows, in ms since the epoch. */
  readonly now: number;
  /** The trigger's own state for the window; undefined at first. It is in checkpoints, and plain data. */
  readonly state: { get(): S | undefined; set(state: S | undefined): void };
  /** Timers of the window, for `onTimer`. Setting a time twice is setting it once. */
  readonly timers: {
    eventTime(ms: number): void;
    deleteEventTime(ms: number): void;
    processingTime(ms: number): void;
    deleteProcessingTime(ms: number): void;
  };
}

/**
 * Says when a window fires. Callbacks are synchronous.
 * @typeParam T records @typeParam S the trigger's own state
 */
export interface Trigger<T, S = unknown> {
  /** Part of the layout of state: with another name the state is another trigger's. Default `own`. */
  readonly name?: string | undefined;
  /** What is left of a window, where that is wanted (`TriggerOptions`), is purged as it fires. Default false. */
  readonly purges?: boolean | undefined;
  /** Asked for each record, behind its being added. */
  onElement(record: T, ctx: TriggerContext<S>): TriggerAnswer;
  /** Asked when a timer's time has come. */
  onTimer?(timeMs: number, ctx: TriggerContext<S>, kind: TimerKind): TriggerAnswer;
}

/** A record in a window, for evictors. */
export interface Timestamped<T> {
  readonly record: T;
  /** Event time in ms; NaN for none. */
  readonly timestamp: number;
}

/** Says which records a window keeps: asked each time before it fires. What it leaves out is gone for good. */
export interface Evictor<in T> {
  /** It looks at times, so a stream without event times is refused. Default false. */
  readonly needsTime?: boolean | undefined;
  /** @returns those that stay, of the ones given, in their order */
  keep(records: readonly Timestamped<T>[], window: WindowBounds): readonly Timestamped<unknown>[];
}

/** Of a window with a trigger. */
export interface TriggerOptions {
  /**
   * What becomes of records at which the trigger has not fired when their window is over, as it is at the end of the input:
   * `emit` makes the window fire once more, `drop` counts them as `recordsLeft`. Default 'drop'.
   */
  readonly partial?: PartialWindows | undefined;
}

export interface EventTimeTriggerOptions {
  /** Also fires while the window is open, when there is something new: every so many ms of the clock. */
  readonly earlyMs?: number | undefined;
  /** Also fires while the window is open: after each so many records. */
  readonly earlyCount?: number | undefined;
}

interface EarlyState {
  /** Records since the last firing. */
  readonly fresh: number;
  /** When the clock makes it fire next; undefined: no timer is set. */
  readonly timerMs: number | undefined;
}

/**
 * Fires when event time reaches the window's end, and again for each record within the allowed lateness: what windows do
 * without a trigger. Early firings come on top, and how many they are differs from run to run.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function eventTimeTrigger(
  options: EventTimeTriggerOptions = {},
  ...more: readonly never[]
): Trigger<unknown> {
  refuseMore('eventTimeTrigger(options)', more);
  const { earlyMs, earlyCount } = checkObject('eventTimeTrigger', options, [
    'earlyMs',
    'earlyCount',
  ]);
  if (earlyMs !== undefined) requireWholeMs('eventTimeTrigger({ earlyMs })', earlyMs, 1);
  requireCount('eventTimeTrigger({ earlyCount })', earlyCount);
  const isEarly = earlyMs !== undefined || earlyCount !== undefined;
  const trigger: Trigger<unknown, EarlyState> = {
    name: 'event-time',
    onElement(_record, ctx) {
      const lastMs = ctx.window.windowEnd - 1;
      if (ctx.watermark >= lastMs) return 'fire';
      ctx.timers.eventTime(lastMs);
      if (!isEarly) return 'continue';
      const { fresh, timerMs } = ctx.state.get() ?? { fresh: 0, timerMs: undefined };
      if (earlyCount !== undefined && fresh + 1 >= earlyCount) {
        ctx.state.set({ fresh: 0, timerMs });
        return 'fire';
      }
      const next = timerMs ?? (earlyMs === undefined ? undefined : ctx.now + earlyMs);
      if (next !== undefined) ctx.timers.processingTime(next);
      ctx.state.set({ fresh: fresh + 1, timerMs: next });
      return 'continue';
    },
    onTimer(_timeMs, ctx, kind) {
      const fresh = ctx.state.get()?.fresh ?? 0;
      if (isEarly) ctx.state.set({ fresh: 0, timerMs: undefined });
      return kind === 'eventTime' || fresh > 0 ? 'fire' : 'continue';
    },
  };
  return trigger as Trigger<unknown>;
}

export interface ProcessingTimeTriggerOptions {
  readonly everyMs: number;
}

/**
 * Fires so many ms of the clock behind a window's first record, and behind the next one after that. What came last fires
 * with the window's end.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function processingTimeTrigger(
  options: ProcessingTimeTriggerOptions,
  ...more: readonly never[]
): Trigger<unknown> {
  refuseMore('processingTimeTrigger(options)', more);
  const { everyMs } = checkObject('processingTimeTrigger', options, ['everyMs']);
  requireWholeMs('processingTimeTrigger({ everyMs })', everyMs, 1);
  return { ...eventTimeTrigger({ earlyMs: everyMs }), name: 'processing-time' };
}

/**
 * Fires each time that so many records have been added to the window. Fewer that are left when it is over are counted as
 * `recordsLeft`; with `.trigger(countTrigger(n), { partial: 'emit' })` they make it fire once more.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function countTrigger(n: number, ...more: readonly never[]): Trigger<unknown, number> {
  refuseMore('countTrigger(n)', more);
  requireCount('countTrigger(n)', n ?? Number.NaN);
  return {
    name: 'count',
    onElement(_record, { state }) {
      const count = (state.get() ?? 0) + 1;
      state.set(count >= n ? undefined : count);
      return count >= n ? 'fire' : 'continue';
    },
  };
}

export interface DeltaTriggerOptions<T> {
  /** Fires when a record is further than this from the one that fired last. */
  readonly threshold: number;
  /** How far two records are apart. Synchronous. */
  readonly delta: (last: T, record: T) => number;
}

/**
 * Fires when a record is far enough from the one at which the window has fired last; at first, from its first record.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function deltaTrigger<T>(
  options: DeltaTriggerOptions<T>,
  ...more: readonly never[]
): Trigger<T, T> {
  refuseMore('deltaTrigger(options)', more);
  const { threshold, delta } = checkObject('deltaTrigger', options, ['threshold', 'delta']);
  if (typeof threshold !== 'number' || Number.isNaN(threshold)) {
    throw badOption('deltaTrigger({ threshold })', threshold, 'a number');
  }
  checkCallback(delta, 'deltaTrigger({ delta })');
  return {
    name: 'delta',
    onElement(record, { state }) {
      const last = state.get();
      if (last !== undefined && requireDistance(delta!(last, record)) <= threshold)
        return 'continue';
      state.set(record);
      return last === undefined ? 'continue' : 'fire';
    },
  };
}

/** @throws HoldfastError ERR_HOLDFAST_USER_CODE, ERR_HOLDFAST_ASYNC_CALLBACK */
function requireDistance(given: unknown): number {
  if (typeof given === 'number' && !Number.isNaN(given)) return given;
  if (isThenable(given)) throw asyncCallbackError('deltaTrigger({ delta })');
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `deltaTrigger({ delta }) gave ${describeValue(given)}, but tells how far two records are apart, as a number.`,
  );
}

/**
 * Another trigger, but the window forgets what it has come to each time that it fires.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function purgingTrigger<T, S>(
  trigger: Trigger<T, S>,
  ...more: readonly never[]
): Trigger<T, S> {
  refuseMore('purgingTrigger(trigger)', more);
  requireTrigger(trigger, 'purgingTrigger(trigger)');
  const purging = (answer: TriggerAnswer): TriggerAnswer =>
    answer === 'fire' ? 'fireAndPurge' : answer;
  return {
    name: `purging-${trigger.name ?? 'own'}`,
    purges: true,
    onElement: (record, ctx) => purging(trigger.onElement(record, ctx)),
    ...(trigger.onTimer && {
      onTimer: (timeMs, ctx, kind) => purging(trigger.onTimer!(timeMs, ctx, kind)),
    }),
  };
}

/** Keeps the records that were added last, so many of them. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function countEvictor(n: number, ...more: readonly never[]): Evictor<unknown> {
  refuseMore('countEvictor(n)', more);
  requireCount('countEvictor(n)', n ?? Number.NaN);
  return { keep: (records) => records.slice(-n) };
}

/**
 * Keeps the records that are less than so many ms of event time behind the newest one.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function timeEvictor(ms: number, ...more: readonly never[]): Evictor<unknown> {
  refuseMore('timeEvictor(ms)', more);
  requireWholeMs('timeEvictor(ms)', ms, 1);
  return {
    needsTime: true,
    keep(records) {
      let newest = Number.NEGATIVE_INFINITY;
      for (const { timestamp } of records) newest = Math.max(newest, requireTime(timestamp));
      return records.filter(({ timestamp }) => timestamp > newest - ms);
    },
  };
}

/** @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP */
function requireTime(timestamp: number): number {
  if (!Number.isNaN(timestamp)) return timestamp;
  throw new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    'a record without an event time is in a window with timeEvictor(ms). Give records their times with ' +
      '.withTimestamps(…) before keyBy, or read from a source that knows them.',
  );
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireTrigger(trigger: unknown, where: string): asserts trigger is Trigger<never> {
  const given = trigger as Partial<Trigger<never>> | null | undefined;
  if (typeof given !== 'object' || given === null) throw noTrigger(trigger, where);
  checkCallback(given.onElement, `${where}.onElement`);
  if (given.onTimer !== undefined) checkCallback(given.onTimer, `${where}.onTimer`);
  const { name } = given;
  if (name === undefined || (typeof name === 'string' && /^[a-z-]+$/.test(name))) return;
  throw badOption(`${where}.name`, name, 'a name of small letters and hyphens');
}

/** Undefined: as it is without a trigger. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function partialOf(options: TriggerOptions): PartialWindows | undefined {
  const { partial } = checkObject('trigger', options, ['partial']);
  return partial === undefined ? undefined : checkPartial('trigger', partial);
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireEvictor(evictor: unknown): asserts evictor is Evictor<never> {
  const given = evictor as Partial<Evictor<never>> | null | undefined;
  if (typeof given !== 'object' || given === null) {
    throw badOption('evictor(…)', evictor, 'an evictor such as countEvictor(10)');
  }
  checkCallback(given.keep, 'evictor(…).keep');
}

const ANSWERS: readonly unknown[] = [
  'continue',
  'fire',
  'purge',
  'fireAndPurge',
] satisfies TriggerAnswer[];

/** @throws HoldfastError ERR_HOLDFAST_USER_CODE */
export function requireAnswer(answer: unknown): asserts answer is TriggerAnswer {
  if (ANSWERS.includes(answer)) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `a trigger answered ${describeValue(answer)}, but can answer 'continue', 'fire', 'purge' or 'fireAndPurge'.`,
  );
}

function noTrigger(given: unknown, where: string): HoldfastError {
  return badOption(where, given, 'a trigger such as eventTimeTrigger({ earlyMs: 1_000 })');
}

/** What is wanted of a window is not told to its trigger. */
function refuseMore(what: string, more: readonly unknown[]): void {
  if (more.length === 0) return;
  throw badOption(
    what,
    more[0],
    `without a further argument. What is left when a window is over: .trigger(trigger, { partial: 'emit' })`,
  );
}

function requireCount(option: string, n: number | undefined): void {
  checkNumber(option, n, undefined, { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true });
}
