/**
 * The first rows of each key, in an order that the user gives: a spec of `process`.
 *
 *  N1  Rows are kept in their order. A new row goes behind those that it is equal to: who came first stays ahead.
 *  N2  Over a changelog all rows of the key are kept, since another one moves up when a row is taken back. Of a stream
 *      without changes only the first n are.
 *  N3  Without ranks a row is emitted as it comes among the first n (+I), and as it leaves them (−D). With ranks each
 *      rank is emitted that gets another row (−U, +U).
 *  N4  The user's selectors are asked before anything changes.
 */

import { HoldfastError } from '../../base/errors.js';
import type { ChangeKind, TopNPlan } from '../api/changelog.js';
import type { Output } from '../api/output.js';
import type { ProcessSpecData } from '../api/process.js';
import { type OwnedState, owned } from '../api/state-specs.js';
import type { StateVersion } from '../api/state-version.js';
import {
  type ChangedRow,
  changed,
  isSameRow,
  notThere,
  type Row,
  requireRow,
  rowOf,
  takesBack,
} from './changes.js';
import { type Placed, rowOrder } from './order.js';
import { type Widen, widener } from './wider-row.js';

interface Context {
  readonly state: { readonly rows: OwnedState<Row[]> };
}

/** @param input a changelog, or records that are rows */
export function topNSpec(plan: TopNPlan, input: 'changes' | 'rows'): ProcessSpecData {
  const order = rowOrder(plan.by as never, plan.ties === 'content');
  const top = new TopRows(plan);
  return {
    state: { rows: owned(typeOf(plan), eachMigrated(plan.state), undefined, true) },
    onElement(record: unknown, { state: { rows } }: Context, out: Output<unknown>) {
      const isChange = input === 'changes';
      const row = isChange ? rowOf(record as ChangedRow) : requireRow(record, 'topN');
      const placed = order(top.checked(row));
      if (!isChange) top.insert(rows, row, placed, out, plan.n);
      else if (takesBack(record as ChangedRow)) top.remove(rows, row, placed, out);
      else top.insert(rows, row, placed, out, Number.POSITIVE_INFINITY);
    },
  } as ProcessSpecData;
}

/** What is out follows from n and the ranks: with others, rows would be taken back that were never told. */
function typeOf({ n, rank }: TopNPlan): string {
  return rank === undefined ? `top-${n}` : `top-${n}-${encodeURIComponent(rank)}`;
}

/** What users migrate are rows. */
function eachMigrated({ version, migrate }: StateVersion<unknown>): StateVersion<unknown> {
  if (migrate === undefined) return { version };
  const one = migrate as (row: unknown, from: number) => unknown;
  return {
    version,
    migrate: (rows: never, from: number) => (rows as readonly Row[]).map((row) => one(row, from)),
  };
}

class TopRows {
  readonly #n: number;
  readonly #rank: string | undefined;
  readonly #ranked: Widen;

  constructor({ n, rank }: TopNPlan) {
    this.#n = n;
    this.#rank = rank;
    this.#ranked = widener(rank ?? 'rank', 'change');
  }

  /** @throws HoldfastError ERR_HOLDFAST_CHANGELOG_ROW */
  checked(row: Row): Row {
    const rank = this.#rank;
    if (rank === undefined || row[rank] === undefined) return row;
    throw new HoldfastError(
      'ERR_HOLDFAST_CHANGELOG_ROW',
      `topN(…, { rank: '${rank}' }): a row has a field '${rank}' already. Give the rank another name.`,
    );
  }

  /** @param kept so many rows are kept */
  insert(
    state: OwnedState<Row[]>,
    row: Row,
    placed: Placed,
    out: Output<unknown>,
    kept: number,
  ): void {
    const rows = state.get() ?? [];
    const before = rows.length;
    const place = endOfEquals(rows, placed);
    if (place >= kept) return;
    const own = state.keep(row);
    const last = before >= kept ? rows.at(-1) : undefined;
    if (before === 0) state.set(rows);
    else {
      state.change(() => {
        rows.splice(place, 1);
        if (last !== undefined) rows.push(last);
      });
    }
    if (last !== undefined) rows.pop();
    rows.splice(place, 0, own);
    this.#emit(out, place, before, (i) => (i === this.#n ? (last ?? rows[i]) : rows[i]), 1);
  }

  remove(state: OwnedState<Row[]>, row: Row, placed: Placed, out: Output<unknown>): void {
    const rows = state.get() ?? [];
    const before = rows.length;
    const place = placeOfRow(rows, row, placed);
    const removed = rows[place]!;
    if (before === 1) state.set(undefined);
    else {
      state.change(() => rows.splice(place, 0, removed));
      rows.splice(place, 1);
    }
    const left = before === 1 ? [] : rows;
    this.#emit(
      out,
      place,
      before,
      (i) => (i < place ? left[i] : i === place ? removed : left[i - 1]),
      -1,
    );
  }

  /**
   * @param longer the row at a place in the longer of the two lists, that with the row in question
   * @param by 1: that is the list after the change; −1: it is the one before
   */
  #emit(
    out: Output<unknown>,
    place: number,
    before: number,
    longer: (at: number) => Row | undefined,
    by: 1 | -1,
  ): void {
    const n = this.#n;
    if (place >= n) return;
    const rank = this.#rank;
    const long = by === 1 ? before + 1 : before;
    if (rank === undefined) {
      const inside = longer(place)!;
      const beyond = long > n ? longer(n) : undefined;
      if (by === -1) out.emit(changed(inside, '-D'));
      if (beyond !== undefined) out.emit(changed(beyond, by === 1 ? '-D' : '+I'));
      if (by === 1) out.emit(changed(inside, '+I'));
      return;
    }
    const end = Math.min(long, n);
    for (let at = place; at < end; at += 1) {
      const one = longer(at)!;
      const next = at + 1 < long ? longer(at + 1) : undefined;
      if (by === 1) this.#tell(out, at + 1, next, one);
      else this.#tell(out, at + 1, one, next);
    }
  }

  /** Says who has had the rank, and who has it now. */
  #tell(out: Output<unknown>, rank: number, before: Row | undefined, after: Row | undefined): void {
    const ranked = this.#ranked;
    const isReplaced = before !== undefined && after !== undefined;
    if (before !== undefined) {
      out.emit(ranked(before, rank, (isReplaced ? '-U' : '-D') satisfies ChangeKind));
    }
    if (after !== undefined) {
      out.emit(ranked(after, rank, (isReplaced ? '+U' : '+I') satisfies ChangeKind));
    }
  }
}

/** Behind all rows that are ahead of the row, or equal to it. */
function endOfEquals(rows: readonly Row[], placed: Placed): number {
  return search(rows, (other) => placed(other) >= 0);
}

/** @throws HoldfastError ERR_HOLDFAST_CHANGELOG when it is not there */
function placeOfRow(rows: readonly Row[], row: Row, placed: Placed): number {
  const end = endOfEquals(rows, placed);
  for (let at = search(rows, (other) => placed(other) > 0); at < end; at += 1) {
    if (isSameRow(rows[at]!, row)) return at;
  }
  throw notThere('topN');
}

/** The number of rows at the beginning for which it holds. */
function search(rows: readonly Row[], holds: (row: Row) => boolean): number {
  let at = 0;
  let end = rows.length;
  while (at < end) {
    const middle = (at + end) >>> 1;
    if (holds(rows[middle]!)) at = middle + 1;
    else end = middle;
  }
  return at;
}
