/** The first records by some order, as an aggregation. */

import { badOption } from '../../base/option-checks.js';
import { copyValue } from '../../codec/value-codec.js';
import type { Aggregation } from './aggregations.js';
import {
  compareLists,
  type Order,
  type OrderValue,
  orderValues,
  requireOrder,
  signsOf,
} from './order-by.js';

const RECORDS_MAX = 100_000;

export interface TopOptions<T> {
  /** What records are ordered by: a selector (the greatest first), `asc(…)`, `desc(…)`, or several. */
  readonly by: Order<T> | readonly Order<T>[];
}

interface Ranked {
  readonly values: readonly OrderValue[];
  readonly record: unknown;
}

/**
 * The first `n` records, in order; of those that are equal the ones that came first. Where windows are merged of shorter
 * times, as sliding ones and sessions are, those of earlier times stay ahead. On a keyed stream, `keyBy(…).topN`
 * gives a changelog instead.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function topN<T>(n: number, options: TopOptions<T>): Aggregation<T, T[]> {
  if (!Number.isSafeInteger(n) || n < 1 || n > RECORDS_MAX) {
    throw badOption('topN(n, …)', n, `a whole number from 1 to ${RECORDS_MAX}`);
  }
  const orders = requireOrder('topN(…, { by })', (options as TopOptions<T> | undefined)?.by);
  const selectors = orders.map(({ select }) => select);
  const signs = signsOf(orders);
  /** Is `one` ahead of `other`, which came before? */
  const isAhead = (one: readonly OrderValue[], other: readonly OrderValue[]) =>
    compareLists(one, other, signs) < 0;
  const withOne = (list: readonly Ranked[], one: Ranked): readonly Ranked[] => {
    let at = list.length;
    while (at > 0 && isAhead(one.values, list[at - 1]!.values)) at -= 1;
    return at >= n ? list : [...list.slice(0, at), one, ...list.slice(at, n - 1)];
  };
  return {
    kind: 'value',
    type: `top-${n}`,
    initial: () => [],
    add(state, record) {
      const list = state as readonly Ranked[];
      const values = orderValues(selectors, record);
      if (list.length >= n && !isAhead(values, list[n - 1]!.values)) return list;
      return withOne(list, { values, record: copyValue(record, 'record') });
    },
    merge: (before, after) =>
      (after as readonly Ranked[]).reduce(withOne, before as readonly Ranked[]),
    result: (state) =>
      (state as readonly Ranked[]).slice(0, n).map(({ record }) => copyValue(record) as T),
  };
}
