/**
 * Counts the key groups that a change of an operator's parallelism moves. Compares the number with the least that is
 * possible, and with the number that contiguous ranges of groups would have moved.
 *
 *  M1  A group is counted once, and only when its owner has changed.
 *  M2  For the least possible, every instance that stays keeps as many of its groups as the ring's bound ⌈m/q⌉
 *      allows (placement.ts, P2). The rest has to move, wherever it goes. So no placement that is as even
 *      moves fewer.
 *  M3  The ranges are those of Flink: of m groups 0…m − 1, instance ⌊g·q/m⌋ has group g. They follow from m and q
 *      alone, as the ring's tables do.
 */

import { assert } from '../base/assert.js';

export interface MovesReport {
  /** Number of all groups (m). */
  readonly keyGroups: number;
  /** Number of groups whose owner has changed. */
  readonly moved: number;
  readonly leastPossible: number;
  readonly byRanges: number;
}

/** Groups by owner: entry g − 1 is the instance that has group g (1…m), one of `instances`. */
export interface GroupOwners {
  readonly owners: ArrayLike<number>;
  readonly instances: number;
}

/** Compares two tables of the same number of key groups. Instances with the same number are the same instance. */
export function movesReport(before: GroupOwners, after: GroupOwners): MovesReport {
  const keyGroups = before.owners.length;
  assert(after.owners.length === keyGroups, 'the number of key groups is fixed for a job');
  let moved = 0;
  let byRanges = 0;
  const had = new Uint32Array(before.instances);
  for (let at = 0; at < keyGroups; at += 1) {
    const owner = before.owners[at]!;
    had[owner]! += 1;
    if (owner !== after.owners[at]) moved += 1;
    if (rangeOf(at, keyGroups, before.instances) !== rangeOf(at, keyGroups, after.instances)) {
      byRanges += 1;
    }
  }
  const room = Math.ceil(keyGroups / after.instances);
  let kept = 0;
  for (const groups of had.subarray(0, after.instances)) kept += Math.min(groups, room);
  return { keyGroups, moved, leastPossible: keyGroups - kept, byRanges };
}

/** The instance that has a group by ranges (M3). */
function rangeOf(at: number, keyGroups: number, instances: number): number {
  return Math.floor((at * instances) / keyGroups);
}
