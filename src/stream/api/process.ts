/** `process`: callbacks, with state and timers for each key where there are keys. What they get, and what is checked at the door. */

import { HoldfastError } from '../../base/errors.js';
import { checkObject, checkOneOf } from '../../base/option-checks.js';
import { isPlainObject } from '../../base/realm.js';
import { layoutEntry, type StateDescription } from '../state/state-layout.js';
import { RESERVED_NAMES } from './aggregations.js';
import { checkCallback, describeValue, type SyncResult } from './callbacks.js';
import type { Output } from './output.js';
import {
  type NoTags,
  requireSideOutputs,
  type SideOutputSpecs,
  type SideTags,
} from './side-outputs.js';
import type { StateKind, StateSpec, TtlTime } from './state-specs.js';

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
   * after a restore, that is at once. A timer that is still set when the input has ended is
   * counted as `timersLeft` in the metrics, or fires, if the spec says `timersLeft: 'fire'`.
   * @param ms since the epoch, as `ctx.now` has it; a finite number
   * @throws HoldfastError as `eventTime`
   */
  processingTime(ms: number): void;
  /** Takes back `processingTime(ms)`; nothing happens when that was not set. */
  deleteProcessingTime(ms: number): void;
}

/** What becomes of timers of the clock when the input has ended. */
export type TimersLeft = 'drop' | 'fire';

/** What makes a timer fire: event time, or the clock. */
export type TimerKind = 'eventTime' | 'processingTime';

/**
 * What callbacks are told beside the record. Only to be used until the callback returns: afterwards it throws
 * ERR_HOLDFAST_OUTSIDE_CALLBACK.
 *
 * @typeParam Tags side outputs, with the type of their records
 */
export interface ElementContext<Tags = NoTags> {
  /**
   * The event time of the record, or, in `onTimer`, of the timer; ms since the epoch.
   * @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP for a record without one, and for a timer of the clock
   */
  readonly timestamp: number;
  /**
   * How far event time has come, in ms since the epoch: −Infinity before anybody has said so, Infinity when the
   * input has ended. Of connected streams it is that of the one that is behind. How records and watermarks lie between
   * each other differs from run to run, so what depends on this alone does, too.
   */
  readonly watermark: number;
  /**
   * What the clock shows, in ms since the epoch: that of the machine, or that of a test. For timers of the clock:
   * `ctx.timers.processingTime(ctx.now + seconds(5))`.
   */
  readonly now: number;
  /**
   * Emits a record to a side output that was declared in `sideOutputs`, as `out.emit` does to the stream.
   * @throws HoldfastError ERR_HOLDFAST_USER_CODE for a tag that was not declared
   */
  sideOutput<N extends keyof Tags & string>(tag: N, record: Tags[N]): void;
}

/** What callbacks work with where there are keys. All of it is of one key. */
export interface ProcessContext<S, K, Tags = NoTags> extends ElementContext<Tags> {
  readonly key: K;
  /** What has fired; undefined where a record has come. */
  readonly timerKind: TimerKind | undefined;
  readonly state: States<S>;
  readonly timers: Timers;
}

/** @typeParam T records @typeParam O what is emitted @typeParam P declared side outputs */
export interface ElementSpec<T, O, P = NoTags> {
  /** By name: `{ cheap: sideOutput<Order>() }`. Each has to be read with `.sideOutput(name)`. */
  readonly sideOutputs?: P | undefined;
  /** Called for each record. Synchronous. */
  onElement(record: T, ctx: ElementContext<SideTags<P>>, out: Output<O>): SyncResult;
}

/** @typeParam K keys @typeParam S declared states; the others as in `ElementSpec` */
export interface ProcessSpec<T, K, S, O, P = NoTags> {
  /** By name: `{ last: value<number>() }`. Every key has its own. */
  readonly state?: S | undefined;
  /** As in `ElementSpec`. */
  readonly sideOutputs?: P | undefined;
  /** Called for each record. Synchronous. */
  onElement(record: T, ctx: ProcessContext<S, K, SideTags<P>>, out: Output<O>): SyncResult;
  /** Called for each timer whose time has come, in the order of time. Synchronous. */
  onTimer?(time: number, ctx: ProcessContext<S, K, SideTags<P>>, out: Output<O>): SyncResult;
  /**
   * What becomes of timers of the clock that are set when the input has ended: `fire` calls `onTimer` with them, in the order
   * of their times, behind those of event time; `drop` counts them as `timersLeft`. Default 'drop'.
   */
  readonly timersLeft?: TimersLeft | undefined;
}

/** A spec whose types were left behind at the door, without what takes records. */
export interface ProcessSpecData {
  readonly state?: StateSpecs | undefined;
  readonly sideOutputs?: SideOutputSpecs | undefined;
  onTimer?(time: number, ctx: unknown, out: unknown): unknown;
  readonly timersLeft?: TimersLeft | undefined;
}

/** What takes records: one callback, or one for each of two inputs. */
export type ElementCallbackName = 'onElement' | 'onLeft' | 'onRight';

/** The first entries of a layout, and the first slots, where keys may have timers. No state has such a name. */
const TIMER_SLOTS: readonly Slot[] = [
  { name: '~eventTime', spec: undefined },
  { name: '~processingTime', spec: undefined },
];
export const EVENT_SLOT = 0;
export const CLOCK_SLOT = 1;
/** The last slots, where states expire: when something of the key's does so next, by event time and by the clock. */
const EXPIRY_SLOTS: Readonly<Record<TtlTime, Slot>> = {
  event: { name: '~expiry', spec: undefined },
  processing: { name: '~clockExpiry', spec: undefined },
};

/** What stands in a slot of a key's state (keyed-state.ts). */
export interface Slot {
  readonly name: string;
  /** Undefined: timers. */
  readonly spec: StateSpec<unknown> | undefined;
}

/** Timers come first, if there can be any. */
export function slotsOf({ state, onTimer }: ProcessSpecData): readonly Slot[] {
  const states = Object.entries(state ?? {}).map(([name, spec]) => ({ name, spec }));
  const expire = (time: TtlTime) => states.some(({ spec }) => ttlTimeOf(spec) === time);
  return [
    ...(onTimer === undefined ? [] : TIMER_SLOTS),
    ...states,
    ...(expire('event') ? [EXPIRY_SLOTS.event] : []),
    ...(expire('processing') ? [EXPIRY_SLOTS.processing] : []),
  ];
}

/** −1: nothing expires by that time. */
export function expirySlotOf(slots: readonly Slot[], time: TtlTime): number {
  return slots.indexOf(EXPIRY_SLOTS[time]);
}

/** By which time the state expires; undefined: never. */
export function ttlTimeOf({ ttlMs, ttlTime }: StateSpec<unknown>): TtlTime | undefined {
  return ttlMs === undefined ? undefined : (ttlTime ?? 'event');
}

/** @param section where they stand in a checkpoint */
export function describeSlots(slots: readonly Slot[], section = 'cells'): StateDescription {
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
  return { section, layout: entries.join('|'), migrates };
}

function typeOf(spec: StateSpec<unknown> | undefined): string {
  if (spec === undefined) return 'timers';
  const { kind, aggregation, owned } = spec;
  const type = owned ?? (aggregation === undefined ? kind : `${kind}-${aggregation.type}`);
  const time = ttlTimeOf(spec);
  return time === undefined ? type : `${type}-${time === 'event' ? 'ttl' : 'clock-ttl'}`;
}

/** What needs keys. */
const KEYED_FIELDS = ['state', 'onTimer', 'timersLeft'] as const;

/**
 * @param callbacks those that take records
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function requireProcess(
  spec: unknown,
  callbacks: readonly ElementCallbackName[],
  isKeyed: boolean,
): asserts spec is ProcessSpecData {
  if (typeof spec !== 'object' || spec === null) {
    throw badSpec(`needs { ${callbacks.join(', ')} }, but was given ${describeValue(spec)}`);
  }
  const given = spec as Readonly<Record<string, unknown>>;
  const unkeyed = KEYED_FIELDS.find((name) => !isKeyed && given[name] !== undefined);
  if (unkeyed !== undefined) {
    throw badSpec(
      `of a stream without keys has no '${unkeyed}', because state and timers are of a key. Put .keyBy(…) ahead of it`,
    );
  }
  // An object of a class may have fields of its own.
  if (isPlainObject(spec)) {
    const fields = ['sideOutputs', ...callbacks, ...KEYED_FIELDS];
    checkObject<Readonly<Record<string, unknown>>>('process', given, fields);
  }
  for (const name of callbacks) checkCallback(given[name], `process({ ${name} })`);
  const { state, onTimer, timersLeft, sideOutputs } = given;
  if (onTimer !== undefined) checkCallback(onTimer, 'process({ onTimer })');
  checkOneOf('process({ timersLeft })', timersLeft as TimersLeft | undefined, 'drop', [
    'drop',
    'fire',
  ]);
  if (timersLeft !== undefined && onTimer === undefined) {
    throw badSpec("has 'timersLeft' and no 'onTimer', so there are no timers");
  }
  requireSideOutputs(sideOutputs);
  if (state !== undefined) requireStates(state);
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireStates(state: unknown): asserts state is StateSpecs {
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
