/** A snapshot in the midst of a firing that keeps its keys: each row comes once, whatever is restored in between. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, max, sum } from '../../src/stream/api/aggregations.js';
import { distinctCount } from '../../src/stream/api/distinct-count.js';
import { type AlignedWindow, cumulative, sliding, tumbling } from '../../src/stream/api/windows.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import { windowReduceOperator } from '../../src/stream/operators/window-reduce-operator.js';
import { type Emitted, Harness, type Item, recordsOf, rising, runPlain } from './operator-kit.js';
import { runRescaled } from './restore-kit.js';

interface Row {
  readonly k: string | readonly [string, number];
  readonly n: number;
}

const key = ((row: Row) => row.k) as never;
const numbers = {
  n: count(),
  total: sum(({ n }: Row) => n),
  most: max(({ n }: Row) => n),
};
const values = { ...numbers, different: distinctCount(({ n }: Row) => n) };

const operators = {
  rows: (window: AlignedWindow, allowedLatenessMs: number) =>
    windowAggregateOperator(key, window, { allowedLatenessMs }, numbers),
  cells: (window: AlignedWindow, allowedLatenessMs: number) =>
    windowAggregateOperator(key, window, { allowedLatenessMs }, values),
  reduced: (window: AlignedWindow, allowedLatenessMs: number) =>
    windowReduceOperator(key, window, { allowedLatenessMs }, (a: Row, b: Row) => ({
      k: a.k,
      n: a.n + b.n,
    })),
};

const at = (time: number, k: Row['k'] = 'a', n = 1): Item => ({
  record: { k, n },
  at: time,
  key: k,
});
const shown = (emitted: readonly Emitted[]) =>
  recordsOf(emitted).map(({ record, at: time }) => JSON.stringify([time, record]));

const someItems: fc.Arbitrary<readonly Item[]> = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(
            fc.nat({ max: 60 }),
            fc.constantFrom<Row['k']>('a', 'b', 'c', ['a', 1], ['a', -0], ''),
            fc.nat({ max: 9 }),
          )
          .map(([time, k, n]) => at(time, k, n)),
      },
      { weight: 1, arbitrary: fc.nat({ max: 60 }).map((watermark): Item => ({ watermark })) },
    ),
    { maxLength: 40 },
  )
  .map(rising);

const windows: readonly AlignedWindow[] = [
  tumbling(10),
  sliding({ sizeMs: 20, slideMs: 5 }),
  sliding({ sizeMs: 10, slideMs: 3 }),
  cumulative({ sizeMs: 20, stepMs: 5 }),
];

describe('a snapshot between any two keys', () => {
  it.each(Object.keys(operators) as (keyof typeof operators)[])(
    'leaves each row once: %s',
    (of) => {
      fc.assert(
        fc.property(
          someItems,
          fc.constantFrom(...windows),
          fc.constantFrom(0, 8, 50),
          fc.constantFrom([1], [1, 2, 3]),
          (items, window, latenessMs, sizes) => {
            const create = operators[of](window, latenessMs);
            const expected = shown(runPlain(create, items).emitted);
            const given = shown(runRescaled(create, items, sizes));
            expect([...given].sort()).toEqual([...expected].sort());
          },
        ),
      );
    },
  );
});

describe('a firing that keeps its keys', () => {
  const window = sliding({ sizeMs: 20, slideMs: 10 });
  const create = operators.rows(window, 100);

  /** Two keys, of which one has fired for [0, 20). */
  const half = () => {
    const harness = new Harness(create);
    for (const item of [at(11, 'a'), at(12, 'b'), { watermark: 15 }]) harness.feed(item);
    harness.stingy = true;
    harness.operator.onWatermark(19);
    expect(shown(harness.emitted)).toEqual([
      '[19,{"key":"a","windowStart":0,"windowEnd":20,"n":1,"total":1,"most":1}]',
    ]);
    expect([harness.operator.suspended, harness.operator.divisible]).toEqual([true, true]);
    return harness;
  };
  const rows = (harness: Harness) =>
    recordsOf(harness.emitted).map(({ record }) => {
      const { key: k, windowEnd, n } = record as { key: string; windowEnd: number; n: number };
      return `${k} ${windowEnd} ${n}`;
    });

  it('goes on where it was', () => {
    const after = new Harness(create, {}, half().snapshot());
    after.feed({ watermark: 19 });
    after.feed({ watermark: 100 });
    expect(rows(after)).toEqual(['b 20 1', 'a 30 1', 'b 30 1']);
  });

  it('fires again for a record that comes before the watermark has come again', () => {
    const after = new Harness(create, {}, half().snapshot());
    after.feed(at(13, 'a'));
    after.feed(at(14, 'b'));
    expect(rows(after)).toEqual(['a 20 2']);
    after.feed({ watermark: 19 });
    expect(rows(after)).toEqual(['a 20 2', 'b 20 2']);
    after.feed(at(15, 'a'));
    expect(rows(after)).toEqual(['a 20 2', 'b 20 2', 'a 20 3']);
  });

  it('is told of again in each snapshot until it has come to its end', () => {
    const once = new Harness(create, {}, half().snapshot());
    const twice = new Harness(create, {}, once.snapshot());
    twice.feed({ watermark: 19 });
    expect(rows(twice)).toEqual(['b 20 1']);
    const names = (harness: Harness) => harness.snapshot().map(({ name }) => name);
    expect(names(once)).toContain('half-fired');
    expect(names(twice)).not.toContain('half-fired');
  });
});
