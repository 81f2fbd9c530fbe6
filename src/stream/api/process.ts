/** `process`: callbacks with state and timers for each key. What they get, and what is checked at the door. */

import { HoldfastError } from '../../base/errors.js';
import { checkObject } from '../../base/option-checks.js';
import { isPlainObject } from '../../base/realm.js';
import { layoutEntry, type StateDescription } from '../state/state-layout.js';
import { RESERVED_NAMES } from './aggregations.js';
import { checkCallback, describeValue, type SyncResult } from './callbacks.js';
import type { Output } from './output.js';
import type { StateKind, StateSpec } from './state-specs.js';

/** Names of states, each with what it is. */
export type StateSpecs = Readonly<Record<string, StateSpec<unknown>>>;

/** The states of a spec: `{ last: value<number>() }` gives `{ last: ValueState<number> }`. */
export type States<S> = {
  readonly [N in keyof S]: S[N] extends StateSpec<infer Handle> ? Handle : never;
};

/** The timers of the current key. */
export interface Timers {
  /**
   * Calls `onTimer` once when event time has come to `ms`: at the first watermark that is not below it; at once,
   * behind the callback, when it is not above the current watermark. Setting a time twice is setting it once.
   * @param ms since the epoch; a finite number
   * @throws HoldfastError ERR_HOLDFAST_USER_CODE for what is no time, or without `onTimer`
   */
  eventTime(ms: number): void;
  /** Takes back `eventTime(ms)`; nothing happens when that was not set. */
  deleteEventTime(ms: number): void;
  /**
   * Calls `onTimer` once when the clock has come to `ms`, between two batches of records. When the clock shows more
   * after a restore, that is at once. A timer that is still set when the input has ended does not fire; it is
   * counted as `timersLeft` in the metrics.
   * @param ms since the epoch, as `Date.now()` has it; a finite number
   * @throws HoldfastError as `eventTime`
   */
  processingTime(ms: number): void;
  /** Takes back `processingTime(ms)`; nothing happens when that was not set. */
  deleteProcessingTime(ms: number): void;
}

/** What makes a timer fire: event time, or the clock. */
export type TimerKind = 'eventTime' | 'processingTime';

/**
 * What callbacks work with. All of it is of one key, and only to be used until the callback returns: afterwards it
 * throws ERR_HOLDFAST_OUTSIDE_CALLBACK.
 */
export interface ProcessContext<S, K> {
  readonly key: K;
  /**
   * In `onElement` the event time of the record, in `onTimer` that of the timer; ms since the epoch.
   * @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP for a record without one, and for a timer of the clock
   */
  readonly timestamp: number;
  /**
   * How far event time has come, in ms since the epoch: −Infinity before anybody has said so, Infinity when the
   * input has ended. How records and watermarks lie between each other differs from run to run, so what depends on
   * this alone does, too.
   */
  readonly watermark: number;
  /** What has fired; undefined in `onElement`. */
  readonly timerKind: TimerKind | undefined;
  readonly state: States<S>;
  readonly timers: Timers;
}

/** @typeParam T records @typeParam K keys @typeParam S declared states @typeParam O what is emitted */
export interface ProcessSpec<T, K, S, O> {
  /** By name: `{ last: value<number>() }`. Every key has its own. */
  readonly state?: S | undefined;
  /** Called for each record. Synchronous. */
  onElement(record: T, ctx: ProcessContext<S, K>, out: Output<O>): SyncResult;
  /** Called for each timer whose time has come, in the order of time. Synchronous. */
  onTimer?(time: number, ctx: ProcessContext<S, K>, out: Output<O>): SyncResult;
}

/** A spec whose types were left behind at the door. */
export interface ProcessSpecData {
  readonly state?: StateSpecs | undefined;
  onElement(record: unknown, ctx: unknown, out: unknown): unknown;
  onTimer?(time: number, ctx: unknown, out: unknown): unknown;
}

/** The first entries of a layout, and the first slots, where keys may have timers. No state has such a name. */
const TIMER_SLOTS: readonly Slot[] = [
  { name: '~eventTime', spec: undefined },
  { name: '~processingTime', spec: undefined },
];
export const EVENT_SLOT = 0;
export const CLOCK_SLOT = 1;
/** The last slot, where states expire: when something of the key's does so next. */
const EXPIRY_SLOT: Slot = { name: '~expiry', spec: undefined };

/** What stands in a slot of a key's state (keyed-state.ts). */
export interface Slot {
  readonly name: string;
  /** Undefined: timers. */
  readonly spec: StateSpec<unknown> | undefined;
}

/** Timers come first, if there can be any. */
export function slotsOf({ state, onTimer }: ProcessSpecData): readonly Slot[] {
  const states = Object.entries(state ?? {}).map(([name, spec]) => ({ name, spec }));
  const expires = states.some(({ spec }) => spec.ttlMs !== undefined);
  return [
    ...(onTimer === undefined ? [] : TIMER_SLOTS),
    ...states,
    ...(expires ? [EXPIRY_SLOT] : []),
  ];
}

/** −1: nothing expires. */
export function expirySlotOf(slots: readonly Slot[]): number {
  return slots.indexOf(EXPIRY_SLOT);
}

export function describeSlots(slots: readonly Slot[]): StateDescription {
  const entries = slots.map(({ name, spec }) =>
    layoutEntry({
      name,
      type: typeOf(spec),
      words: 0,
      isValue: true,
      version: spec?.version ?? 1,
    }),
  );
  const migrates = slots.filter(({ spec }) => spec?.migrate !== undefined).map(({ name }) => name);
  return { section: 'cells', layout: entries.join('|'), migrates };
}

function typeOf(spec: StateSpec<unknown> | undefined): string {
  if (spec === undefined) return 'timers';
  const { kind, aggregation, ttlMs } = spec;
  const type = aggregation === undefined ? kind : `${kind}-${aggregation.type}`;
  return ttlMs === undefined ? type : `${type}-ttl`;
}

const FIELDS = ['state', 'onElement', 'onTimer'] as const;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function requireProcess(spec: unknown): asserts spec is ProcessSpecData {
  if (typeof spec !== 'object' || spec === null) {
    throw badSpec(`needs { onElement }, but was given ${describeValue(spec)}`);
  }
  // An object of a class may have fields of its own.
  if (isPlainObject(spec)) checkObject<ProcessSpecData>('process', spec as ProcessSpecData, FIELDS);
  const { state, onElement, onTimer } = spec as Record<string, unknown>;
  checkCallback(onElement, 'process({ onElement })');
  if (onTimer !== undefined) checkCallback(onTimer, 'process({ onTimer })');
  if (state === undefined) return;
  if (typeof state !== 'object' || state === null) {
    throw badSpec(
      `needs named states such as { last: value() }, but was given ${describeValue(state)}`,
    );
  }
  for (const [name, one] of Object.entries(state)) requireState(name, one);
}

const KINDS: readonly StateKind[] = ['value', 'list', 'map', 'reducing', 'aggregating'];

function requireState(name: string, given: unknown): void {
  if (name === '' || name.startsWith('~') || RESERVED_NAMES.includes(name)) {
    throw badSpec(`cannot give a state the name '${name}'; choose another`);
  }
  const { kind } = (given ?? {}) as { readonly kind?: unknown };
  if ((KINDS as readonly unknown[]).includes(kind)) return;
  throw badSpec(
    `needs value(), list(), map(), reducing(…) or aggregating(…) for the state '${name}', but was given ` +
      describeValue(given),
  );
}

function badSpec(problem: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_BAD_OPTION', `process(…) ${problem}.`);
}
