/** Top lists, deduplication and filters of rows that change, at the corners: as Flink 2.3, where nothing else is said. */

import { describe, expect, test } from 'vitest';
import { asc, type DataStream, desc, max } from '../../src/index.js';
import { testOperator } from '../../src/testing/index.js';

interface Row {
  readonly id: string;
  readonly v: number | null;
}

const told = (rows: readonly unknown[]): readonly string[] =>
  (rows as (Row & { change: string; rank?: number })[]).map(({ change, id, v, rank }) =>
    [change, id, v, ...(rank === undefined ? [] : [rank])].join(' '),
  );

const feed = (operator: { element(row: Row, time?: number): void }, rows: readonly Row[]) => {
  for (const row of rows) operator.element(row, 0);
};

describe('the first two of three, of which two are equal', () => {
  const rows: readonly Row[] = [
    { id: 'first', v: 5 },
    { id: 'second', v: 5 },
    { id: 'third', v: 7 },
  ];

  test('lose the one that came later', async () => {
    const operator = await testOperator((stream: DataStream<Row>) =>
      stream
        .keyBy(() => 'all')
        .topN(2, { by: desc(({ v }) => v) })
        .asRecords(),
    );
    feed(operator, rows);
    expect(told(operator.output())).toEqual([
      '+I first 5',
      '+I second 5',
      '-D second 5',
      '+I third 7',
    ]);
  });

  test('with ranks tell which rank gets which row', async () => {
    const operator = await testOperator((stream: DataStream<Row>) =>
      stream
        .keyBy(() => 'all')
        .topN(2, { by: desc(({ v }) => v), rank: 'rank' })
        .asRecords(),
    );
    feed(operator, rows);
    expect(told(operator.output()).slice(2)).toEqual([
      '-U first 5 1',
      '+U third 7 1',
      '-U second 5 2',
      '+U first 5 2',
    ]);
  });

  test('have null ahead of all others upward', async () => {
    const operator = await testOperator((stream: DataStream<Row>) =>
      stream
        .keyBy(() => 'all')
        .topN(1, { by: asc(({ v }) => v) })
        .asRecords(),
    );
    feed(operator, [
      { id: 'low', v: -1 },
      { id: 'none', v: null },
    ]);
    expect(told(operator.output()).at(-1)).toBe('+I none ');
  });
});

describe('one row of each key', () => {
  const distinct = (options: object) =>
    testOperator((stream: DataStream<Row>) =>
      (
        stream.distinctBy(({ id }) => id, options as { keep: 'last' }) as unknown as {
          asRecords(): DataStream<unknown>;
        }
      ).asRecords(),
    );
  const run = async (options: object, rows: readonly (readonly [number, number])[]) => {
    const operator = await distinct(options);
    for (const [time, v] of rows) operator.element({ id: 'k', v }, time);
    return told(operator.output()).filter((row) => !row.startsWith('-U'));
  };

  test('by time: the last of equals replaces, and an earlier one does not', async () => {
    const rows = [
      [20, 2],
      [20, 3],
      [20, 5],
      [15, 9],
    ] as const;
    expect(await run({ keep: 'last', by: 'time' }, rows)).toEqual(['+I k 2', '+U k 3', '+U k 5']);
  });

  // In Flink a number keeps the first of equals, and a time the last.
  test('by a number: the last of equals replaces as well', async () => {
    const operator = await testOperator((stream: DataStream<Row & { text: string }>) =>
      stream.distinctBy(({ id }) => id, { keep: 'last', by: ({ v }) => v }).asRecords(),
    );
    for (const text of ['a', 'b']) operator.element({ id: 'k', v: 20, text });
    operator.element({ id: 'k', v: 15, text: 'c' });
    expect(operator.output().map(({ change, text }) => `${change} ${text}`)).toEqual([
      '+I a',
      '-U a',
      '+U b',
    ]);
  });

  test('by arrival: whatever comes replaces', async () => {
    expect(
      await run({ keep: 'last' }, [
        [20, 2],
        [15, 9],
      ]),
    ).toEqual(['+I k 2', '+U k 9']);
  });

  test('the first by time: an equal one does not replace, an earlier one does', async () => {
    const rows = [
      [20, 2],
      [20, 3],
      [15, 9],
    ] as const;
    expect(await run({ keep: 'first', by: 'time' }, rows)).toEqual(['+I k 2', '+U k 9']);
  });
});

// A KTable without a store sends a tombstone for each row that never passed.
test('a filter takes back only what it has let pass', async () => {
  const operator = await testOperator((stream: DataStream<Row>) =>
    stream
      .keyBy(({ id }) => id)
      .aggregate({ most: max(({ v }) => v as number) })
      .toChangelog()
      .filter(({ most }) => (most as number) % 2 === 0)
      .asRecords(),
  );
  const changes: string[][] = [];
  for (const v of [1, 3, 4, 5, 7, 8, 10]) {
    operator.element({ id: 'k', v });
    changes.push(
      (operator.take() as { change: string; most: number }[]).map(
        ({ change, most }) => `${change} ${most}`,
      ),
    );
  }
  expect(changes).toEqual([[], [], ['+I 4'], ['-D 4'], [], ['+I 8'], ['-U 8', '+U 10']]);
});
