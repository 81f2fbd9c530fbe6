import { expect, test } from 'vitest';
import { WaitList } from '../../src/actors/node/wait-list.js';

test('gives out what was added, in order, also when much is added and taken by turns', () => {
  const list = new WaitList<number>();
  let added = 0;
  let taken = 0;
  for (let round = 1; round <= 60; round += 1) {
    for (let n = 0; n < round * 7; n += 1) list.add(added++);
    for (let n = 0; n < round * 6; n += 1) expect(list.take()).toBe(taken++);
    expect(list.length).toBe(added - taken);
  }
  expect([...list]).toEqual(Array.from({ length: added - taken }, (_, n) => taken + n));
  while (list.length > 0) expect(list.take()).toBe(taken++);
  expect([taken, list.take(), [...list]]).toEqual([added, undefined, []]);
});
