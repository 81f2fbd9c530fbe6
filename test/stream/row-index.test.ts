import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalKey, type Key } from '../../src/hashring/canonical-key.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { IntegerIndex } from '../../src/stream/state/integer-index.js';
import { RowIndex } from '../../src/stream/state/row-index.js';
import { RowTable } from '../../src/stream/state/row-table.js';

const INT_MAX = 2 ** 31 - 1;

describe('an index of integers', () => {
  const ops = (key: fc.Arbitrary<number>) =>
    fc.array(fc.record({ key, deletes: fc.boolean() }), { minLength: 200, maxLength: 2_000 });

  it.each([
    ['few keys', ops(fc.integer({ min: -20, max: 20 }))],
    ['keys side by side', ops(fc.integer({ min: 0, max: 500 }))],
    ['multiples of 2^20', ops(fc.integer({ min: -2_048, max: 2_047 }).map((i) => i * 2 ** 20))],
    ['any keys', ops(fc.integer())],
  ])('holds what a Map holds: %s', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (steps) => {
        const index = new IntegerIndex();
        const map = new Map<number, number>();
        for (const [row, { key, deletes }] of steps.entries()) {
          if (deletes && map.has(key)) {
            map.delete(key);
            index.delete(key);
          } else if (!deletes) {
            map.set(key, row);
            index.set(key, row);
          }
        }
        expect(index.size).toBe(map.size);
        for (const { key } of steps) expect(index.get(key)).toBe(map.get(key) ?? -1);
        for (const key of map.keys()) index.delete(key);
        expect(index.size).toBe(0);
        for (const { key } of steps) expect(index.get(key)).toBe(-1);
      }),
    );
  });

  it('takes 0, negative numbers, the ends of the range, and row 0', () => {
    const index = new IntegerIndex();
    const keys = [0, -1, 1, INT_MAX, -INT_MAX - 1];
    for (const key of keys) expect(index.get(key)).toBe(-1);
    for (const [row, key] of keys.entries()) index.set(key, row);
    expect(keys.map((key) => index.get(key))).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('an index of rows', () => {
  it('tells keys of different kinds apart', () => {
    const table = new RowTable({ words: 1, layout: 'count:1' });
    const index = new RowIndex(table, 16, () => true);
    const keys = [
      1,
      '1',
      1n,
      true,
      [1],
      ['1'],
      [1, 2],
      [2, 1],
      ['a', 1],
      ['a', '1'],
      ['a', 1.5],
      ['a', true],
      [['a', 1]],
      [],
      null,
      1.5,
      Number.NaN,
      2 ** 31,
      -(2 ** 31),
      new Date(1),
      '',
      '\0',
    ];
    const groupOf = (key: unknown) => keyGroupOf(key, 16);
    const rows = keys.map((key) => index.create(groupOf(key), key));
    const found = () => keys.map((key) => index.find(groupOf(key), key));
    expect(found()).toEqual(rows);
    expect(index.find(groupOf(-0), -0)).toBe(-1);
    for (const [i, key] of keys.entries()) {
      index.remove(groupOf(key), key, rows[i]!);
      expect(found()).toEqual(rows.map((row, k) => (k <= i ? -1 : row)));
    }
  });

  const element = fc.oneof(
    fc.integer({ min: -2, max: 3 }),
    fc.constantFrom('a', 'b', '', '\0', '1', 0.5, -0, Number.NaN, 2 ** 31, 2 ** 40),
  );
  const tuple = fc.array(element, { maxLength: 3 });

  it('holds what a Map by canonical keys holds, of tuples that come and go', () => {
    const step = fc.record({ key: tuple, deletes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const index = new RowIndex(new RowTable({ words: 1, layout: 'count:1' }), 4, () => true);
        const rows = new Map<unknown, number>();
        const groupOf = (key: Key) => keyGroupOf(key, 4);
        for (const { key, deletes } of steps) {
          const canonical = canonicalKey(key);
          const row = rows.get(canonical);
          expect(index.find(groupOf(key), key)).toBe(row ?? -1);
          if (row === undefined) rows.set(canonical, index.create(groupOf(key), key));
          else if (deletes) {
            rows.delete(canonical);
            index.remove(groupOf(key), key, row);
          }
        }
        for (const { key } of steps) {
          expect(index.find(groupOf(key), key)).toBe(rows.get(canonicalKey(key)) ?? -1);
        }
      }),
    );
  });

  it('knows 0 and -0 as one key', () => {
    const index = new RowIndex(new RowTable({ words: 1, layout: 'count:1' }), 1, () => true);
    const row = index.create(1, -0);
    expect(index.find(1, 0)).toBe(row);
    expect(index.find(1, -0)).toBe(row);
  });

  it('refuses a key of a group that belongs to another instance', () => {
    const index = new RowIndex(new RowTable({ words: 1, layout: 'count:1' }), 4, (g) => g === 2);
    expect(index.find(3, 5)).toBe(-1);
    expect(() => index.create(3, 5)).toThrow('group 3');
  });
});
