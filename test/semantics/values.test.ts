/**
 * Numbers, nulls and keys at the corners. SQL of Flink 2.3 has integers that wrap around, averages of integers that are
 * integers, and decimals that become NULL; Kafka Streams 4.4 skips null values or counts them by the kind of the window. Here
 * numbers are those of JavaScript, null is a value, and one rule holds everywhere.
 *
 * There is no SQL, so there is nothing here about its text and date functions; and key groups are found by a hash of our own,
 * since savepoints of others cannot be read (docs/from-flink.md).
 */

import { describe, expect, test } from 'vitest';
import {
  average,
  count,
  countWindow,
  cumulative,
  type DataStream,
  distinctCount,
  globalWindow,
  last,
  max,
  min,
  session,
  sliding,
  sum,
  sumBigInt,
  tumbling,
  type WindowDefinition,
} from '../../src/index.js';
import { testOperator } from '../../src/testing/index.js';

type Value = number | null;

async function answersOf(values: readonly Value[]) {
  const operator = await testOperator((rows: DataStream<{ v: Value }>) =>
    rows
      .keyBy(() => 'all')
      .window(globalWindow())
      .aggregate({
        n: count(),
        sum: sum(({ v }) => v as number),
        mean: average(({ v }) => v as number),
        least: min(({ v }) => v as number),
        most: max(({ v }) => v as number),
        distinct: distinctCount(({ v }) => v),
      }),
  );
  for (const v of values) operator.element({ v }, 0);
  await operator.end();
  return operator.output()[0] as Record<string, unknown>;
}

describe('numbers', () => {
  test('are not cut to integers, and do not wrap', async () => {
    expect(await answersOf([1, 2])).toMatchObject({ sum: 3, mean: 1.5 });
    expect(await answersOf([2_147_483_647, 1])).toMatchObject({ sum: 2_147_483_648 });
    expect(await answersOf([100, 100])).toMatchObject({ sum: 200, mean: 100 });
  });

  test('skip null, but count() counts records', async () => {
    expect(await answersOf([1, 2, null])).toMatchObject({ n: 3, sum: 3, mean: 1.5, distinct: 2 });
    expect(await answersOf([null])).toMatchObject({ n: 1, least: null, most: null, distinct: 0 });
  });

  test.each([[[Number.NaN, 1, 2]], [[1, Number.NaN, 2]], [[1, 2, Number.NaN]]])(
    'are NaN once one is, wherever it stood: %j',
    async (values) => {
      expect(await answersOf(values)).toMatchObject({
        sum: Number.NaN,
        mean: Number.NaN,
        least: Number.NaN,
        most: Number.NaN,
      });
    },
  );

  test('of any size are exact as bigints, the average of the greatest among them', async () => {
    const most = 2n ** 63n - 1n;
    const operator = await testOperator((rows: DataStream<bigint>) =>
      rows
        .keyBy(() => 'all')
        .window(globalWindow())
        .aggregate({ n: count(), total: sumBigInt((v: bigint) => v) }),
    );
    operator.element(most, 0);
    operator.element(most, 0);
    await operator.end();
    expect(operator.output()).toMatchObject([{ n: 2, total: 2n ** 64n - 2n }]);
  });
});

describe('null as a value', () => {
  const kinds: readonly (readonly [string, WindowDefinition])[] = [
    ['tumbling', tumbling(100)],
    ['sliding', sliding({ sizeMs: 100, slideMs: 100 })],
    ['cumulative', cumulative({ sizeMs: 100, stepMs: 100 })],
    ['session', session({ gapMs: 100 })],
    ['countWindow', countWindow(2)],
    ['globalWindow', globalWindow()],
  ];
  test.each(kinds)('is counted in every kind of window: %s', async (_name, window) => {
    const operator = await testOperator((rows: DataStream<{ v: Value }>) =>
      rows
        .keyBy(() => 'all')
        .window(window as never)
        .aggregate({ n: count() }),
    );
    operator.element({ v: null }, 0);
    operator.element({ v: 1 }, 1);
    await operator.end();
    expect((operator.output() as { n: number }[]).map(({ n }) => n)).toEqual([2]);
  });

  test('is counted without a window as well, and takes no row away', async () => {
    const operator = await testOperator((rows: DataStream<{ v: Value }>) =>
      rows
        .keyBy(() => 'all')
        .aggregate({ n: count() })
        .toChangelog()
        .asRecords(),
    );
    operator.element({ v: null });
    operator.element({ v: 1 });
    operator.element({ v: null });
    expect(
      (operator.output() as { change: string; n: number }[]).map(
        ({ change, n }) => `${change} ${n}`,
      ),
    ).toEqual(['+I 1', '-U 1', '+U 2', '-U 2', '+U 3']);
  });
});

test('keys of another type are other keys: 42, "42" and 42n', async () => {
  const operator = await testOperator((rows: DataStream<number | string | bigint>) =>
    rows.keyBy((key) => key).count(),
  );
  for (const key of [42, '42', 42n, 42]) operator.element(key);
  expect(operator.output()).toEqual([1, 1, 1, 2]);
});

test('of equal times the last one wins, in `last` as in distinctBy', async () => {
  const operator = await testOperator((rows: DataStream<number>) =>
    rows
      .keyBy(() => 'all')
      .window(globalWindow())
      .aggregate({ v: last((n: number) => n) }),
  );
  for (const v of [2, 3, 5]) operator.element(v, 20);
  operator.element(7, 15);
  await operator.end();
  expect(operator.output()).toMatchObject([{ v: 5 }]);
});
