/**
 * A user's own aggregation over an immutable value, written as if the value could be changed: `add`
 * gets an immer draft, and what it does to it makes the next value.
 *
 * The value before a record must survive that record, for a snapshot may still be writing it. immer
 * gives that for plain objects, arrays, Maps, Sets and whatever JavaScript cannot change; it would
 * hand class instances and typed arrays out as they are, to be changed in place, so these are refused.
 */

import { type Draft, enableMapSet, isDraftable, produce } from 'immer';
import { HoldfastError } from '../../base/errors.js';
import type { Aggregation } from './aggregations.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';
import { checkVersion } from './state-version.js';

interface UserAggregationBase<T, S> {
  /** The value before any record. */
  readonly initial: () => S;
  /** Changes the draft, or returns the next value (not both). Synchronous. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a callback that only changes its draft returns nothing
  readonly add: (state: Draft<S>, record: T) => S | void;
  /** Of what a value means, from 1. Raise it when values of before are no values of now. Default 1. */
  readonly version?: number | undefined;
  /** Makes a value of this version of one that a checkpoint holds in an older one. Synchronous. */
  readonly migrate?: ((state: never, fromVersion: number) => S) | undefined;
}

export interface UserAggregation<T, S> extends UserAggregationBase<T, S> {
  readonly result?: undefined;
}

export interface UserAggregationWithResult<T, S, R> extends UserAggregationBase<T, S> {
  /** What the row shows; it must not change the value. */
  readonly result: (state: S) => R;
}

/**
 * An aggregation of one's own over a value: plain data (objects, arrays, Maps, Sets, strings,
 * numbers…), never a class instance or a typed array.
 *
 * ```ts
 * aggregation({ initial: () => [] as string[], add: (last, f: Flight) => { last.push(f.origin); } })
 * ```
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION here; while running
 *   ERR_HOLDFAST_UNSUPPORTED_VALUE for a value that cannot be state
 */
export function aggregation<T, S, R>(spec: UserAggregationWithResult<T, S, R>): Aggregation<T, R>;
export function aggregation<T, S>(spec: UserAggregation<T, S>): Aggregation<T, S>;
export function aggregation<T, S>(
  spec: UserAggregationBase<T, S> & { readonly result?: ((state: S) => unknown) | undefined },
): Aggregation<T, unknown> {
  if (typeof spec !== 'object' || spec === null) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `aggregation(…) needs { initial, add }, but was given ${describeValue(spec)}.`,
    );
  }
  checkVersion('aggregation', spec);
  checkCallback(spec.initial, 'aggregation({ initial })');
  checkCallback(spec.add, 'aggregation({ add })');
  if (spec.result !== undefined) checkCallback(spec.result, 'aggregation({ result })');
  // Idempotent, and here rather than at the top of the module, which has to stay free of effects.
  enableMapSet();
  const { initial, add, result, version, migrate } = spec;
  return {
    kind: 'value',
    type: 'aggregation',
    version,
    migrate:
      migrate &&
      ((state, fromVersion) => requireImmutable(migrate(state as never, fromVersion), 'migrate')),
    initial: () => requireImmutable(initial(), 'initial'),
    add(state, record) {
      const next: unknown = produce(state as S, (draft: Draft<S>) => {
        const answer = add(draft, record);
        if (isThenable(answer)) throw asyncCallbackError('aggregation({ add })');
        return answer as never;
      });
      // Unchanged, or changed through the draft, it is what it was; a replacement could be anything.
      return next === state ? state : requireImmutable(next, 'add');
    },
    result(state) {
      if (result === undefined) return state;
      const answer = result(state as S);
      if (isThenable(answer)) throw asyncCallbackError('aggregation({ result })');
      return answer;
    },
  };
}

function requireImmutable(value: unknown, where: string): unknown {
  if (typeof value !== 'object' || value === null || isDraftable(value)) {
    if (typeof value !== 'function' && typeof value !== 'symbol') return value;
  }
  if (isThenable(value)) throw asyncCallbackError(`aggregation({ ${where} })`);
  throw new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `'${where}' of aggregation(…) gave ${describeValue(value)}, which cannot be kept as state. ` +
      'Use plain data: objects, arrays, Maps, Sets, strings, numbers, booleans, bigints or null.',
    { details: { where } },
  );
}
