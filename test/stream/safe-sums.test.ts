/** Sums of integers are exact, or they fail: in every place that adds. */

import { describe, expect, it } from 'vitest';
import { average, count, sum } from '../../src/stream/api/aggregations.js';
import { sumBigInt } from '../../src/stream/api/big-sum.js';
import type { KeySelector } from '../../src/stream/api/key-selector.js';
import { type EventTimeWindow, session, sliding, tumbling } from '../../src/stream/api/windows.js';
import type { DeadLetter } from '../../src/stream/dead-letter.js';
import type { Operator } from '../../src/stream/operator.js';
import { keyedAggregateOperator } from '../../src/stream/operators/keyed-aggregate-operator.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import { thrownBy } from './graph-kit.js';
import { Harness, type Item, recordsOf } from './operator-kit.js';

interface Order {
  readonly k: string;
  readonly v: number | null;
}

const MAX = Number.MAX_SAFE_INTEGER;
const byK = ((order: Order) => order.k) as KeySelector;
const spec = () => ({ n: count(), total: sum((order: Order) => order.v) });
const at = (time: number, v: number | null, k = 'a'): Item => ({
  record: { k, v },
  at: time,
  key: k,
});
const end: Item = { watermark: Number.POSITIVE_INFINITY };
const guarded = (create: () => Operator) => (): Operator => new GuardedOperator(create(), 'dead');

const totals = ({ emitted }: Harness) =>
  recordsOf(emitted).flatMap(({ record, tag }) =>
    tag === undefined ? [(record as { readonly total: unknown }).total] : [],
  );
const dead = ({ emitted }: Harness) =>
  recordsOf(emitted).flatMap(({ record, tag }) =>
    tag === 'dead' ? [record as DeadLetter<unknown>] : [],
  );

describe('a sum of integers', () => {
  const fold = (one: ReturnType<typeof sum>, values: readonly (number | null)[]) => {
    if (one.kind !== 'numeric') throw new Error('it is numeric');
    const data = new Float64Array(one.words);
    one.init(data, 0);
    for (const value of values) one.add(data, 0, value as never);
    return one.result(data, 0);
  };
  const self = () => sum((value: unknown) => value as number);

  it.each([
    [[MAX], MAX],
    [[MAX, -MAX, MAX], MAX],
    [[-MAX + 1, -1], -MAX],
    [[null, MAX, 0, -0], MAX],
    // A fraction makes it a sum of floating-point numbers.
    [[0.5, 0.5, 2 ** 49 + 0.5, MAX, 1], 2 ** 53 + 2 ** 49],
    [[MAX, 1.5], 2 ** 53],
    // And so does what is no safe integer itself.
    [[1, 1e20, 1, -1e20], 0],
    [[2 ** 60, 1], 2 ** 60],
    [[MAX, Number.POSITIVE_INFINITY], Number.POSITIVE_INFINITY],
    [[MAX, Number.NaN, 1], Number.NaN],
    [[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], Number.NaN],
  ])('of %j is %d', (values, total) => {
    expect(fold(self(), values)).toBe(total);
  });

  it.each([[[MAX, 1]], [[-MAX, -1]], [[2 ** 52, 2 ** 52]], [[MAX, MAX]], [[1, MAX - 1, 0, 1]]])(
    'of %j fails, and says what to do',
    (values) => {
      const error = thrownBy(() => fold(self(), values));
      expect(error.code).toBe('ERR_HOLDFAST_SUM_OVERFLOW');
      expect(error.message).toMatch(/MAX_SAFE_INTEGER.*sumBigInt/);
      expect(error).toMatchObject({ details: { value: values.at(-1) } });
    },
  );

  it('of bigints, and an average, have no such limit', () => {
    const big = sumBigInt((value: number) => BigInt(value));
    if (big.kind !== 'value') throw new Error('it is no number');
    const state = [MAX, MAX].reduce<unknown>((before, v) => big.add(before, v), big.initial());
    expect(big.result(state)).toBe(2n * BigInt(MAX));
    expect(fold(average((value: unknown) => value as number) as never, [MAX, MAX])).toBe(MAX);
  });
});

describe('by key', () => {
  const create = () => keyedAggregateOperator(byK, spec() as never, 'row');

  it('the record fails that goes beyond, and nothing is counted of it, also behind a restore', () => {
    const before = new Harness(guarded(create()), { sides: ['dead'] });
    for (const item of [at(1, MAX - 1), at(2, 1), at(3, 1), at(4, 1, 'b')]) before.feed(item);
    expect(totals(before)).toEqual([MAX - 1, MAX, 1]);
    expect(dead(before)).toMatchObject([
      { record: { k: 'a', v: 1 }, error: { code: 'ERR_HOLDFAST_SUM_OVERFLOW' } },
    ]);
    const after = new Harness(guarded(create()), { sides: ['dead'] }, before.snapshot());
    for (const item of [at(5, 1), at(6, -1)]) after.feed(item);
    expect(dead(after)).toHaveLength(1);
    expect(recordsOf(after.emitted).at(-1)!.record).toEqual({ key: 'a', n: 3, total: MAX - 1 });
  });

  it('what other keys have, and what was before a restore, decides nothing', () => {
    const items = [at(1, 2 ** 50, 'b'), at(2, 0.5, 'b'), at(3, MAX), at(4, 1)];
    const alone = [at(3, MAX), at(4, 1)];
    for (const given of [items, alone]) {
      const harness = new Harness(guarded(create()), { sides: ['dead'] });
      for (const item of given) harness.feed(item);
      expect(dead(harness)).toMatchObject([{ record: { k: 'a', v: 1 } }]);
    }
    const fractions = [at(1, 2 ** 51 + 0.5), at(2, 2 ** 51), at(3, 1), at(4, 2 ** 52)];
    const whole = new Harness(guarded(create()), { sides: ['dead'] });
    for (const item of fractions) whole.feed(item);
    const before = new Harness(guarded(create()), { sides: ['dead'] });
    for (const item of fractions.slice(0, 3)) before.feed(item);
    const after = new Harness(guarded(create()), { sides: ['dead'] }, before.snapshot());
    after.feed(fractions[3]!);
    expect(dead(after)).toEqual(dead(whole));
    expect([...totals(before), ...totals(after)]).toEqual(totals(whole));
  });

  it('without .onError it is the operator that fails', () => {
    const harness = new Harness(create());
    harness.feed(at(1, MAX));
    expect(thrownBy(() => harness.feed(at(2, 1))).code).toBe('ERR_HOLDFAST_SUM_OVERFLOW');
  });
});

describe('in windows', () => {
  const options = { allowedLatenessMs: 0, lateTag: undefined };
  const create = (window: EventTimeWindow, more: object = {}) =>
    windowAggregateOperator(byK, window, options, { ...spec(), ...more } as never);
  const run = (operator: () => Operator, items: readonly Item[]) => {
    const harness = new Harness(guarded(operator), { sides: ['dead'] });
    for (const item of [...items, end]) harness.feed(item);
    return harness;
  };

  it('a record fails in its window alone', () => {
    const harness = run(create(tumbling(10)), [at(1, MAX), at(2, 1), at(11, 1)]);
    expect(totals(harness)).toEqual([MAX, 1]);
    expect(dead(harness)).toHaveLength(1);
  });

  // With an aggregation that keeps values, rows are cells.
  it.each([{}, { big: sumBigInt((order: Order) => BigInt(order.v!)) }])(
    'of slices that are too large together the rows fail, and others go on: %o',
    (more) => {
      const window = sliding({ sizeMs: 40, slideMs: 10 });
      const items = [at(5, 1), at(15, MAX), at(25, 2), at(35, 3), at(55, 4), at(25, 7, 'b')];
      const harness = run(create(window, more), items);
      const failed = dead(harness).map(({ record, error }) => {
        expect(error.code).toBe('ERR_HOLDFAST_SUM_OVERFLOW');
        const { key, windowStart, windowEnd } = record as Record<string, unknown>;
        return [key, windowStart, windowEnd];
      });
      expect(failed).toEqual([
        ['a', -20, 20],
        ['a', -10, 30],
        ['a', 0, 40],
        ['a', 10, 50],
      ]);
      const rows = recordsOf(harness.emitted).flatMap(({ record, tag }) => {
        const { key, windowStart, total } = record as Record<string, unknown>;
        return tag === undefined && key === 'a' ? [[windowStart, total]] : [];
      });
      expect(rows).toEqual([
        [-30, 1],
        [20, 9],
        [30, 7],
        [40, 4],
        [50, 4],
      ]);
      expect(totals(harness).filter((total) => total === 7)).toHaveLength(5);
    },
  );

  it('a record that would join sessions that are too large together fails, and they stay apart', () => {
    const harness = run(create(session({ gapMs: 10 })), [at(0, MAX), at(18, 5), at(9, 0)]);
    expect(totals(harness)).toEqual([MAX, 5]);
    expect(dead(harness)).toMatchObject([{ record: { k: 'a', v: 0 } }]);
  });
});
