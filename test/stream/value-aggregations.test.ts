/** Built-in aggregations over values that are no single number, and merging of all of them. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Aggregation,
  average,
  count,
  max,
  min,
  sum,
} from '../../src/stream/api/aggregations.js';
import { sumBigInt } from '../../src/stream/api/big-sum.js';
import { approximateDistinctCount, distinctCount } from '../../src/stream/api/distinct-count.js';
import { first, last } from '../../src/stream/api/event-order.js';
import { asc } from '../../src/stream/api/order-by.js';
import { approximateQuantile } from '../../src/stream/api/quantile.js';
import { topN } from '../../src/stream/api/top-records.js';
import { mixedFold } from '../../src/stream/operators/cell-fold.js';
import { thrownBy } from './graph-kit.js';

interface Sample {
  readonly t: number;
  readonly v: number | null;
  readonly k: string;
}

const spec = {
  n: count(),
  total: sum((r: Sample) => r.v),
  least: min((r: Sample) => r.v),
  most: max((r: Sample) => r.v),
  mean: average((r: Sample) => r.v),
  first: first((r: Sample) => r.v),
  last: last((r: Sample) => r.k),
  distinct: distinctCount((r: Sample) => r.v),
  about: approximateDistinctCount((r: Sample) => r.k),
  median: approximateQuantile((r: Sample) => r.v, 0.5),
  top: topN<Sample>(3, { by: [(r) => r.v, asc((r) => r.k)] }),
  big: sumBigInt((r: Sample) => (r.v === null ? null : BigInt(r.v) * 2n ** 60n)),
};

function over(records: readonly Sample[]): unknown {
  const fold = mixedFold(spec, []);
  const [one, ...others] = records;
  let state = fold.first(one, one!.t);
  for (const record of others) state = fold.add(state, record, record.t);
  return state;
}

const row = (state: unknown) => mixedFold(spec, ['key']).row(state, 'k', 0, 0);

const aSample: fc.Arbitrary<Sample> = fc.record({
  t: fc.integer({ min: 0, max: 9 }),
  v: fc.oneof(fc.integer({ min: -20, max: 20 }), fc.constant(null)),
  k: fc.constantFrom('a', 'b', 'c', 'd'),
});
const samples = fc.array(aSample, { minLength: 1, maxLength: 30 });

describe('aggregations', () => {
  it('come to the same when what they have of two halves is merged, and leave both alone', () => {
    const { merge } = mixedFold(spec, []);
    fc.assert(
      fc.property(samples, samples, (before, after) => {
        const [one, other] = [over(before), over(after)];
        const shown = [row(one), row(other)];
        expect(row(merge!(one, other))).toEqual(row(over([...before, ...after])));
        expect([row(one), row(other)]).toEqual(shown);
      }),
    );
  });

  it('are those of a plain model', () => {
    fc.assert(
      fc.property(samples, (records) => {
        const numbers = records.flatMap(({ v }) => (v === null ? [] : [v]));
        const known = records.filter(({ v }) => v !== null);
        const answers = row(over(records)) as Record<string, unknown>;
        const earliest = Math.min(...known.map(({ t }) => t));
        const latest = Math.max(...records.map(({ t }) => t));
        expect(answers).toMatchObject({
          first: known.find(({ t }) => t === earliest)?.v ?? null,
          last: records.findLast(({ t }) => t === latest)!.k,
          distinct: new Set(numbers).size,
          about: new Set(records.map(({ k }) => k)).size,
          top: records
            .toSorted(
              (a, b) =>
                (b.v ?? Number.NEGATIVE_INFINITY) - (a.v ?? Number.NEGATIVE_INFINITY) ||
                a.k.localeCompare(b.k),
            )
            .slice(0, 3),
          big:
            numbers.length === 0 ? null : numbers.reduce((a, b) => a + BigInt(b) * 2n ** 60n, 0n),
        });
      }),
    );
  });
});

/** @returns the answer over these records */
function answer<T, R>(aggregation: Aggregation<T, R>, records: Iterable<T>): R {
  if (aggregation.kind !== 'value') throw new Error('it has a value');
  let state = aggregation.initial();
  for (const record of records) state = aggregation.add(state, record, 0);
  return aggregation.result(state);
}

function* numbersTo(n: number, step = 1): Generator<number> {
  for (let i = 1; i <= n; i += 1) yield i * step;
}

describe('sketches', () => {
  it.each([10, 1_000, 10_000, 30_000, 300_000])('count about %d different values', (n) => {
    const about = approximateDistinctCount((i: number | string) => i);
    for (const found of [
      answer(about, numbersTo(n)),
      answer(about, [...numbersTo(n), ...numbersTo(n)].map(String)),
    ]) {
      expect(Math.abs(found - n) / n).toBeLessThan(0.05);
    }
  });

  it('know quantiles within one per cent, and the ends exactly', () => {
    for (const share of [0, 0.01, 0.25, 0.5, 0.99, 1]) {
      const right = 1 + Math.floor(share * 99_999);
      const found = answer(
        approximateQuantile((i: number) => i, share),
        numbersTo(100_000),
      );
      expect(Math.abs(found - right) / right).toBeLessThanOrEqual(share % 1 === 0 ? 0 : 0.0101);
      const below = answer(
        approximateQuantile((i: number) => -i, 1 - share),
        numbersTo(100_000),
      );
      expect(Math.abs(below + right) / right).toBeLessThanOrEqual(share % 1 === 0 ? 0 : 0.0102);
    }
    const mixed = approximateQuantile((i: number) => i, 0.5);
    expect(answer(mixed, [-3, 0, 0, 0, 1e300])).toBe(0);
    expect(answer(mixed, [1, Number.NaN])).toBeNaN();
    expect(answer(mixed, [])).toBe(null);
    expect(answer(mixed, [-0])).toBe(0);
    expect((answer(mixed, [1e308, 1.2e308, 1.7e308]) as number) / 1.2e308).toBeCloseTo(1, 1);
    expect(answer(mixed, [1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe('the first records with ties', () => {
  const read = (a: Aggregation<Sample, Sample[]>, records: readonly Sample[]) =>
    answer(a, records).map(({ k }) => k);
  const samplesOf = (text: string): Sample[] =>
    text.split(' ').map((word) => ({ t: 0, v: Number(word.slice(1)), k: word }));

  it('keep all that are equal to the last one', () => {
    const by = { by: (r: Sample) => r.v, ties: 'all' } as const;
    expect(read(topN(1, by), samplesOf('a1 b3 c3 d2 e3'))).toEqual(['b3', 'c3', 'e3']);
    expect(read(topN(2, by), samplesOf('a1 b1 c3 d1'))).toEqual(['c3', 'a1', 'b1', 'd1']);
    expect(read(topN(2, by), samplesOf('a1 b1 c3 d1 e3'))).toEqual(['c3', 'e3']);
    expect(read(topN(2, by), samplesOf('a1 b1 c3 d1 e2'))).toEqual(['c3', 'e2']);
    expect(read(topN(3, by), samplesOf('a1'))).toEqual(['a1']);
    const two = { by: [(r: Sample) => r.v, asc((r: Sample) => r.k[0])], ties: 'all' } as const;
    expect(read(topN(1, two), samplesOf('b3 a3 a3 c9 d9 c9'))).toEqual(['c9', 'c9']);
  });

  it.each([1, 2, 5])('are those of a sort, whatever is merged, of %d', (n) => {
    const values = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 20 });
    fc.assert(
      fc.property(values, fc.nat({ max: 20 }), fc.boolean(), (given, cut, isUpward) => {
        const all = given.map((v, i): Sample => ({ t: 0, v, k: `${i}` }));
        const place = ({ v }: Sample) => (isUpward ? v! : -v!);
        const sorted = all.toSorted((a, b) => place(a) - place(b));
        const last = sorted[n - 1];
        const expected = sorted.filter((r, i) => i < n || place(r) === place(last!));
        const top = topN<Sample>(n, { by: isUpward ? asc((r) => r.v) : (r) => r.v, ties: 'all' });
        if (top.kind !== 'value') throw new Error('it has a value');
        const stateOf = (some: readonly Sample[]) => {
          return some.reduce((state: unknown, one) => top.add(state, one, 0), top.initial());
        };
        const [earlier, later] = [stateOf(all.slice(0, cut)), stateOf(all.slice(cut))];
        expect(top.result(top.merge!(earlier, later))).toEqual(expected);
        expect(top.result(stateOf(all))).toEqual(expected);
      }),
    );
  });

  it('keep NaN behind all numbers', () => {
    const by = { by: (r: Sample) => r.v, ties: 'all' } as const;
    const nan = { t: 0, v: Number.NaN, k: 'nan' };
    expect(read(topN(1, by), [nan, ...samplesOf('a1'), nan])).toEqual(['nan', 'nan']);
    expect(read(topN(1, { by: asc(by.by), ties: 'all' }), [nan, ...samplesOf('a1'), nan])).toEqual([
      'a1',
    ]);
  });
});

describe('state', () => {
  it('of another n is that of another aggregation, since it has too few records', () => {
    const types = [1, 3].map((n) => topN(n, { by: (r: number) => r }).type);
    const withTies = topN(1, { by: (r: number) => r, ties: 'all' }).type;
    expect(new Set([...types, withTies]).size).toBe(3);
  });
});

describe('refusals', () => {
  it('say what to do', () => {
    const message = (make: () => unknown) => thrownBy(make).message;
    expect(message(() => topN(0, { by: (r: number) => r }))).toContain('from 1 to 100000');
    expect(message(() => topN(1, {} as never))).toContain('topN(…, { by })');
    expect(message(() => topN(1, { by: (r: number) => r, ties: true as never }))).toContain('ties');
    expect(message(() => approximateQuantile((r: number) => r, 50))).toContain('from 0 to 1');
    expect(message(() => answer(sumBigInt((() => 5) as never), [1]))).toContain('BigInt(…)');
    const early = first((r: number) => r);
    const added = () => early.kind === 'value' && early.add(null, 1, Number.NaN);
    expect(thrownBy(added).code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
  });

  it('what a row shows may be changed by whoever reads it', () => {
    const records = [{ t: 1, v: 1, k: 'a' }];
    const state = over(records);
    const shown = row(state) as { top: { v: number }[] };
    shown.top[0]!.v = 99;
    shown.top.push({ v: 7 });
    expect(row(state)).toMatchObject({ top: [{ v: 1 }] });
  });
});
