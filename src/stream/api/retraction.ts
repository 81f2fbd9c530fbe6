/**
 * What aggregations do over a changelog, where rows are taken back: the same answers as over the rows that are left.
 *
 * That needs other state than counting forward: a sum of floating-point numbers is kept exactly (exact-sum.ts), since
 * what was rounded away cannot be taken back; of the least and the greatest, all values that there are.
 */

import { HoldfastError } from '../../base/errors.js';
import { type ExactSum, exactSum, meanOf, sumOf, withValue } from './exact-sum.js';

/** @typeParam T rows @typeParam R the answer */
export interface RetractableAggregation<in T, out R> {
  /** Part of the state's layout. */
  readonly type: string;
  readonly initial: () => unknown;
  /** What counts of a row; undefined: nothing. Calls the user's selector. */
  readonly select: (row: T) => unknown;
  /** `change` changes the state itself. Else it leaves it as it is, and makes a new one. */
  readonly inPlace: boolean;
  /** Adds what was selected (`by` is 1) or takes it back (−1). @returns the state from now on */
  readonly change: (state: unknown, selected: unknown, by: 1 | -1) => unknown;
  readonly result: (state: unknown) => R;
}

/** Never gives −0 (aggregations.ts, numberOf). */
type NumberOf<T> = (row: T) => number | undefined;

export function retractableCount(): RetractableAggregation<unknown, number> {
  return {
    type: 'count',
    initial: () => 0,
    select: () => 1,
    inPlace: false,
    change: (state, _, by) => (state as number) + by,
    result: (state) => state as number,
  };
}

export function retractableSum<T>(select: NumberOf<T>): RetractableAggregation<T, number | null> {
  return {
    type: 'sum',
    initial: exactSum,
    select,
    inPlace: false,
    change: (state, value, by) => withValue(state as ExactSum, value as number, by),
    result: (state) => sumOf(state as ExactSum),
  };
}

export function retractableAverage<T>(
  select: NumberOf<T>,
): RetractableAggregation<T, number | null> {
  return {
    ...retractableSum(select),
    type: 'average',
    result: (state) => meanOf(state as ExactSum),
  };
}

interface BigSum {
  readonly counted: number;
  readonly sum: bigint;
}

export function retractableBigSum<T>(
  select: (row: T) => bigint | undefined,
): RetractableAggregation<T, bigint | null> {
  return {
    type: 'sum-bigint',
    initial: (): BigSum => ({ counted: 0, sum: 0n }),
    select,
    inPlace: false,
    change(state, selected, by): BigSum {
      const { counted, sum } = state as BigSum;
      return { counted: counted + by, sum: sum + BigInt(by) * (selected as bigint) };
    },
    result(state) {
      const { counted, sum } = state as BigSum;
      return counted === 0 ? null : sum;
    },
  };
}

/** All values that there are, and how often each. */
interface Values {
  /** Ascending. */
  readonly values: number[];
  readonly counts: number[];
  /** Number of NaNs. */
  nans: number;
}

/** @param end of the values in ascending order, at which the answer stands */
export function retractableExtreme<T>(
  end: 'min' | 'max',
  select: NumberOf<T>,
): RetractableAggregation<T, number | null> {
  return {
    type: end,
    initial: (): Values => ({ values: [], counts: [], nans: 0 }),
    select,
    inPlace: true,
    change(state, selected, by) {
      changeCount(state as Values, selected as number, by);
      return state;
    },
    result(state) {
      const { values, nans } = state as Values;
      if (nans > 0) return Number.NaN;
      return values.at(end === 'min' ? 0 : -1) ?? null;
    },
  };
}

function changeCount(state: Values, value: number, by: 1 | -1): void {
  if (Number.isNaN(value)) {
    if (state.nans + by < 0) throw neverCounted(value);
    state.nans += by;
    return;
  }
  const { values, counts } = state;
  let at = 0;
  let end = values.length;
  while (at < end) {
    const middle = (at + end) >>> 1;
    if (values[middle]! < value) at = middle + 1;
    else end = middle;
  }
  if (values[at] !== value) {
    if (by < 0) throw neverCounted(value);
    values.splice(at, 0, value);
    counts.splice(at, 0, 1);
    return;
  }
  counts[at]! += by;
  if (counts[at] !== 0) return;
  values.splice(at, 1);
  counts.splice(at, 1);
}

function neverCounted(value: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHANGELOG',
    `a change takes back the value ${value}, which was never counted. A selector has to give the same for a row when it ` +
      'comes and when it is taken back.',
  );
}
