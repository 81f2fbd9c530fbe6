/** Sums of bigints: exact, whatever their size. */

import { HoldfastError } from '../../base/errors.js';
import type { Aggregation } from './aggregations.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';
import { retractableBigSum } from './retraction.js';

/**
 * The sum of the bigints that `select` gives; null when it never gave one. `sum` is faster, and refuses sums of
 * integers beyond 2^53.
 */
export function sumBigInt<T, N extends bigint | null | undefined = bigint | null | undefined>(
  select: (record: T) => N,
): Aggregation<T, [N] extends [bigint] ? bigint : bigint | null> {
  checkCallback(select, 'sumBigInt');
  const bigIntOf = (record: T): bigint | undefined => {
    const value: unknown = select(record);
    if (typeof value === 'bigint') return value;
    if (value === null || value === undefined) return undefined;
    if (isThenable(value)) throw asyncCallbackError('sumBigInt');
    throw new HoldfastError(
      'ERR_HOLDFAST_UNSUPPORTED_VALUE',
      `the selector of sumBigInt gave ${describeValue(value)}. Return a bigint, BigInt(…) of an integer say, or ` +
        'null for nothing to count.',
      { details: { aggregation: 'sumBigInt' } },
    );
  };
  const aggregation: Aggregation<T, bigint | null> = {
    kind: 'value',
    type: 'sum-bigint',
    initial: () => null,
    add(state, record) {
      const value = bigIntOf(record);
      return value === undefined ? state : value + ((state as bigint | null) ?? 0n);
    },
    merge(before, after) {
      const [kept, later] = [before as bigint | null, after as bigint | null];
      return kept === null || later === null ? (kept ?? later) : kept + later;
    },
    result: (state) => state as bigint | null,
    retractable: retractableBigSum(bigIntOf),
  };
  return aggregation as Aggregation<T, [N] extends [bigint] ? bigint : bigint | null>;
}
