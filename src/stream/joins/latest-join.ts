/**
 * Join with the latest version: a left row of time t meets the version of its key that was in force at t, the last one
 * of a time up to t. Of versions of one time it is the one that came last.
 *
 *  V1  A left row waits until the watermark has reached its time: all versions up to t are there then, but late ones. It
 *      is emitted with its own time.
 *  V2  A left row that is late (lateness.ts) is not joined: what was in force then may be forgotten.
 *  V3  A late version is in force as well, for left rows that are later than the time which its split had when it came
 *      (counted as `lateVersions`). Rows up to that time may have been emitted, here or on another run.
 *  V4  Of the versions up to the watermark the newest that is in force for all rows to come is kept; those before it
 *      are let go.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import { hasPassed } from '../operators/lateness.js';
import type { JoinContext, JoinRow, JoinRows, SideName } from './join-context.js';
import type { JoinKind, JoinState } from './join-options.js';
import {
  dropNullKey,
  isNullKey,
  keepsUnmatched,
  pairOf,
  putLateAside,
  rowsOfBoth,
  type Select,
} from './join-sides.js';

export function latestJoinSpec(
  kind: JoinKind,
  lateTags: Readonly<Partial<Record<SideName, string>>>,
  select: Select,
  state: JoinState,
  versions: Versions = LAST_RECORD,
) {
  const pair = pairOf('joinLatest', select);
  const keeps = keepsUnmatched(kind, 'left');
  return {
    state: rowsOfBoth(state),
    onLeft(record: unknown, ctx: JoinContext): void {
      const time = ctx.timestamp;
      if (ctx.isLate(time)) {
        putLateAside(ctx, 'left', record, lateTags);
        return;
      }
      if (isNullKey(ctx.key) && !keeps) {
        dropNullKey(ctx, 'left');
        return;
      }
      ctx.left.add(time, record, NOT_BEHIND);
      ctx.timers.eventTime(time); // V1
    },
    onRight(record: unknown, ctx: JoinContext): void {
      if (isNullKey(ctx.key)) {
        dropNullKey(ctx, 'right');
        return;
      }
      const time = ctx.timestamp;
      if (!ctx.isLate(time)) {
        versions.take(ctx.right, time, record, NOT_BEHIND);
        ctx.timers.eventTime(time); // V4
        return;
      }
      ctx.count('lateVersions');
      const after = Math.max(ctx.behind, ctx.watermark);
      versions.take(ctx.right, time, record, after); // V3
      if (after !== Number.POSITIVE_INFINITY) ctx.timers.eventTime(after + 1);
    },
    onTimer(now: number, ctx: JoinContext): void {
      const version = versions.at(ctx.right, now);
      for (const [time, rows] of ctx.left.between(now, now)) {
        for (const row of rows) {
          if (version === undefined && !keeps) continue;
          const left = () => ctx.left.record(row);
          const right = () => (version === undefined ? null : version());
          ctx.emitRow(() => pair('left', left(), right(), ctx.key), left);
        }
        ctx.left.remove(time);
      }
    },
  };
}

/** What is in force at a time, of the records of the right side. */
export interface Versions {
  /**
   * @param afterMs the record is in force for moments after this one; −∞ for all
   * @throws HoldfastError for a record that cannot come now
   */
  take(right: JoinRows, timeMs: number, record: unknown, afterMs: number): void;
  /**
   * Lets go of what no row to come can meet.
   * @returns a copy that the caller may give away; undefined: nothing is in force
   */
  at(right: JoinRows, now: number): (() => unknown) | undefined;
}

const LAST_RECORD: Versions = {
  take(right, timeMs, record, afterMs) {
    right.add(timeMs, record, afterMs);
  },
  at(right, now) {
    const versions = right.between(Number.NEGATIVE_INFINITY, now);
    const latest = latestOf(versions, now);
    if (latest === undefined) return undefined;
    forgetBefore(right, versions, latest);
    return () => right.record(latest.row);
  },
};

interface Version {
  readonly row: JoinRow;
  readonly time: number;
  /** Among those of its time. */
  readonly at: number;
}

/** The version that is in force at that time. */
function latestOf(
  versions: readonly (readonly [number, readonly JoinRow[]])[],
  now: number,
): Version | undefined {
  for (const [time, rows] of versions.toReversed()) {
    const at = rows.findLastIndex(([, after]) => !hasPassed(after, now));
    if (at >= 0) return { row: rows[at]!, time, at };
  }
  return undefined;
}

/** V4 */
function forgetBefore(
  side: JoinRows,
  versions: readonly (readonly [number, readonly JoinRow[]])[],
  { time, at }: Version,
): void {
  for (const [earlier] of versions) if (earlier < time) side.remove(earlier);
  side.remove(time, at);
}
