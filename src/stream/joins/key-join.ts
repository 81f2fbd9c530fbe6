/**
 * Join of rows by key alone: every pair of a key, for good. A pair is emitted as the second of the two comes, with the
 * greater of their times where both have one. Nothing is late, and nothing is ever forgotten.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import type { JoinContext, SideName } from './join-context.js';
import type { JoinState } from './join-options.js';
import {
  dropNullKey,
  isNullKey,
  otherSide,
  pairOf,
  rowsOfBoth,
  type Select,
} from './join-sides.js';

/** What rows without a time are kept under. Their pairs have none either. */
const NO_TIME = Number.NEGATIVE_INFINITY;

export function keyJoinSpec(select: Select, versions: JoinState) {
  const pair = pairOf('join', select);
  const take = (side: SideName) => (record: unknown, ctx: JoinContext) => {
    const { key } = ctx;
    if (isNullKey(key)) {
      dropNullKey(ctx, side);
      return;
    }
    const own = ctx[side];
    const time = Number.isNaN(ctx.time) ? NO_TIME : ctx.time;
    // Before `select`, which may change the record.
    const row = own.add(time, record, NOT_BEHIND);
    const others = ctx[otherSide(side)];
    let partner = 0;
    for (const [otherTime, found] of others.all()) {
      for (const one of found) {
        const mine = partner === 0 ? record : own.record(row);
        partner += 1;
        const later =
          time === NO_TIME || otherTime === NO_TIME ? Number.NaN : Math.max(time, otherTime);
        ctx.emitAt(pair(side, mine, others.record(one), key), later);
      }
    }
  };
  return { state: rowsOfBoth(versions), onLeft: take('left'), onRight: take('right') };
}
