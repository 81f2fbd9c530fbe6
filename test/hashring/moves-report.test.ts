import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GroupOwners, movesReport } from '../../src/hashring/moves-report.js';
import { placementTable } from '../../src/hashring/placement.js';

const placed = (keyGroups: number, instances: number): GroupOwners => ({
  owners: placementTable(keyGroups, instances).subarray(1),
  instances,
});

const ranged = (keyGroups: number, instances: number): GroupOwners => ({
  owners: Array.from({ length: keyGroups }, (_, at) => Math.floor((at * instances) / keyGroups)),
  instances,
});

const report = (keyGroups: number, before: number, after: number) =>
  movesReport(placed(keyGroups, before), placed(keyGroups, after));

/** The fewest moves to any placement in which nobody has more than `room`, by trying all of them. */
function fewest(owners: readonly number[], instances: number, room: number): number {
  const rooms = new Array<number>(instances).fill(room);
  const search = (at: number): number => {
    if (at === owners.length) return 0;
    let best = Number.POSITIVE_INFINITY;
    for (let to = 0; to < instances; to += 1) {
      if (rooms[to] === 0) continue;
      rooms[to]! -= 1;
      best = Math.min(best, search(at + 1) + (to === owners[at] ? 0 : 1));
      rooms[to]! += 1;
    }
    return best;
  };
  return search(0);
}

const anySize = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(1_024, 32_768));
const anyInstances = fc.integer({ min: 1, max: 24 });

describe('the report of what a rescale moves', () => {
  test('1 → 2 → 5 → 3 with 1 024 groups', () => {
    const steps = [
      [1, 2],
      [2, 5],
      [5, 3],
    ] as const;
    expect(steps.map(([before, after]) => report(1_024, before, after))).toEqual([
      { keyGroups: 1_024, moved: 512, leastPossible: 512, byRanges: 512 },
      { keyGroups: 1_024, moved: 615, leastPossible: 614, byRanges: 819 },
      { keyGroups: 1_024, moved: 420, leastPossible: 409, byRanges: 751 },
    ]);
  });

  test('never tells of fewer moves than are possible, and of none when nothing changes', () => {
    fc.assert(
      fc.property(anySize, anyInstances, anyInstances, (keyGroups, before, after) => {
        const { moved, leastPossible, byRanges } = report(keyGroups, before, after);
        expect(moved).toBeGreaterThanOrEqual(leastPossible);
        expect(moved).toBeLessThanOrEqual(keyGroups);
        if (before === after) expect([moved, leastPossible, byRanges]).toEqual([0, 0, 0]);
      }),
    );
  });

  test('its ranges are what a placement by ranges would have moved', () => {
    fc.assert(
      fc.property(anySize, anyInstances, anyInstances, (keyGroups, before, after) => {
        const { moved, byRanges } = movesReport(
          ranged(keyGroups, before),
          ranged(keyGroups, after),
        );
        expect(moved).toBe(byRanges);
        expect(report(keyGroups, before, after).byRanges).toBe(byRanges);
      }),
    );
  });

  test('its least possible number is the best of all placements as even', () => {
    const anyChange = fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }))
      .chain(([before, after]) =>
        fc.record({
          owners: fc.array(fc.nat({ max: before - 1 }), { minLength: 1, maxLength: 6 }),
          before: fc.constant(before),
          after: fc.constant(after),
        }),
      );
    fc.assert(
      fc.property(anyChange, ({ owners, before, after }) => {
        const { leastPossible } = movesReport(
          { owners, instances: before },
          placed(owners.length, after),
        );
        expect(leastPossible).toBe(fewest(owners, after, Math.ceil(owners.length / after)));
      }),
    );
  });
});
