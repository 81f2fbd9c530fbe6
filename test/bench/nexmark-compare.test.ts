/** The comparison that Nexmark's oracle is judged by: it must see what differs, and nothing else. */

import { expect, test } from 'vitest';

type Row = Record<string, string | number>;
const compare = (await import(
  new URL('../../bench/nexmark/compare.mjs', import.meta.url).href
)) as {
  difference(actual: readonly Row[], expected: object): string | undefined;
  ExpectedRows: new () => { add(rows: readonly Row[]): object };
  finalRows(
    rows: readonly Row[],
    updates: { key(row: Row): unknown; version?(row: Row): number },
  ): Row[];
};
const { finalRows } = compare;
const difference = (actual: readonly Row[], expected: readonly Row[]) =>
  compare.difference(actual, new compare.ExpectedRows().add(expected));

const rows: Row[] = [
  { a: 1, b: 0.1 + 0.2 },
  { b: 2, a: 'x' },
  { a: 1, b: 0.3 },
];

test('order, the order of columns, and last digits do not matter', () => {
  expect(difference(rows, [{ a: 'x', b: 2 }, ...rows.filter(({ a }) => a === 1)])).toBe(undefined);
  expect(difference([{ a: 0.1 + 0.2 }], [{ a: 0.3 }])).toBe(undefined);
});

test('two fractions that differ by less than the tolerance are the same wherever rounding changes', () => {
  const [below, above] = [0.500_000_000_049, 0.500_000_000_051];
  expect(difference([{ a: below }, { a: 1 }], [{ a: 1 }, { a: above }])).toBe(undefined);
  expect(difference([{ a: below }], [{ a: above + 1e-8 }])).not.toBe(undefined);
});

test('a table is compared more than once', () => {
  const expected = new compare.ExpectedRows();
  expected.add(rows);
  expect(compare.difference(rows, expected)).toBe(undefined);
  expect(compare.difference(rows.slice(1), expected)).toContain('2 rows instead of 3');
  expect(compare.difference(rows, expected)).toBe(undefined);
});

test('how often a row comes matters, and so do integers, fractions, texts and columns', () => {
  const differs = (actual: readonly Row[], expected: readonly Row[]) =>
    difference(actual, expected) !== undefined;
  expect(differs([...rows, rows[1]!], rows)).toBe(true);
  expect(differs(rows, rows.slice(1))).toBe(true);
  expect(differs([{ a: 10_000_000_001 }], [{ a: 10_000_000_002 }])).toBe(true);
  expect(differs([{ a: 0.300001 }], [{ a: 0.3 }])).toBe(true);
  expect(differs([{ a: '1' }], [{ a: 1 }])).toBe(true);
  expect(differs([{ a: 1, b: 1 }], [{ a: 1 }])).toBe(true);
  expect(differs([{ a: 1 }], [{ b: 1 }])).toBe(true);
});

test('the first differing rows of both sides are shown', () => {
  const text = difference([{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 3 }]);
  expect(text).toContain('1 that should not be there:\n    {"a":1}');
  expect(text).toContain('1 that are missing:\n    {"a":3}');
});

test('of updates the newest stands, wherever it comes', () => {
  const updates = { key: ({ k }: Row) => k, version: ({ n }: Row) => Number(n) };
  const final = finalRows(
    [
      { k: 'a', n: 2 },
      { k: 'b', n: 1 },
      { k: 'a', n: 1 },
    ],
    updates,
  );
  expect(final).toEqual([
    { k: 'a', n: 2 },
    { k: 'b', n: 1 },
  ]);
});

test('a revision says which update is the newest, and is no part of the answer', () => {
  const rows = [
    { k: 'a', revision: 2, n: 1 },
    { k: 'a', revision: 1, n: 5 },
  ];
  expect(finalRows(rows, { key: ({ k }) => k })).toEqual([{ k: 'a', n: 1 }]);
});
