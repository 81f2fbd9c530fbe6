/**
 * Interval join: a left row of time l and a right row of time r meet when l + lower ≤ r ≤ l + upper.
 *
 *  N1  A pair is emitted as the second of the two comes, with the greater of their times.
 *  N2  A row is late when its own time + the allowed lateness has passed (lateness.ts). So whether it still finds
 *      partners never depends on what happens to be kept.
 *  N3  A row is kept until no partner can come that is not late: until its time, or the last time of a partner if that
 *      is later, + the allowed lateness has passed.
 *  N4  A row that has found no partner is emitted with null then, and with the time of that moment: no window behind
 *      can have closed before it. By N2 and N3 no partner can come any more.
 *      Of every row that is kept it is known whether it has found one, also where `kind` does not ask: another run's may.
 *  N5  As a timer fires, the next one is set for what is left. With wider bounds than in the run before that one may be
 *      missing.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import type { Output } from '../api/output.js';
import type { JoinContext, SideName } from './join-context.js';
import type { JoinKind, JoinState } from './join-options.js';
import {
  dropNullKey,
  isNullKey,
  keepsUnmatched,
  otherSide,
  pairOf,
  putLateAside,
  rowsOfBoth,
  type Select,
} from './join-sides.js';

export interface IntervalJoin {
  /** For messages: `intervalJoin`. */
  readonly method: string;
  /** In ms, both inclusive. */
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly allowedLatenessMs: number;
  readonly kind: JoinKind;
  readonly select: Select;
  /** Side outputs for late rows. */
  readonly lateTags: Readonly<Partial<Record<SideName, string>>>;
  readonly versions: JoinState;
}

/** The callbacks of the join. */
export function intervalJoinSpec(join: IntervalJoin) {
  const { lowerMs, upperMs, allowedLatenessMs, kind, lateTags } = join;
  const pair = pairOf(join.method, join.select);
  /** From a row's time to those of its first and its last partner. */
  const partners = {
    left: { first: lowerMs, last: upperMs },
    right: { first: -upperMs, last: -lowerMs },
  };
  /** From a row's time to the moment up to which it is kept (N3). */
  const keptFor = (side: SideName) => Math.max(0, partners[side].last) + allowedLatenessMs;

  const take = (side: SideName) => (record: unknown, ctx: JoinContext, out: Output<unknown>) => {
    const time = ctx.timestamp;
    if (ctx.isLate(time + allowedLatenessMs)) {
      putLateAside(ctx, side, record, lateTags);
      return;
    }
    const { key } = ctx;
    const keeps = keepsUnmatched(kind, side);
    if (isNullKey(key)) {
      if (keeps) out.emit(pair(side, record, null, key));
      else dropNullKey(ctx, side);
      return;
    }
    const own = ctx[side];
    // Before `select`, which may change the record.
    const row = own.add(time, record, NOT_BEHIND);
    ctx.timers.eventTime(time + keptFor(side));
    const other = otherSide(side);
    const others = ctx[other];
    const { first, last } = partners[side];
    let partner = 0;
    for (const [otherTime, found] of others.between(time + first, time + last)) {
      for (const one of found) {
        const mine = partner === 0 ? record : own.record(row);
        partner += 1;
        ctx.emitAt(pair(side, mine, others.record(one), key), Math.max(time, otherTime));
        others.match(one);
      }
    }
    if (partner > 0) own.match(row);
  };

  const release = (side: SideName, now: number, ctx: JoinContext): void => {
    const own = ctx[side];
    for (const [time, found] of own.between(Number.NEGATIVE_INFINITY, now - keptFor(side))) {
      if (keepsUnmatched(kind, side)) {
        for (const one of found) {
          if (one[2]) continue;
          const record = () => own.record(one);
          ctx.emitRow(() => pair(side, record(), null, ctx.key), record); // N4
        }
      }
      own.remove(time);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const [time] of own.all()) if (time < next) next = time;
    if (next < Number.POSITIVE_INFINITY) ctx.timers.eventTime(next + keptFor(side)); // N5
  };

  return {
    state: rowsOfBoth(join.versions),
    onLeft: take('left'),
    onRight: take('right'),
    onTimer(now: number, ctx: JoinContext): void {
      release('left', now, ctx);
      release('right', now, ctx);
    },
  };
}
