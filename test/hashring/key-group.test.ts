import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KEY_GROUPS_MAX, keyGroupOf } from '../../src/hashring/key-group.js';
import { hashKey } from '../../src/hashring/murmur3.js';
import { anyKey } from './keys.js';

describe('keyGroupOf', () => {
  test('is 1 + hash mod m', () => {
    const groups = fc.oneof(
      fc.integer({ min: 1, max: KEY_GROUPS_MAX }),
      fc.integer({ min: 0, max: 15 }).map((power) => 2 ** power),
    );
    fc.assert(
      fc.property(anyKey, groups, (key, keyGroups) => {
        expect(keyGroupOf(key, keyGroups)).toBe((hashKey(key) % keyGroups) + 1);
      }),
    );
  });

  test('is never 0, and m can be reached', () => {
    const seen = new Set(Array.from({ length: 1_000 }, (_, i) => keyGroupOf(i, 7)));
    expect([...seen].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(keyGroupOf('any', 1)).toBe(1);
  });

  test.each<[string, (i: number) => unknown]>([
    ['small integers', (i) => i],
    ['multiples of 1 024', (i) => i * 1_024],
    ['multiples of 2³²', (i) => i * 2 ** 32],
    ['fractions', (i) => i / 1_000],
    ['bigints', (i) => BigInt(i)],
    ['texts of numbers', (i) => `key-${i}`],
    ['tuples', (i) => [i % 100, `part ${Math.floor(i / 100)}`]],
    ['dates, a day apart', (i) => new Date(i * 86_400_000)],
  ])('spreads %s evenly', (_, keyAt) => {
    const groups = 128;
    const keys = 128 * 100;
    const counts = new Float64Array(groups + 1);
    for (let i = 0; i < keys; i += 1) counts[keyGroupOf(keyAt(i), groups)]! += 1;
    const expected = keys / groups;
    let chiSquared = 0;
    for (const count of counts.subarray(1)) chiSquared += (count - expected) ** 2 / expected;
    // 127 degrees of freedom: mean 127, standard deviation 16. The keys are fixed, so is the sum.
    expect(chiSquared).toBeLessThan(127 + 4 * 16);
  });
});
