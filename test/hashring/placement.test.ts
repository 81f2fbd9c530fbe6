import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Placement, placeGroups, placementTable } from '../../src/hashring/placement.js';
import type { RingMember } from '../../src/hashring/ring.js';
import { groupsByMember, moves } from './placement-kit.js';

const named = (count: number, prefix = 'worker-'): RingMember[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}` }));

const loads = (placement: Placement): number[] =>
  [...groupsByMember(placement).values()].map((groups) => groups.length);

const anyMembers = fc.uniqueArray(
  fc.record({ id: fc.string(), weight: fc.constantFrom(undefined, 1, 2, 0.1, 0.3, 7) }),
  { minLength: 1, maxLength: 12, selector: (member) => member.id },
);
const anyKeyGroups = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(128, 1_024));

describe('placeGroups', () => {
  test('gives every group one owner, and no member more than its bound', () => {
    const loadBound = fc.constantFrom(1, 1.1, 2);
    fc.assert(
      fc.property(anyKeyGroups, anyMembers, loadBound, (keyGroups, members, bound) => {
        const placement = placeGroups({ keyGroups, members, loadBound: bound });
        const owned = [...groupsByMember(placement).values()].flat().sort((a, b) => a - b);
        expect(owned).toEqual(Array.from({ length: keyGroups }, (_, i) => i + 1));
        const total = members.reduce((sum, { weight = 1 }) => sum + weight, 0);
        const groups = groupsByMember(placement);
        for (const { id, weight = 1 } of members) {
          const share = ((keyGroups * weight) / total) * bound;
          expect(groups.get(id)!.length).toBeLessThan(share + 1);
        }
      }),
    );
  });

  test.each([
    [128, 3],
    [1_024, 2],
    [1_024, 7],
    [1_024, 64],
    [10, 16],
  ])('is balanced: %i groups on %i members, at most ⌈m/q⌉ each', (keyGroups, count) => {
    const placement = placeGroups({ keyGroups, members: named(count) });
    expect(Math.max(...loads(placement))).toBeLessThanOrEqual(Math.ceil(keyGroups / count));
  });

  test('gives equal loads where they can be equal', () => {
    expect(loads(placeGroups({ keyGroups: 1_024, members: named(8) }))).toEqual(Array(8).fill(128));
  });

  test('respects weights exactly where they divide the groups', () => {
    const members = [
      { id: 'a', weight: 0.1 },
      { id: 'b', weight: 0.2 },
      { id: 'c', weight: 0.5 },
    ];
    expect(loads(placeGroups({ keyGroups: 800, members }))).toEqual([100, 200, 500]);
  });

  test('does not depend on the order in which members are named', () => {
    const shuffled = anyMembers.chain((members) =>
      fc.tuple(
        fc.constant(members),
        fc.shuffledSubarray(members, { minLength: members.length, maxLength: members.length }),
      ),
    );
    fc.assert(
      fc.property(anyKeyGroups, shuffled, (keyGroups, [members, other]) => {
        expect(placeGroups({ keyGroups, members: other })).toEqual(
          placeGroups({ keyGroups, members }),
        );
      }),
    );
  });

  test('does not touch the list it is given', () => {
    const members = Object.freeze([{ id: 'b' }, { id: 'a' }]);
    expect(placeGroups({ keyGroups: 4, members }).members).toEqual(['a', 'b']);
    expect(members.map(({ id }) => id)).toEqual(['b', 'a']);
  });

  test('is what it was: a snapshot is found again by the next version', () => {
    const placement = placeGroups({ keyGroups: 24, members: named(3) });
    expect([...placement.owners]).toEqual([
      0, 2, 0, 2, 1, 1, 2, 2, 2, 0, 1, 1, 0, 2, 2, 0, 1, 0, 0, 1, 0, 2, 0, 1, 1,
    ]);
  });
});

describe('moves', () => {
  test('lists nothing when nothing changed', () => {
    fc.assert(
      fc.property(anyKeyGroups, anyMembers, (keyGroups, members) => {
        const again = placeGroups({ keyGroups, members: structuredClone(members) });
        expect(moves(placeGroups({ keyGroups, members }), again)).toEqual([]);
      }),
    );
  });

  test('turns one placement into the other', () => {
    fc.assert(
      fc.property(anyKeyGroups, anyMembers, anyMembers, (keyGroups, members, others) => {
        const before = placeGroups({ keyGroups, members });
        const after = placeGroups({ keyGroups, members: others });
        const owners = new Map<number, string>();
        for (const [id, groups] of groupsByMember(before)) {
          for (const group of groups) owners.set(group, id);
        }
        for (const { group, from, to } of moves(before, after)) {
          expect(owners.get(group)).toBe(from);
          expect(to).not.toBe(from);
          owners.set(group, to);
        }
        for (const [id, groups] of groupsByMember(after)) {
          for (const group of groups) expect(owners.get(group)).toBe(id);
        }
      }),
    );
  });
});

describe('movement on rescaling, 1 024 groups, over 40 sets of members', () => {
  const keyGroups = 1_024;
  const sets = Array.from({ length: 40 }, (_, i) => named(9, `set ${i} member `));
  const place = (members: readonly RingMember[]) => placeGroups({ keyGroups, members });
  const shares = (scale: (members: readonly RingMember[]) => [Placement, Placement]) =>
    sets.map((members) => moves(...scale(members)).length / keyGroups);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

  test('a member that joins: near the ninth that must move', () => {
    const moved = shares((members) => [place(members.slice(0, 8)), place(members)]);
    // No scheme with loads this even moves less: the newcomer has to be filled.
    const least = (keyGroups - 8 * Math.ceil(keyGroups / 9)) / keyGroups;
    expect(Math.min(...moved)).toBeGreaterThanOrEqual(least);
    expect(mean(moved)).toBeLessThan(0.15);
    expect(Math.max(...moved)).toBeLessThan(0.2);
  });

  test('a member that leaves: near the eighth that must move', () => {
    const moved = shares((members) => [place(members.slice(0, 8)), place(members.slice(1, 8))]);
    expect(Math.min(...moved)).toBeGreaterThanOrEqual(1 / 8);
    expect(mean(moved)).toBeLessThan(0.165);
    expect(Math.max(...moved)).toBeLessThan(0.22);
  });

  test('a member that leaves and comes back finds everything as it was', () => {
    const members = named(9);
    expect(moves(place(members), place([...members.slice(1), members[0]!]))).toEqual([]);
  });

  test('with room to spare (c = 2) hardly anything moves that need not', () => {
    const loose = (members: readonly RingMember[]) =>
      placeGroups({ keyGroups, members, loadBound: 2 });
    for (const members of sets) {
      const joined = moves(loose(members.slice(0, 8)), loose(members));
      const needless = joined.filter(({ to }) => to !== members[8]!.id);
      expect(needless.length).toBeLessThanOrEqual(keyGroups * 0.01);
    }
  });
});

describe('placementTable', () => {
  test('is placeGroups on members named by their instance numbers', () => {
    fc.assert(
      fc.property(anyKeyGroups, fc.integer({ min: 1, max: 20 }), (keyGroups, instances) => {
        const table = placementTable(keyGroups, instances);
        expect(table.length).toBe(keyGroups + 1);
        expect(table[0]).toBe(0);
        const placement = placeGroups({ keyGroups, members: named(instances, '') });
        for (const [id, groups] of groupsByMember(placement)) {
          for (const group of groups) expect(table[group]).toBe(Number(id));
        }
      }),
    );
  });

  test('belongs to its caller', () => {
    const table = placementTable(16, 4);
    const copy = table.slice();
    table.fill(3);
    expect(placementTable(16, 4)).toEqual(copy);
  });
});

describe('numbers out of their range are refused', () => {
  const members = named(2);
  const refusals: [string, () => unknown, string][] = [
    ['no key groups', () => placeGroups({ keyGroups: 0, members }), 'keyGroups is 0'],
    ['too many', () => placeGroups({ keyGroups: 65_536, members }), 'keyGroups is 65536'],
    ['half a group', () => placementTable(1.5, 2), 'keyGroups is 1.5'],
    ['no instance', () => placementTable(8, 0), 'instances is 0'],
    ['no members', () => placeGroups({ keyGroups: 8, members: [] }), 'members is 0'],
    ['NaN', () => placementTable(Number.NaN, 1), 'keyGroups is NaN'],
    [
      'two of one name',
      () => placeGroups({ keyGroups: 8, members: [...members, { id: 'worker-0' }] }),
      "two members 'worker-0'",
    ],
    [
      'no weight',
      () => placeGroups({ keyGroups: 8, members: [{ id: 'a', weight: 0 }] }),
      "weight of member 'a' is 0",
    ],
    [
      'no finite weight',
      () => placeGroups({ keyGroups: 8, members: [{ id: 'a', weight: Infinity }] }),
      "weight of member 'a' is Infinity",
    ],
    [
      'too tight a bound',
      () => placeGroups({ keyGroups: 8, members, loadBound: 0.99 }),
      'loadBound is 0.99',
    ],
    [
      'no bound',
      () => placeGroups({ keyGroups: 8, members, loadBound: Number.NaN }),
      'loadBound is NaN',
    ],
    [
      'no virtual nodes',
      () => placeGroups({ keyGroups: 8, members, virtualNodes: 0 }),
      'virtualNodes is 0',
    ],
  ];

  test.each(refusals)('%s', (_, act, message) => {
    expect(act).toThrow(
      expect.objectContaining({
        code: 'ERR_HOLDFAST_BAD_OPTION',
        message: expect.stringContaining(message),
      }),
    );
  });
});
