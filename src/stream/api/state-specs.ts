/** Declares the named state of `process`: for each key a value, a list, or a map. */

import { checkVersion, type StateVersion } from './state-version.js';

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
  /** Keeps what `fn` makes of the value. Synchronous. @throws as `set`; ERR_HOLDFAST_ASYNC_CALLBACK */
  update(fn: (value: T | undefined) => T): void;
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

export type StateKind = 'value' | 'list' | 'map';

/** State as it is declared. @typeParam Handle what callbacks find under its name in `ctx.state` */
export interface StateSpec<out Handle> {
  readonly kind: StateKind;
  /** From 1. */
  readonly version: number;
  readonly migrate: ((state: never, fromVersion: number) => unknown) | undefined;
  /** Never set: it tells the compiler what the handle is. */
  readonly handle?: Handle;
}

/** A value for each key. `migrate` gets the value. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function value<T>(options: StateVersion<T> = {}): StateSpec<ValueState<T>> {
  return spec('value', options);
}

/** A list for each key. `migrate` gets each item. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function list<T>(options: StateVersion<T> = {}): StateSpec<ListState<T>> {
  return spec('list', options);
}

/** A map for each key of the stream. `migrate` gets each value. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function map<K extends MapStateKey, V>(
  options: StateVersion<V> = {},
): StateSpec<MapState<K, V>> {
  return spec('map', options);
}

function spec<Handle>(kind: StateKind, options: StateVersion<unknown>): StateSpec<Handle> {
  return { kind, version: checkVersion(kind, options), migrate: options.migrate };
}
