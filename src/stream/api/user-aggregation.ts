/**
 * A user's own aggregation over an immutable value, written as if the value could be changed: `add`
 * gets an immer draft, and what it does to the draft makes the next value.
 *
 * A value that was emitted must survive the next record. immer gives that for plain objects, arrays, Maps
 * and Sets, as long as they form a tree: an object that stands in two places of a value comes apart at its
 * first change, and immer never ends with one that contains itself.
 *
 *  U1  Each change is looked at (value-change.ts): what has no form as data is refused at the record that
 *      brings it, with its path.
 *  U2  A value that is no tree is changed without immer: in a copy, in which what was one object still is one.
 *      That costs as much as the value is large, and is right.
 *  U3  The user may change Dates and binary data in a value in place: state is saved for a snapshot
 *      before `add` is called.
 *  U4  What cannot be changed in place has to be returned: who forgets to would count nothing, for ever.
 *  U5  Each of two states that are merged has begun with `initial`, so that must stand for no records. The first merge
 *      looks whether it does.
 */

import { isDeepStrictEqual } from 'node:util';
import { type Draft, enableMapSet, isDraftable } from 'immer';
import { HoldfastError } from '../../base/errors.js';
import { copyValue } from '../../codec/value-codec.js';
import type { Aggregation } from './aggregations.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';
import { changedByDraft, changedCopy } from './draft.js';
import { checkVersion } from './state-version.js';
import { emittedValue, isTree, looksAtChange } from './value-change.js';

/** What makes a state of another one: of an object nothing, if it has changed its draft. */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that only changes its draft returns nothing
export type NextState<S> = S | (S extends object ? void : never);

interface UserAggregationBase<T, S> {
  /** The value before any record. */
  readonly initial: () => S;
  /** Changes the draft, or returns the next value (not both); of numbers, strings and the like it returns it. Synchronous. */
  readonly add: (state: Draft<S>, record: T) => NextState<S>;
  /**
   * Adds to the draft what `later` has, or returns the value over the records of both. `later` is of later records, and
   * must not change. With `initial` in the place of `state` it gives `later` again. Needed for windows that overlap, and for
   * sessions, which a record may join. Synchronous.
   */
  readonly merge?: ((state: Draft<S>, later: S) => NextState<S>) | undefined;
  /**
   * Takes back what `add` has done for an equal record, whatever was added since; in the same way. Without it the
   * aggregation cannot stand over a changelog.
   */
  readonly retract?: ((state: Draft<S>, record: T) => NextState<S>) | undefined;
  /** Version of the value's meaning, from 1. Raise it when former values do not fit any more. Default 1. */
  readonly version?: number | undefined;
  /** Makes a value of this version out of an older value that a checkpoint holds. Synchronous. */
  readonly migrate?: ((state: never, fromVersion: number) => S) | undefined;
}

export interface UserAggregation<T, S> extends UserAggregationBase<T, S> {
  readonly result?: undefined;
}

export interface UserAggregationWithResult<T, S, R> extends UserAggregationBase<T, S> {
  /** What the row shows. It must not change the value. */
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
  if (spec.merge !== undefined) checkCallback(spec.merge, 'aggregation({ merge })');
  if (spec.retract !== undefined) checkCallback(spec.retract, 'aggregation({ retract })');
  if (spec.result !== undefined) checkCallback(spec.result, 'aggregation({ result })');
  // Idempotent, and here rather than at the top of the module, which has to stay free of effects.
  enableMapSet();
  const { initial, add, merge, retract, result, version, migrate } = spec;
  /** The value that `call` makes of the draft. */
  const changed = (state: unknown, where: string, call: (draft: Draft<S>) => unknown): unknown => {
    const called = (draft: unknown): unknown => {
      const answer = call(draft as Draft<S>);
      if (isThenable(answer)) throw asyncCallbackError(`aggregation({ ${where} })`);
      if (answer === undefined) requireChangeable(state, where);
      return answer;
    };
    const next = isTree(state)
      ? changedByDraft(state, `'${where}' of aggregation(…)`, called)
      : changedCopy(state, called);
    if (next === state) return state;
    looksAtChange(state, requireImmutable(next, where));
    return next;
  };
  const begun = (value: unknown, where: string): unknown => {
    const state = copyValue(requireImmutable(value, where), 'state');
    looksAtChange(undefined, state);
    return state;
  };
  const added = (state: unknown, record: T) => changed(state, 'add', (draft) => add(draft, record));
  const shown = (state: unknown): unknown => {
    if (result === undefined) return emittedValue(state);
    const answer = result(state as S);
    if (isThenable(answer)) throw asyncCallbackError('aggregation({ result })');
    return emittedValue(answer);
  };
  const first = () => begun(initial(), 'initial');
  const merging = (call: (before: unknown, after: unknown) => unknown) => {
    const merged = (before: unknown, after: unknown): unknown =>
      changed(before, 'merge', (draft) => call(draft, after));
    let isNeutral = false;
    return (before: unknown, after: unknown): unknown => {
      if (!isNeutral) requireNeutral(merged(first(), after), after);
      isNeutral = true;
      return merged(before, after);
    };
  };
  return {
    kind: 'value',
    type: 'aggregation',
    keepsRecords: true,
    version,
    migrate:
      migrate && ((state, fromVersion) => begun(migrate(state as never, fromVersion), 'migrate')),
    initial: first,
    add: added,
    merge: merge && merging((before, after) => merge(before as Draft<S>, after as S)),
    result: shown,
    retractable: retract && {
      type: 'aggregation',
      initial: first,
      select: (record) => record,
      inPlace: false,
      change: (state, record, by) =>
        by === 1
          ? added(state, record as T)
          : changed(state, 'retract', (draft) => retract(draft, record as T)),
      result: shown,
    },
  };
}

/** U5 */
function requireNeutral(merged: unknown, given: unknown): void {
  if (isDeepStrictEqual(merged, given)) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    "'merge' of aggregation(…) gives another state than it was given when it merges that with 'initial', so what " +
      "'initial' holds would count once for each of the two. Begin with a state that stands for no records, or have " +
      "'merge' take it into account.",
    { details: { where: 'merge' } },
  );
}

/** U4. Of undefined nobody knows whether it was returned. */
function requireChangeable(state: unknown, where: string): void {
  if (typeof state === 'object' && state !== null) return;
  if (state === undefined) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `'${where}' of aggregation(…) returned nothing, and ${describeValue(state)} cannot be changed in place. Return the ` +
      'next state, which may be the one that was given.',
    { details: { where } },
  );
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
