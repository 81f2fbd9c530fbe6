/**
 * Join with the latest row of a changelog: a left row of time t meets the row of its key that was there at t. When rows
 * are taken, and which are late, is as in latest-join.ts (V1 to V3).
 *
 *  T1  A row is there from the time of the change that brought it to that of the one that took it back; each change is
 *      in force as a version is (V3). What takes a row back is paired with that row when it comes: with one that has come
 *      before it (C3), is equal to it, and is in no pair yet. Where times are out of order that row may be of a later
 *      time, and then it never is there; an equal one that comes later is another row.
 *      Of several such rows it is the last one up to its own time; where all are of later times, the first of them.
 *      Which of them are there by then is certain only for rows of one instance. Of equal rows of several instances how
 *      many are there is certain, as long as none is taken back at an earlier time than its own, but not which ones.
 *  T2  Of several rows that are there, the newest is taken, as in a table (upserts.ts, U1): the one of the last time, of one
 *      time the one that came last.
 *  T3  A row is kept until what has taken it back is in force for all left rows to come. What takes a row back is kept
 *      with that row, so no change that comes later can part the two.
 *  T4  What takes back a row that has not come fails the job.
 */

import {
  type ChangedRow,
  isSameRow,
  notThere,
  type Row,
  rowOf,
  takesBack,
} from '../operators/changes.js';
import { hasPassed } from '../operators/lateness.js';
import type { JoinRow, JoinRows } from './join-context.js';
import type { Versions } from './latest-join.js';

export const ROW_OF_CHANGES: Versions = {
  take(right, timeMs, record, afterMs) {
    const change = record as ChangedRow;
    const row = rowOf(change);
    if (takesBack(change)) takeBack(right, timeMs, row, afterMs);
    else right.add(timeMs, row, afterMs);
  },
  at(right, now) {
    const found = rowAt(right, now);
    return found && (() => right.record(found));
  },
};

/** T1. @throws HoldfastError ERR_HOLDFAST_CHANGELOG (T4) */
function takeBack(right: JoinRows, timeMs: number, row: Row, afterMs: number): void {
  let foundMs = Number.NaN;
  let found: JoinRow | undefined;
  for (const [cameMs, rows] of right.all()) {
    if (found !== undefined && !isBetter(cameMs, foundMs, timeMs)) continue;
    const equal = rows.findLast(([kept, , , taken]) => !taken && isSameRow(kept as Row, row));
    if (equal === undefined) continue;
    found = equal;
    foundMs = cameMs;
  }
  if (found === undefined) throw notThere('joinLatest');
  // What is in force no later than the row leaves no moment at which the row is there.
  if (timeMs <= foundMs && afterMs <= found[1]) right.removeRow(foundMs, found);
  else right.takeBack(found, timeMs, afterMs);
}

/** Is a row of one time rather taken back than a row of another? By a change of `timeMs`. */
function isBetter(oneMs: number, otherMs: number, timeMs: number): boolean {
  if (oneMs > timeMs) return otherMs > timeMs && oneMs < otherMs;
  return otherMs > timeMs || oneMs > otherMs;
}

/** The row that is there at that time. Lets go of those that are gone (T3). */
function rowAt(right: JoinRows, now: number): JoinRow | undefined {
  let newest: JoinRow | undefined;
  for (const [timeMs, rows] of right.between(Number.NEGATIVE_INFINITY, now).toReversed()) {
    for (const row of rows.toReversed()) {
      const [, afterMs, , takenBack] = row;
      if (takenBack !== undefined && isInForce(takenBack, now)) right.removeRow(timeMs, row);
      else if (newest === undefined && isInForce([timeMs, afterMs], now)) newest = row;
    }
  }
  return newest;
}

function isInForce([timeMs, afterMs]: readonly [number, number], now: number): boolean {
  return timeMs <= now && !hasPassed(afterMs, now);
}
