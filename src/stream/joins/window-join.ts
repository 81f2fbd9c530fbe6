/**
 * Joins by window: what two streams have of one key and one window meets at the window's end.
 *
 *  M1  A window is over when its last moment has passed. Its rows have the time of that moment.
 *  M2  A row counts in those of its windows that the time of its own split had not passed before it (lateness.ts). When
 *      there is none, it is late. So where windows overlap, a row may count in some alone; it keeps its mark, and a
 *      window that was over by that does not see it, whether it has fired here or not.
 *  M3  A row is kept until the last of its windows is over.
 */

import type { AlignedWindow, WindowBounds } from '../api/windows.js';
import { hasPassed } from '../operators/lateness.js';
import type { WindowAssigner } from '../windows/assigner.js';
import { assignerOf } from '../windows/assigners.js';
import type { JoinContext, JoinRows, SideName } from './join-context.js';
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

type LateTags = Readonly<Partial<Record<SideName, string>>>;

/** A side's rows of a window. Each call of `record` gives a copy of its own. */
export type WindowRows = readonly { readonly record: () => unknown }[];

/** Tells what is emitted of a window. */
export type FireWindow = (
  lefts: WindowRows,
  rights: WindowRows,
  key: unknown,
  window: WindowBounds,
  emit: JoinContext['emitRow'],
) => void;

/** What both joins by window are made of. */
export interface WindowJoin {
  readonly window: AlignedWindow;
  readonly lateTags: LateTags;
  readonly versions: JoinState;
}

/** @param takesNull the null key is a key as any other */
function windowSpec(
  { window, lateTags, versions }: WindowJoin,
  takesNull: (side: SideName) => boolean,
  fire: FireWindow,
) {
  const assigner = assignerOf(window);
  const take = (side: SideName) => (record: unknown, ctx: JoinContext) => {
    const time = ctx.timestamp;
    const { firstEnd, lastEnd } = assigner.slice(assigner.indexAt(time));
    if (firstEnd > lastEnd) return; // Between two windows.
    if (ctx.isLate(lastEnd - 1)) {
      putLateAside(ctx, side, record, lateTags);
      return;
    }
    if (isNullKey(ctx.key) && !takesNull(side)) {
      dropNullKey(ctx, side);
      return;
    }
    ctx[side].add(time, record, ctx.behind);
    for (let end = firstEnd; end <= lastEnd; end = assigner.nextEnd(end)) {
      if (!ctx.isLate(end - 1)) ctx.timers.eventTime(end - 1);
    }
  };
  return {
    state: rowsOfBoth(versions),
    onLeft: take('left'),
    onRight: take('right'),
    onTimer(last: number, ctx: JoinContext): void {
      const bounds = { windowStart: assigner.startOf(last + 1), windowEnd: last + 1 };
      const [lefts, rights] = [rowsOf(ctx.left, bounds), rowsOf(ctx.right, bounds)];
      if (lefts.length + rights.length > 0) {
        fire(lefts, rights, ctx.key, bounds, (make, what) => ctx.emitRow(make, what));
      }
      for (const side of [ctx.left, ctx.right]) release(side, assigner, last + 1);
    },
  };
}

/** M2 */
function rowsOf(side: JoinRows, { windowStart, windowEnd }: WindowBounds): WindowRows {
  return side
    .between(windowStart, windowEnd - 1)
    .flatMap(([, rows]) =>
      rows
        .filter(([, behind]) => !hasPassed(behind, windowEnd - 1))
        .map((row) => ({ record: () => side.record(row) })),
    );
}

/** M3 */
function release(side: JoinRows, assigner: WindowAssigner, end: number): void {
  const nextEnd = assigner.nextEnd(end);
  // Behind the window over everything there is none.
  const isLast = nextEnd === Number.POSITIVE_INFINITY;
  const untilMs = isLast ? nextEnd : assigner.startOf(nextEnd) - 1;
  for (const [time] of side.between(Number.NEGATIVE_INFINITY, untilMs)) side.remove(time);
}

/** Every pair of a window; and by kind those without a partner. */
export function windowJoinSpec(join: WindowJoin, kind: JoinKind, select: Select) {
  const pair = pairOf('join', select);
  const keeps = (side: SideName) => keepsUnmatched(kind, side);
  return windowSpec(join, keeps, (lefts, rights, key, _window, emit) => {
    const meet = !isNullKey(key);
    if (meet) {
      for (const left of lefts) {
        for (const right of rights) {
          emit(
            () => pair('left', left.record(), right.record(), key),
            () => ({ left: left.record(), right: right.record() }),
          );
        }
      }
    }
    const alone = (side: SideName, own: WindowRows, others: WindowRows): void => {
      if (!keeps(side) || (meet && others.length > 0)) return;
      for (const one of own) {
        emit(() => pair(side, one.record(), null, key), one.record);
      }
    };
    alone('left', lefts, rights);
    alone('right', rights, lefts);
  });
}

/** One row of all that a window has of a key. A null key is a key as any other, since nothing is compared. */
export function coGroupSpec(
  join: WindowJoin,
  select: (lefts: never, rights: never, key: never, window: WindowBounds) => unknown,
) {
  const make = select as (...all: readonly unknown[]) => unknown;
  const records = (rows: WindowRows) => rows.map((row) => row.record());
  return windowSpec(
    join,
    () => true,
    (lefts, rights, key, bounds, emit) =>
      emit(
        () => make(records(lefts), records(rights), key, bounds),
        () => ({ key, ...bounds }),
      ),
  );
}
