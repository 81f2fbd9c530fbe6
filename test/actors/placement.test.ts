import { expect, test } from 'vitest';
import { homesBy } from '../../src/actors/placement.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { placementTable } from '../../src/hashring/placement.js';

test('children live where their parent does, and each node has its share', () => {
  const homeOf = homesBy(placementTable(128, 4).subarray(1));
  const counts = [0, 0, 0, 0];
  for (let n = 0; n < 4_000; n += 1) {
    const home = homeOf(`Account#${n}`);
    counts[home]! += 1;
    expect(homeOf(`Account#${n}/child/${n}`)).toBe(home);
  }
  for (const count of counts) expect(count).toBeGreaterThan(600);
});

test('a home does not change when there were more paths than are kept', () => {
  const table = placementTable(128, 3).subarray(1);
  const homeOf = homesBy(table);
  for (let round = 0; round < 2; round += 1) {
    for (let n = 0; n < 10_000; n += 1) {
      expect(homeOf(`r${n}`)).toBe(table[keyGroupOf(`r${n}`, 128) - 1]);
    }
  }
});

test('with one node everything lives there', () => {
  const homeOf = homesBy(placementTable(128, 1).subarray(1));
  expect([homeOf('a'), homeOf('a/b'), homeOf('')]).toEqual([0, 0, 0]);
});
