/**
 * Rows of a changelog, as records: the fields of the row, and `change`, which says what becomes of it.
 *
 *      +I  the row is new            -D  the row is gone
 *      -U  the row is replaced …     +U  … by this one
 *
 *  C1  What takes a row back carries the whole row, as it was: so whoever has let the row pass, or not, or has sent it
 *      somewhere by its fields, does the same with what takes it back, and needs no state for that.
 *  C2  A -U is followed directly by its +U: both are emitted for one record, by one operator. Operators without state
 *      stand in the chain of the operator that emits them, where nothing comes between the two. Behind a keyed edge
 *      the two may be apart, and only operators with state are there.
 *  C3  All changes of a row come from one instance, in order. So what takes a row back never comes before the row.
 */

import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../../base/errors.js';
import { isPlainObject } from '../../base/realm.js';
import { describeValue } from '../api/callbacks.js';
import { CHANGE_KINDS, type ChangeKind } from '../api/changelog.js';
import type { Output } from '../api/output.js';
import { widener } from './wider-row.js';

export type Row = Readonly<Record<string, unknown>>;
export type ChangedRow = Row & { readonly change: ChangeKind };

const withChange = widener('change');

export function changed(row: Row, change: ChangeKind): ChangedRow {
  return withChange(row, change) as ChangedRow;
}

/** Says what has become of a row. @param before undefined: there was none @param after undefined: there is none now */
export function emitChange(
  out: Output<unknown>,
  before: Row | undefined,
  after: Row | undefined,
): void {
  if (before === undefined) {
    if (after !== undefined) out.emit(changed(after, '+I'));
  } else if (after === undefined) {
    out.emit(changed(before, '-D'));
  } else {
    out.emit(changed(before, '-U'));
    out.emit(changed(after, '+U'));
  }
}

/** Are the rows equal, as `isDeepStrictEqual` has it? Rows of one key mostly differ in a number or a text: that is seen at once. */
export function isSameRow(one: Row, other: Row): boolean {
  for (const name in one) {
    const value = one[name];
    if (typeof value !== 'object' && !Object.is(value, other[name])) return false;
  }
  return isDeepStrictEqual(one, other);
}

/** The row alone. */
export function rowOf({ change: _, ...row }: ChangedRow): Row {
  return row;
}

/** What users' callbacks see is the row alone: the same when it comes and when it is taken back. */
export function ofRow<R>(fn: (row: never) => R): (record: unknown) => R {
  return (record) => fn(rowOf(record as ChangedRow) as never);
}

/** Does the record take a row back? */
export function takesBack({ change }: ChangedRow): boolean {
  return change === '-U' || change === '-D';
}

/**
 * @param kind what the row's own field `change` may say: what is going to be said with it
 * @throws HoldfastError ERR_HOLDFAST_CHANGELOG_ROW for what cannot be a row
 */
export function requireRow(value: unknown, where: string, kind?: ChangeKind): Row {
  if (typeof value !== 'object' || value === null || !isPlainObject(value)) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHANGELOG_ROW',
      `a row of a changelog is a plain object, but ${where} gave ${describeValue(value)}. Make an object of it before, ` +
        'e.g. .map((word) => ({ word })).',
    );
  }
  const own = (value as Row)['change'];
  if (own === undefined || own === kind) return value as Row;
  throw new HoldfastError(
    'ERR_HOLDFAST_CHANGELOG_ROW',
    `${where} gave a row with a field 'change' of its own (${describeValue(own)}), but in a changelog that field says ` +
      'what becomes of the row. Give the field another name.',
  );
}

/** @throws HoldfastError ERR_HOLDFAST_CHANGELOG_ROW */
export function requireKind(kind: unknown, where: string): ChangeKind {
  if ((CHANGE_KINDS as readonly unknown[]).includes(kind)) return kind as ChangeKind;
  throw new HoldfastError(
    'ERR_HOLDFAST_CHANGELOG_ROW',
    `${where} gave ${describeValue(kind)} as the kind of a change, which is '+I', '-U', '+U' or '-D'.`,
  );
}

/** A row is taken back that was never there: the changes came in another order, or not all of them. */
export function notThere(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHANGELOG',
    `a change takes back a row that is not there (${what}). All changes of a row have to come in their order, from one ` +
      'split of a source, and none may be missing; callbacks on the way have to answer alike for equal rows. What takes a ' +
      'row back is equal to it in all fields: leave out, with map, one that tells of what kind a change is.',
  );
}
