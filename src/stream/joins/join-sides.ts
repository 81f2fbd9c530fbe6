/**
 * What the two sides of a join have in common.
 *
 *  K1  A null key equals no other: such a row never finds a partner. Where its side keeps rows without a partner it is
 *      emitted with null, elsewhere it is counted (`nullKeys`, `nullKeys:left`). A tuple with a null in it is a null key.
 *  K2  A late row (operators/lateness.ts) goes to its side's side output, or is counted (`lateRecords`,
 *      `lateRecords:left`): always one of the two.
 */

import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { StateSpec } from '../api/state-specs.js';
import type { StateVersion } from '../api/state-version.js';
import type { JoinContext, SideName } from './join-context.js';
import type { JoinKind, JoinState } from './join-options.js';

const rows = ({ version = 1, migrate }: StateVersion<unknown> = {}): StateSpec<never> => ({
  kind: 'rows',
  version,
  migrate,
  ttlMs: undefined,
});

/** The states of a join that keeps rows of both sides. @param versions of the records in them */
export const rowsOfBoth = ({ left, right }: JoinState) => ({
  left: rows(left),
  right: rows(right),
});

export const otherSide = (side: SideName): SideName => (side === 'left' ? 'right' : 'left');

/** Are rows of that side emitted that have found no partner? */
export function keepsUnmatched(kind: JoinKind, side: SideName): boolean {
  return kind === 'full' || (kind === 'left' && side === 'left');
}

export type Select = (left: never, right: never, key: never) => unknown;

/** Makes a row of a record and its partner. @param name of the method, for messages */
export function pairOf(name: string, select: Select) {
  const make = select as (left: unknown, right: unknown, key: unknown) => unknown;
  return (side: SideName, own: unknown, other: unknown, key: unknown): unknown => {
    const row = side === 'left' ? make(own, other, key) : make(other, own, key);
    if (isThenable(row)) throw asyncCallbackError(`${name}({ select })`);
    return row;
  };
}

/** K1 */
export function isNullKey(key: unknown): boolean {
  return key === null || (Array.isArray(key) && key.some(isNullKey));
}

/** K1: of a side that keeps no rows without a partner. */
export function dropNullKey(ctx: JoinContext, side: SideName): void {
  ctx.count('nullKeys');
  ctx.count(`nullKeys:${side}`);
}

/** K2 */
export function putLateAside(
  ctx: JoinContext,
  side: SideName,
  record: unknown,
  tags: Readonly<Partial<Record<SideName, string>>>,
): void {
  const tag = tags[side];
  if (tag !== undefined) {
    ctx.sideOutput(tag, record);
    return;
  }
  ctx.count('lateRecords');
  ctx.count(`lateRecords:${side}`);
}
