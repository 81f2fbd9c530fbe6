/** Declares the named state of `process`: for each key a value, a list, a map, or what is made of all that was added. */

import type { Draft } from 'immer';
import { HoldfastError } from '../../base/errors.js';
import { badOption, checkObject, checkOneOf } from '../../base/option-checks.js';
import { type Aggregation, versionOf } from './aggregations.js';
import { checkCallback, describeValue } from './callbacks.js';
import { checkVersion, type StateVersion } from './state-version.js';
import { requireWholeMs } from './windows.js';

/**
 * One value for each key. State keeps copies and gives copies, so what the callback holds is its own. (With
 * `records: 'trusted'` nothing is copied, and what was set or got must not be changed; with `'frozen'` it cannot.)
 */
export interface ValueState<T> {
  /** The value; undefined when the key has none. */
  get(): T | undefined;
  /**
   * Keeps the value; undefined clears.
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for what cannot be written to a checkpoint
   */
  set(value: T): void;
  /**
   * Keeps what `fn` makes of the value. Synchronous. Of objects, arrays, Maps and Sets it gets a draft: it changes that, or
   * returns the next value (not both). Of what it has not been given as an object it has to return the next value.
   * A draft costs more than `get` and `set`, the more the more of it is looked at; and like these it copies the value. When
   * `fn` returns nothing and has called `set` or `clear` of the same state, that stands.
   * @throws HoldfastError as `set`; ERR_HOLDFAST_ASYNC_CALLBACK; ERR_HOLDFAST_USER_CODE when `fn` returns nothing for a
   *   primitive value or for none, or has both changed the draft and returned another value;
   *   ERR_HOLDFAST_OUTSIDE_CALLBACK for a draft that is used later
   */
  update(
    // biome-ignore lint/suspicious/noConfusingVoidType: a callback that only changes its draft returns nothing
    fn: (value: Draft<T> | undefined) => T | Draft<T> | (T extends object ? void : never),
  ): void;
  clear(): void;
}

/** A list for each key, in the order in which items were added. Copies as in `ValueState`. */
export interface ListState<T> {
  /** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for what cannot be written to a checkpoint */
  add(item: T): void;
  /** All items, in an array of the caller's own; empty when there are none. */
  values(): T[];
  clear(): void;
}

/** What the keys of a `MapState` can be. */
export type MapStateKey = string | number | bigint | boolean | null;

/** A map for each key of the stream, in the order in which its own keys were set first. Copies as in `ValueState`. */
export interface MapState<K extends MapStateKey, V> {
  /** undefined when there is none. */
  get(key: K): V | undefined;
  has(key: K): boolean;
  /**
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for what cannot be written to a checkpoint,
   *   ERR_HOLDFAST_UNSUPPORTED_KEY for a key that is no primitive
   */
  set(key: K, value: V): void;
  /** Was it there? */
  delete(key: K): boolean;
  /** To be used up inside the callback. */
  entries(): IterableIterator<[K, V]>;
  clear(): void;
}

/** What a function has made of all that was added, for each key. Copies as in `ValueState`. */
export interface ReducingState<T> {
  /** undefined when nothing was added. */
  get(): T | undefined;
  /**
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for what cannot be written to a checkpoint,
   *   ERR_HOLDFAST_ASYNC_CALLBACK
   */
  add(item: T): void;
  clear(): void;
}

/** The answer of an aggregation over all that was added, for each key. */
export interface AggregatingState<T, R> {
  /** When nothing was added, the answer over nothing: 0 of `count`, null of `sum`. */
  get(): R;
  /** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for what cannot be written to a checkpoint */
  add(item: T): void;
  clear(): void;
}

export interface StateOptions<T> extends StateVersion<T> {
  /**
   * How long, in ms, what was written is there: a value that was set at t (the time of the record or timer) is gone at
   * t + ttlMs. Each item of a list and each entry of a map counts for itself. Default: for ever.
   */
  readonly ttlMs?: number | undefined;
  /** By which time: that of records and timers, or that of the clock (`ctx.now`). Default: 'event'. Needs `ttlMs`. */
  readonly ttlTime?: TtlTime | undefined;
}

/** By which time state expires. */
export type TtlTime = 'event' | 'processing';

/** `rows`: what joins keep of their inputs. */
export type StateKind = 'value' | 'list' | 'map' | 'reducing' | 'aggregating' | 'rows';

/** State as it is declared. @typeParam Handle what callbacks find under its name in `ctx.state` */
export interface StateSpec<out Handle> {
  readonly kind: StateKind;
  /** From 1. */
  readonly version: number;
  readonly migrate: ((state: never, fromVersion: number) => unknown) | undefined;
  readonly ttlMs: number | undefined;
  /** Default: 'event'. */
  readonly ttlTime?: TtlTime | undefined;
  /** Of `reducing`. */
  readonly reduce?: ((reduced: never, item: never) => unknown) | undefined;
  /** Of `aggregating`. */
  readonly aggregation?: Aggregation<never, unknown> | undefined;
  /** Of state of an operator of ours, which is a 'value': its type in the layout (`owned`). */
  readonly owned?: string | undefined;
  /** Of the same: its content is an array, dense, that the operator has made itself. */
  readonly isOwnArray?: boolean | undefined;
  /** Never set: it tells the compiler what the handle is. */
  readonly handle?: Handle;
}

/** A value for each key. `migrate` gets the value. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function value<T>(options: StateOptions<T> = {}): StateSpec<ValueState<T>> {
  return spec('value', options);
}

/** A list for each key. `migrate` gets each item. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function list<T>(options: StateOptions<T> = {}): StateSpec<ListState<T>> {
  return spec('list', options);
}

/** A map for each key of the stream. `migrate` gets each value. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function map<K extends MapStateKey, V>(
  options: StateOptions<V> = {},
): StateSpec<MapState<K, V>> {
  return spec('map', options);
}

/**
 * Folds what is added into one value for each key; the first as it is, without `fn`. `fn` gets a copy of the value, which
 * it may change and give back. Synchronous. `migrate` gets the value.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function reducing<T>(
  fn: (reduced: T, item: T) => T,
  options: StateOptions<T> = {},
): StateSpec<ReducingState<T>> {
  checkCallback(fn, 'reducing');
  return { ...spec<ReducingState<T>>('reducing', options), reduce: fn };
}

/**
 * Aggregates what is added for each key: `aggregating(average((order: Order) => order.cents))`. Version and migration are
 * those of the aggregation.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function aggregating<T, R>(
  aggregation: Aggregation<T, R>,
  options: Pick<StateOptions<never>, 'ttlMs' | 'ttlTime'> = {},
): StateSpec<AggregatingState<T, R>> {
  const kind = (aggregation as { readonly kind?: unknown } | null | undefined)?.kind;
  if (kind !== 'numeric' && kind !== 'value') {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `aggregating(…) needs an aggregation such as count(), but was given ${describeValue(aggregation)}.`,
    );
  }
  const { type } = aggregation;
  if (aggregation.kind === 'value' && aggregation.needsTime === true) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `aggregating(${type}(…)) cannot be: it goes by event time, and what is added to a state has none of its own. Keep ` +
        'the time beside it, in a value(): state.latest.set([ctx.timestamp, record]).',
    );
  }
  const migrate = aggregation.kind === 'value' ? aggregation.migrate : undefined;
  const ttl = checkTtl('aggregating', checkObject('aggregating', options, ['ttlMs', 'ttlTime']));
  return { kind: 'aggregating', version: versionOf(aggregation), migrate, ...ttl, aggregation };
}

/** State of an operator of ours, whose own code changes it: it works on the content itself, not on copies of it. */
export interface OwnedState<C> {
  /** The content itself; undefined: there is none. To be changed behind `change` only. */
  get(): C | undefined;
  /** Exchanges the content; undefined clears. */
  set(content: C | undefined): void;
  /**
   * The content, to be changed in place until the callback returns.
   * @param undo puts it back as it was; called only where failures are put aside
   */
  change(undo: () => void): void;
  /** What may be kept of a record, or of a part of it: a copy that nobody else holds. */
  keep<V>(value: V): V;
}

/**
 * @param type what the content is, in the state's layout
 * @param isOwnArray see the spec
 */
export function owned<C>(
  type: string,
  { version, migrate }: StateVersion<unknown> = {},
  ttlMs?: number,
  isOwnArray?: boolean,
): StateSpec<OwnedState<C>> {
  return { kind: 'value', version: version ?? 1, migrate, ttlMs, owned: type, isOwnArray };
}

function spec<Handle>(kind: StateKind, options: StateOptions<unknown>): StateSpec<Handle> {
  const given = checkObject(kind, options, ['version', 'migrate', 'ttlMs', 'ttlTime']);
  const { migrate } = given;
  return { kind, version: checkVersion(kind, options), migrate, ...checkTtl(kind, given) };
}

function checkTtl(
  kind: StateKind,
  { ttlMs, ttlTime }: Pick<StateOptions<never>, 'ttlMs' | 'ttlTime'>,
): Pick<StateSpec<unknown>, 'ttlMs' | 'ttlTime'> {
  const time = checkOneOf(`${kind}.ttlTime`, ttlTime, 'event', ['event', 'processing']);
  if (ttlMs !== undefined) requireWholeMs(`${kind}({ ttlMs })`, ttlMs, 1);
  else if (ttlTime !== undefined) {
    throw badOption(`${kind}.ttlTime`, ttlTime, 'one beside `ttlMs`');
  }
  return { ttlMs, ttlTime: time };
}
