/**
 * Aggregations: small folds that keyed and windowed streams run per key.
 *
 * A *numeric* aggregation keeps its accumulator as float64 words in an array and at a place that it is given. Where a
 * spec has only such, the array is shared: that makes their state cheap to snapshot. A *value* aggregation keeps
 * any immutable value and makes a new one per record, or, with `copy`, a value of its own that it changes.
 *
 * Invariants of the numeric ones:
 *  A1  A record is looked at once: one call of the selector per record and aggregation.
 *  A2  null and undefined are skipped; the answer is null when nothing was counted (`count`: 0).
 *  A3  `-0` in a `sum`, `min` or `max` accumulator means "nothing counted yet". It can stand for that
 *      because a counted `-0` is turned into `+0` first, and no sum of other numbers is ever `-0`.
 *      So these need one word, not two, and infinities and NaN remain ordinary values.
 *  A4  NaN passes through: once counted, the answer is NaN.
 *
 * Sums are plain float64 additions in the order of arrival, without compensation: as good as `a + b`, and exact for
 * integers, since `sum` fails rather than leave ±(2^53 − 1) by them (safe-sum.ts).
 */

import { HoldfastError } from '../../base/errors.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';
import {
  type RetractableAggregation,
  retractableAverage,
  retractableCount,
  retractableExtreme,
  retractableSum,
} from './retraction.js';
import { checkSum, WATCHED_FROM } from './safe-sum.js';

/** Where accumulators are: rows of shared memory, or an array beside values of other kinds. */
export type Words = Float64Array | number[];

/** Accumulates in `words` float64 words of `data`, from index `at`. */
export interface NumericAggregation<in T, out R> {
  readonly kind: 'numeric';
  /** `count`, `sum`…: part of the graph's hash, since it decides what the words mean. */
  readonly type: string;
  readonly words: number;
  /** Writes the accumulator of no records. */
  readonly init: (data: Words, at: number) => void;
  readonly add: (data: Words, at: number, record: T) => void;
  /**
   * Adds to the accumulator at `at` what that at `fromAt` of `from` has counted, of later records. Absent: it cannot
   * be taken over windows that overlap.
   */
  readonly merge?: ((data: Words, at: number, from: Words, fromAt: number) => void) | undefined;
  readonly result: (data: Words, at: number) => R;
  /** The same over a changelog. Absent: it cannot take back what it has counted. */
  readonly retractable?: RetractableAggregation<T, R> | undefined;
}

/** Accumulates in an immutable value: `add` gives the next one and leaves the old one alone, unless there is a `copy`. */
export interface ValueAggregation<in T, out R> {
  readonly kind: 'value';
  readonly type: string;
  readonly initial: () => unknown;
  /** @param timestamp the record's event time in ms; NaN or absent: it has none */
  readonly add: (state: unknown, record: T, timestamp?: number) => unknown;
  /** `add` goes by the record's event time, and throws where there is none. */
  readonly needsTime?: boolean | undefined;
  /**
   * Given: `add` and `merge` change their first argument, and give it. This gives a copy that stays as it is.
   */
  readonly copy?: ((state: unknown) => unknown) | undefined;
  /** Gives the value over the records of both, and leaves both alone. `after` is of later records. Absent: as above. */
  readonly merge?: ((before: unknown, after: unknown) => unknown) | undefined;
  readonly result: (state: unknown) => R;
  /** Version of the value's meaning, from 1. */
  readonly version?: number | undefined;
  /** Makes a value of this version out of a value of an older version. */
  readonly migrate?: ((state: unknown, fromVersion: number) => unknown) | undefined;
  /**
   * Given: the answer is how many different values this gives; undefined is none. Where that is kept as a number beside
   * the values (state/distinct-values.ts), nothing else of the aggregation is asked for. Calls the user's selector.
   */
  readonly distinct?:
    | ((record: T) => string | number | bigint | boolean | null | undefined)
    | undefined;
  /** `add` may keep the record, or parts of it, which nobody else holds then. */
  readonly keepsRecords?: boolean | undefined;
  /** As of a numeric one. */
  readonly retractable?: RetractableAggregation<T, R> | undefined;
}

/** A fold from records of type T to an answer of type R. */
export type Aggregation<T, R> = NumericAggregation<T, R> | ValueAggregation<T, R>;

/** Names of the answers, each with its aggregation. */
export type AggregationSpec<T> = Readonly<Record<string, Aggregation<T, unknown>>>;

/** The answers of a spec: `{ flights: count() }` gives `{ flights: number }`. */
export type AggregationResults<A> = {
  -readonly [N in keyof A]: A[N] extends Aggregation<never, infer R> ? R : never;
};

/** Selects a number of the record; null and undefined are skipped. */
export type NumberSelector<T> = (record: T) => number | null | undefined;

/** The answer over what a selector gives: a number where it always gives one, else null when it never did. */
export type Counted<N> = [N] extends [number] ? number : number | null;

/** The number of records. */
export function count(): Aggregation<unknown, number> {
  return new Count();
}

/**
 * The sum of what `select` gives; null when it never gave a number. Plain float64 additions. A record whose integer would
 * bring a sum of integers beyond `Number.MAX_SAFE_INTEGER`, where it would be rounded, fails
 * (ERR_HOLDFAST_SUM_OVERFLOW): `sumBigInt` is exact at any size.
 */
export function sum<T, N extends number | null | undefined = number | null | undefined>(
  select: (record: T) => N,
): Aggregation<T, Counted<N>> {
  checkCallback(select, 'sum');
  return new Sum(select) as NumericAggregation<T, Counted<N>>;
}

/** The least of what `select` gives; null when it never gave a number. */
export function min<T, N extends number | null | undefined = number | null | undefined>(
  select: (record: T) => N,
): Aggregation<T, Counted<N>> {
  checkCallback(select, 'min');
  return new Min(select) as NumericAggregation<T, Counted<N>>;
}

/** The greatest of what `select` gives; null when it never gave a number. */
export function max<T, N extends number | null | undefined = number | null | undefined>(
  select: (record: T) => N,
): Aggregation<T, Counted<N>> {
  checkCallback(select, 'max');
  return new Max(select) as NumericAggregation<T, Counted<N>>;
}

/** The mean of what `select` gives; null when it never gave a number. */
export function average<T, N extends number | null | undefined = number | null | undefined>(
  select: (record: T) => N,
): Aggregation<T, Counted<N>> {
  checkCallback(select, 'average');
  return new Average(select) as NumericAggregation<T, Counted<N>>;
}

class Count implements NumericAggregation<unknown, number> {
  readonly kind = 'numeric';
  readonly type = 'count';
  readonly words = 1;
  readonly retractable = retractableCount();

  init(data: Words, at: number): void {
    data[at] = 0;
  }

  add(data: Words, at: number): void {
    data[at] = data[at]! + 1;
  }

  merge(data: Words, at: number, from: Words, fromAt: number): void {
    data[at] = data[at]! + from[fromAt]!;
  }

  result(data: Words, at: number): number {
    return data[at]!;
  }
}

/** An aggregation of selected numbers in one word, which is -0 until a number was counted (A3). */
abstract class OneWord<T> implements NumericAggregation<T, number | null> {
  readonly kind = 'numeric';
  abstract readonly type: string;
  readonly words = 1;
  readonly select: NumberSelector<T>;

  constructor(select: NumberSelector<T>) {
    this.select = select;
  }

  init(data: Words, at: number): void {
    data[at] = -0;
  }

  abstract add(data: Words, at: number, record: T): void;

  abstract merge(data: Words, at: number, from: Words, fromAt: number): void;

  abstract get retractable(): RetractableAggregation<T, number | null>;

  result(data: Words, at: number): number | null {
    const word = data[at]!;
    return Object.is(word, -0) ? null : word;
  }
}

class Sum<T> extends OneWord<T> {
  readonly type = 'sum';

  add(data: Words, at: number, record: T): void {
    const select = this.select;
    const value = select(record);
    if (typeof value === 'number') {
      // Adding 0 turns a counted -0 into +0 (A3).
      const total = data[at]! + (value + 0);
      if (Math.abs(total) > WATCHED_FROM) checkSum(data[at]!, value);
      data[at] = total;
    } else refuseUnlessMissing(value, 'sum');
  }

  merge(data: Words, at: number, from: Words, fromAt: number): void {
    // -0 + -0 is -0: still nothing counted (A3).
    const total = data[at]! + from[fromAt]!;
    if (Math.abs(total) > WATCHED_FROM) checkSum(data[at]!, from[fromAt]!);
    data[at] = total;
  }

  get retractable(): RetractableAggregation<T, number | null> {
    return retractableSum(numberOf(this.select, 'sum'));
  }
}

class Min<T> extends OneWord<T> {
  readonly type = 'min';

  add(data: Words, at: number, record: T): void {
    const select = this.select;
    const value = select(record);
    if (typeof value === 'number') {
      const least = data[at]!;
      // A NaN in `least` loses no comparison, so it stays (A4).
      if (value < least || Number.isNaN(value) || Object.is(least, -0)) data[at] = value + 0;
    } else refuseUnlessMissing(value, 'min');
  }

  merge(data: Words, at: number, from: Words, fromAt: number): void {
    const value = from[fromAt]!;
    const least = data[at]!;
    if (Object.is(value, -0)) return;
    if (value < least || Number.isNaN(value) || Object.is(least, -0)) data[at] = value;
  }

  get retractable(): RetractableAggregation<T, number | null> {
    return retractableExtreme('min', numberOf(this.select, 'min'));
  }
}

class Max<T> extends OneWord<T> {
  readonly type = 'max';

  add(data: Words, at: number, record: T): void {
    const select = this.select;
    const value = select(record);
    if (typeof value === 'number') {
      const greatest = data[at]!;
      if (value > greatest || Number.isNaN(value) || Object.is(greatest, -0)) data[at] = value + 0;
    } else refuseUnlessMissing(value, 'max');
  }

  merge(data: Words, at: number, from: Words, fromAt: number): void {
    const value = from[fromAt]!;
    const greatest = data[at]!;
    if (Object.is(value, -0)) return;
    if (value > greatest || Number.isNaN(value) || Object.is(greatest, -0)) data[at] = value;
  }

  get retractable(): RetractableAggregation<T, number | null> {
    return retractableExtreme('max', numberOf(this.select, 'max'));
  }
}

/** Words: the sum, and how many were counted. */
class Average<T> implements NumericAggregation<T, number | null> {
  readonly kind = 'numeric';
  readonly type = 'average';
  readonly words = 2;
  readonly select: NumberSelector<T>;

  constructor(select: NumberSelector<T>) {
    this.select = select;
  }

  init(data: Words, at: number): void {
    data[at] = 0;
    data[at + 1] = 0;
  }

  add(data: Words, at: number, record: T): void {
    const select = this.select;
    const value = select(record);
    if (typeof value === 'number') {
      data[at] = data[at]! + value;
      data[at + 1] = data[at + 1]! + 1;
    } else refuseUnlessMissing(value, 'average');
  }

  merge(data: Words, at: number, from: Words, fromAt: number): void {
    data[at] = data[at]! + from[fromAt]!;
    data[at + 1] = data[at + 1]! + from[fromAt + 1]!;
  }

  result(data: Words, at: number): number | null {
    const records = data[at + 1]!;
    return records === 0 ? null : data[at]! / records;
  }

  get retractable(): RetractableAggregation<T, number | null> {
    return retractableAverage(numberOf(this.select, 'average'));
  }
}

/** What the selector gives, if it is a number, and 0 for −0; undefined for nothing to count. */
export function numberOf<T>(
  select: NumberSelector<T>,
  type: string,
): (record: T) => number | undefined {
  return (record) => {
    const value = select(record);
    if (typeof value === 'number') return value + 0; // −0 + 0 is 0.
    refuseUnlessMissing(value, type);
    return undefined;
  };
}

function refuseUnlessMissing(value: unknown, type: string): void {
  if (value === null || value === undefined) return;
  if (isThenable(value)) throw asyncCallbackError(`${type}'s selector`);
  const way =
    typeof value === 'bigint' || typeof value === 'string'
      ? `Convert it with Number(…) in the selector${typeof value === 'bigint' ? ', if it is within ±2^53' : ''}.`
      : 'Return a number, or null for nothing to count.';
  throw new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `the selector of ${type} gave ${describeValue(value)}, but only numbers can be aggregated. ${way}`,
    { details: { aggregation: type } },
  );
}

/** Names that JavaScript itself has taken: no answer can have one of them. */
export const RESERVED_NAMES: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/**
 * Refuses a spec that has no aggregations, things that are none, or names that a row's own fields
 * (`taken`) or JavaScript itself need.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireAggregations(
  spec: unknown,
  taken: readonly string[],
): asserts spec is Readonly<Record<string, Aggregation<never, unknown>>> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw badSpec(
      `needs an object such as { flights: count() }, but was given ${describeValue(spec)}`,
    );
  }
  const entries = Object.entries(spec as Record<string, unknown>);
  if (entries.length === 0)
    throw badSpec('needs at least one aggregation, such as { flights: count() }');
  for (const [name, value] of entries) {
    if (taken.includes(name) || RESERVED_NAMES.includes(name)) {
      throw badSpec(`cannot give an answer the name '${name}', which is taken; choose another`);
    }
    const kind = (value as { kind?: unknown } | null | undefined)?.kind;
    if (kind !== 'numeric' && kind !== 'value') {
      throw badSpec(
        `needs an aggregation such as count() for '${name}', but was given ${describeValue(value)}`,
      );
    }
  }
}

/** Names and types of a spec, for the graph's hash: what decides how its state is laid out. */
export function describeAggregations(
  spec: Readonly<Record<string, Aggregation<never, unknown>>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(spec).map(([name, aggregation]) => {
      const version = versionOf(aggregation);
      return [name, version === 1 ? aggregation.type : `${aggregation.type} ${version}`];
    }),
  );
}

export function versionOf(aggregation: Aggregation<never, unknown>): number {
  return aggregation.kind === 'value' ? (aggregation.version ?? 1) : 1;
}

/**
 * Refuses a spec of which something cannot be merged, for windows that overlap.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireMerges(
  spec: Readonly<Record<string, Aggregation<never, unknown>>>,
  window: string,
): void {
  for (const [name, { merge }] of Object.entries(spec)) {
    if (merge !== undefined) continue;
    throw badSpec(
      `over ${window} windows merges what it has of shorter times, and '${name}' cannot be merged: give it a merge, as ` +
        'in aggregation({ initial, add, merge }), which adds a later state to the first',
    );
  }
}

function badSpec(problem: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_BAD_OPTION', `aggregate(…) ${problem}.`);
}
