/** After each record the changes, applied to a table, are what a plain loop over all records so far says. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { average, count, max, min, sum } from '../../src/stream/api/aggregations.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { asc, desc } from '../../src/stream/api/order-by.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { from, Line, sorted, Table, WAYS } from './changelog-kit.js';

interface Sale {
  readonly shop: string;
  readonly item: string;
  readonly cents: number | null;
}

const sale: fc.Arbitrary<Sale> = fc.record({
  shop: fc.constantFrom('a', 'b', 'c', 'd'),
  item: fc.constantFrom('x', 'y'),
  cents: fc.option(
    fc.oneof(fc.integer({ min: -3, max: 9 }), fc.constantFrom(0.1, 0.2, -0.3, 1e17, 2 ** 53)),
  ),
});
const sales = fc.array(sale, { maxLength: 14 });

const sumOf = (values: readonly number[]) =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0);
const groups = <T>(
  rows: readonly T[],
  key: (row: T) => unknown,
): readonly (readonly [unknown, readonly T[]])[] => {
  const found = new Map<unknown, T[]>();
  for (const row of rows) found.set(key(row), [...(found.get(key(row)) ?? []), row]);
  return [...found];
};
const cents = (rows: readonly Sale[]) => rows.flatMap((row) => row.cents ?? []);

/** Per shop: how many sales, and their greatest price. */
const shops = (seen: readonly Sale[]) =>
  groups(seen, ({ shop }) => shop).map(([key, rows]) => ({
    key,
    sales: rows.length,
    most: rows.some((row) => row.cents !== null) ? Math.max(...cents(rows)) : null,
  }));

const shopsOf = (env: StreamEnvironment) =>
  from<Sale>(env)
    .keyBy(({ shop }) => shop)
    .aggregate({ sales: count(), most: max((one) => one.cents) })
    .toChangelog();

/** The pipeline at each prefix, whichever way it is run. */
function agrees(
  build: (env: StreamEnvironment) => { asRecords(): { sinkTo(to: never): unknown } },
  scratch: (seen: readonly Sale[]) => readonly unknown[],
  numRuns = 60,
): void {
  fc.assert(
    fc.property(sales, fc.constantFrom(...WAYS), fc.boolean(), (all, way, undoes) => {
      const line = new Line((env) => build(env).asRecords(), way, { undoes });
      const table = new Table();
      for (const [i, one] of all.entries()) {
        table.apply(line.feed(one));
        expect(table.sorted).toEqual(sorted(scratch(all.slice(0, i + 1))));
      }
    }),
    { numRuns },
  );
}

describe('a changelog is its table, at each prefix', () => {
  it('of an aggregate', () => agrees(shopsOf, shops));

  it('of an aggregate over values of any kind', () =>
    agrees(
      (env) =>
        from<Sale>(env)
          .keyBy(({ shop }) => shop)
          .aggregate({
            items: aggregation({
              initial: () => [] as string[],
              add: (all, one: Sale) => void all.push(one.item),
            }),
          })
          .toChangelog(),
      (seen) =>
        groups(seen, ({ shop }) => shop).map(([key, rows]) => ({
          key,
          items: rows.map(({ item }) => item),
        })),
    ));

  it('through map and filter', () =>
    agrees(
      (env) =>
        shopsOf(env)
          .filter(({ sales: n }) => n !== 2)
          .map(({ key, sales: n, most }) => ({ key, double: n * 2, most })),
      (seen) =>
        shops(seen)
          .filter(({ sales: n }) => n !== 2)
          .map(({ key, sales: n, most }) => ({ key, double: n * 2, most })),
    ));

  it('over groups of rows that come and go, exactly', () =>
    agrees(
      (env) =>
        shopsOf(env)
          .keyBy((row) => row.sales)
          .aggregate({
            shops: count(),
            least: min((row) => row.most),
            most: max((row) => row.most),
            mean: average((row) => (row.most === null ? null : row.most % 10)),
            names: aggregation({
              initial: () => [] as string[],
              add: (names, row: { key: string }) => [...names, row.key].sort(),
              retract: (names, row: { key: string }) => names.filter((name) => name !== row.key),
              result: (names) => names.join(),
            }),
          }),
      (seen) =>
        groups(shops(seen), (row) => row.sales).map(([key, rows]) => {
          const mosts = rows.flatMap(({ most }) => most ?? []);
          return {
            key,
            shops: rows.length,
            least: mosts.length === 0 ? null : Math.min(...mosts),
            most: mosts.length === 0 ? null : Math.max(...mosts),
            mean: mosts.length === 0 ? null : exactSum(mosts.map((one) => one % 10)) / mosts.length,
            names: rows
              .map((row) => row.key)
              .sort()
              .join(),
          };
        }),
    ));

  it.each([1, 2, 3])('of the first %i, over what changes', (n) => {
    const ahead = (a: { sales: number; key: unknown }, b: { sales: number; key: unknown }) =>
      b.sales - a.sales || (String(a.key) < String(b.key) ? -1 : 1);
    agrees(
      (env) =>
        shopsOf(env)
          .keyBy(() => 'all')
          .topN(n, { by: [desc((row) => row.sales), asc((row) => row.key)] }),
      (seen) => shops(seen).sort(ahead).slice(0, n),
    );
    agrees(
      (env) =>
        shopsOf(env)
          .keyBy(() => 'all')
          .topN(n, { by: (row) => row.sales, ties: 'content', rank: 'place' })
          .map(({ sales: most, place }) => ({ most, place })),
      (seen) =>
        shops(seen)
          .sort(ahead)
          .slice(0, n)
          .map(({ sales: most }, i) => ({ most, place: i + 1 })),
    );
  });

  it.each([undefined, 'rank'])('of the first two of what does not change, with rank: %s', (rank) =>
    agrees(
      (env) =>
        from<Sale>(env)
          .keyBy(({ shop }) => shop)
          .topN(2, { by: [desc((one) => one.cents), asc((one) => one.item)], rank: rank as never }),
      (seen) =>
        groups(seen, ({ shop }) => shop).flatMap(([, rows]) =>
          [...rows]
            .sort(
              (a, b) =>
                (b.cents ?? -Infinity) - (a.cents ?? -Infinity) ||
                (a.item < b.item ? -1 : a.item > b.item ? 1 : 0) ||
                0,
            )
            .slice(0, 2)
            .map((row, i) => (rank === undefined ? row : { ...row, rank: i + 1 })),
        ),
    ),
  );

  it.each(['first', 'last'] as const)('of the %s by a value, and by arrival', (keep) => {
    const best = (a: Sale, b: Sale) => {
      const [x, y] = [a.cents ?? -Infinity, b.cents ?? -Infinity];
      return keep === 'last' ? y >= x : y < x;
    };
    agrees(
      (env) => from<Sale>(env).distinctBy(({ shop }) => shop, { keep, by: (one) => one.cents }),
      (seen) =>
        groups(seen, ({ shop }) => shop).map(([, rows]) =>
          rows.reduce((a, b) => (best(a, b) ? b : a)),
        ),
    );
    agrees(
      (env) =>
        from<Sale>(env)
          .keyBy(({ shop }) => shop)
          .distinctBy(({ item }) => item, { keep: 'last', deletes: (one) => one.cents === null }),
      (seen) =>
        groups(seen, ({ shop, item }) => shop + item)
          .map(([, rows]) => rows.at(-1)!)
          .filter((row) => row.cents !== null),
    );
  });
});

/** Of numbers of few digits each, by bigints of 2^-60. */
function exactSum(values: readonly number[]): number {
  const whole = values.reduce((total, value) => total + BigInt(Math.round(value * 2 ** 60)), 0n);
  return Number(whole) / 2 ** 60;
}

describe('an exact sum', () => {
  it('is that of the numbers that are left, whatever came and went', () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }),
      fc.constantFrom(1e17, -1e17, 0.1, 0.2, 0.3, 2 ** 53, 1, 5e-324),
    );
    fc.assert(
      fc.property(
        fc.array(number, { maxLength: 8 }),
        fc.array(number, { maxLength: 8 }),
        (left, gone) => {
          const total = sum((row: number) => row).retractable!;
          let state = total.initial();
          const change = (value: number, by: 1 | -1) => {
            state = total.change(state, total.select(value), by);
          };
          for (const value of [...left, ...gone]) change(value, 1);
          for (const value of gone) change(value, -1);
          let other = total.initial();
          for (const value of [...left].reverse())
            other = total.change(other, total.select(value), 1);
          const shown = (of: unknown) => {
            try {
              return total.result(of);
            } catch (error) {
              return (error as { code: string }).code;
            }
          };
          expect(shown(state)).toEqual(shown(other));
          if (left.length === 1) expect(shown(state)).toBe(left[0]! + 0);
          if (left.length === 2 && shown(state) !== 'ERR_HOLDFAST_INEXACT_SUM') {
            expect(shown(state)).toBe(left[0]! + left[1]! + 0);
          }
          expect(sumOf([])).toBeNull();
        },
      ),
      { numRuns: 300 },
    );
  });
});
