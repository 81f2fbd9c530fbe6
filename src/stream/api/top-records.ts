/** The first records by some order, as an aggregation. */

import { badOption, checkOneOf } from '../../base/option-checks.js';
import { copyValue } from '../../codec/value-codec.js';
import type { Aggregation } from './aggregations.js';
import {
  compareLists,
  type Order,
  type OrderValue,
  orderValues,
  requireOrder,
  type Selector,
  signsOf,
} from './order-by.js';

const RECORDS_MAX = 100_000;

export interface TopOptions<T> {
  /** What records are ordered by: a selector (the greatest first), `asc(…)`, `desc(…)`, or several. */
  readonly by: Order<T> | readonly Order<T>[];
  /**
   * Of records that are equal to the last of the `n` in this order: `'first'`, the default, keeps those that came first,
   * `'all'` keeps them all, however many they are.
   */
  readonly ties?: 'first' | 'all' | undefined;
}

interface Ranked {
  readonly values: readonly OrderValue[];
  readonly record: unknown;
}

/**
 * The first `n` records, in order; equal ones as they came. Where
 * windows are merged of shorter times, as sliding ones and sessions are, those of earlier times stay ahead. On a keyed
 * stream, `keyBy(…).topN` gives a changelog instead.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function topN<T>(n: number, options: TopOptions<T>): Aggregation<T, T[]> {
  if (!Number.isSafeInteger(n) || n < 1 || n > RECORDS_MAX) {
    throw badOption('topN(n, …)', n, `a whole number from 1 to ${RECORDS_MAX}`);
  }
  const { by, ties } = (options as TopOptions<T> | undefined) ?? {};
  const orders = requireOrder('topN(…, { by })', by);
  const hasTies = checkOneOf('topN(…, { ties })', ties, 'first', ['first', 'all']) === 'all';
  const selectors = orders.map(({ select }) => select);
  const signs = signsOf(orders);
  /** The value by which one order alone decides. */
  const select = selectors.length === 1 ? (selectors[0] as Selector<T>) : undefined;
  const sign = signs[0]!;
  const hasPlace = (list: readonly Ranked[], values: readonly OrderValue[]): boolean => {
    if (list.length < n) return true;
    const order = compareLists(values, list[n - 1]!.values, signs);
    return hasTies ? order <= 0 : order < 0;
  };
  /** Where there is a place for it. */
  const put = (list: Ranked[], one: Ranked): void => {
    let at = list.length;
    while (at > 0 && compareLists(one.values, list[at - 1]!.values, signs) < 0) at -= 1;
    list.splice(at, 0, one);
    if (list.length <= n) return;
    // All that are behind the last of the n are equal to each other.
    const last = list[n - 1]!.values;
    if (!hasTies || compareLists(list[n]!.values, last, signs) > 0) list.length = n;
  };
  return {
    kind: 'value',
    type: hasTies ? `top-${n}-ties` : `top-${n}`,
    initial: () => [],
    add(state, record) {
      const list = state as Ranked[];
      if (select !== undefined && list.length >= n) {
        const first = select(record);
        const last = list[n - 1]!.values[0];
        // Most records are behind, and most orders go by one number. (Not so for NaN, which is behind all others.)
        if (typeof first === 'number' && typeof last === 'number') {
          if ((first - last) * sign > 0) return list;
        }
      }
      const values = orderValues(selectors, record);
      if (hasPlace(list, values)) put(list, { values, record: copyValue(record, 'record') });
      return list;
    },
    copy: (state) => (state as readonly Ranked[]).slice(),
    merge(before, after) {
      const list = before as Ranked[];
      for (const one of after as readonly Ranked[]) if (hasPlace(list, one.values)) put(list, one);
      return list;
    },
    result: (state) => (state as readonly Ranked[]).map(({ record }) => copyValue(record) as T),
  };
}
