/** How the tests look at placements: by owner, and at what changes hands. */

import { expect } from 'vitest';
import type { Placement } from '../../src/hashring/placement.js';

/** A group that changes hands between two placements. */
export interface GroupMove {
  readonly group: number;
  readonly from: string;
  readonly to: string;
}

/** The ids of a placement's members with the groups that each of them owns, ascending. */
export function groupsByMember(placement: Placement): Map<string, number[]> {
  const groups = placement.members.map((): number[] => []);
  for (let group = 1; group <= placement.keyGroups; group += 1) {
    groups[placement.owners[group]!]!.push(group);
  }
  return new Map(placement.members.map((id, index) => [id, groups[index]!]));
}

/** The groups that change hands between placements of as many groups, ascending. */
export function moves(before: Placement, after: Placement): GroupMove[] {
  expect(after.keyGroups).toBe(before.keyGroups);
  const found: GroupMove[] = [];
  for (let group = 1; group <= before.keyGroups; group += 1) {
    const from = before.members[before.owners[group]!]!;
    const to = after.members[after.owners[group]!]!;
    if (from !== to) found.push({ group, from, to });
  }
  return found;
}
