/**
 * Join with the latest row of a changelog: a left row of time t meets the row of its key that was there at t. When rows
 * are taken, and which are late, is as in latest-join.ts (V1 to V3).
 *
 *  T1  Changes are kept until event time has come to them. A row is there from the time of the change that brought it to
 *      that of the one that took it back. Each of the latter takes one row that is equal to its own (changes.ts, C1),
 *      whichever time that came with: so rows whose times are out of order cancel out, too.
 *  T2  Of several rows that are there, the newest is taken, as in a table (upserts.ts, U1): the one of the last time, of one
 *      time the one that came last.
 *  T3  A row and what took it back are let go when both are in force for all left rows to come.
 *  T4  A row comes ahead of what takes it back (C3), so one that is not there then never was.
 */

import type { StateVersion } from '../api/state-version.js';
import {
  type ChangedRow,
  changed,
  isSameRow,
  notThere,
  type Row,
  rowOf,
  takesBack,
} from '../operators/changes.js';
import { hasPassed } from '../operators/lateness.js';
import type { JoinRow, JoinRows } from './join-context.js';
import type { JoinState } from './join-options.js';
import type { Versions } from './latest-join.js';

export const ROW_OF_CHANGES: Versions = {
  requireOrder(record, right) {
    const change = record as ChangedRow;
    if (takesBack(change)) requireThere(rowOf(change), right);
  },
  at(right, now) {
    const found = rowAt(right, now);
    return found && (() => rowOf(right.record(found) as ChangedRow));
  },
};

/** T4. @throws HoldfastError ERR_HOLDFAST_CHANGELOG */
function requireThere(row: Row, right: JoinRows): void {
  let count = 0;
  for (const [, rows] of right.all()) {
    for (const one of rows) {
      const change = right.record(one) as ChangedRow;
      if (isSameRow(rowOf(change), row)) count += takesBack(change) ? -1 : 1;
    }
  }
  if (count <= 0) throw notThere('joinLatest');
}

interface Entry {
  readonly kept: JoinRow;
  readonly row: Row;
  readonly takesBack: boolean;
  isGone: boolean;
}

/** The change that brought the row which is there at that time. Lets go of what has cancelled out (T3). */
function rowAt(right: JoinRows, now: number): JoinRow | undefined {
  const times = right.between(Number.NEGATIVE_INFINITY, now);
  const entries = new Map<JoinRow, Entry>();
  for (const [, rows] of times) {
    for (const kept of rows) {
      if (hasPassed(kept[1], now)) continue;
      const change = right.record(kept) as ChangedRow;
      entries.set(kept, { kept, row: rowOf(change), takesBack: takesBack(change), isGone: false });
    }
  }
  const newestFirst = [...entries.values()].reverse();
  for (const back of newestFirst) {
    if (!back.takesBack) continue;
    const taken = newestFirst.find(
      (one) => !one.takesBack && !one.isGone && isSameRow(one.row, back.row),
    );
    if (taken === undefined) continue;
    taken.isGone = true;
    back.isGone = true;
  }
  for (const [time, rows] of times) {
    const left = rows.filter((kept) => entries.get(kept)?.isGone !== true);
    if (left.length < rows.length) keepOnly(right, time, rows, left);
  }
  return newestFirst.find((one) => !one.takesBack && !one.isGone)?.kept;
}

/** @param left some of `rows`, in order */
function keepOnly(
  right: JoinRows,
  time: number,
  rows: readonly JoinRow[],
  left: readonly JoinRow[],
): void {
  const from = rows.length - left.length;
  if (left.every((one, i) => one === rows[from + i])) {
    right.remove(time, from);
    return;
  }
  const count = rows.length;
  for (const one of left) right.add(time, right.record(one), one[1]);
  right.remove(time, count);
}

/** What users migrate is a row. */
export function changesMigrated({ left, right }: JoinState): JoinState {
  const migrate = right?.migrate as ((row: unknown, from: number) => Row) | undefined;
  if (migrate === undefined) return { left, right };
  const changes: StateVersion<unknown> = {
    version: right?.version,
    migrate: (old: never, from: number) =>
      changed(migrate(rowOf(old), from), (old as ChangedRow).change),
  };
  return { left, right: changes };
}
