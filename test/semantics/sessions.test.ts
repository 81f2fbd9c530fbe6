/**
 * Sessions at the corners. A session is closed, and joined, by one bound: records that are exactly the gap apart are of one
 * session, whatever comes between them, and what is closed stays closed. Flink 2.3 splits such a session when a watermark comes
 * in between; in Kafka Streams 4.4 one that was final comes again.
 */

import { describe, expect, test } from 'vitest';
import { aggregation, count, type DataStream, min, session, sum } from '../../src/index.js';
import { testOperator } from '../../src/testing/index.js';

interface Row {
  readonly key: string;
  readonly n: number;
}

const GAP_MS = 10_000;

const sessions = (latenessMs = 0) =>
  testOperator((rows: DataStream<Row>) =>
    rows
      .keyBy(({ key }) => key)
      .window(session({ gapMs: GAP_MS }))
      .allowedLateness(latenessMs)
      .sideOutputLate('late')
      .aggregate({ n: count() }),
  );

type Sessions = Awaited<ReturnType<typeof sessions>>;

const told = (rows: readonly unknown[]): readonly string[] =>
  (rows as { key: string; windowStart: number; windowEnd: number; n: number }[]).map(
    ({ key, windowStart, windowEnd, n }) => `${key} [${windowStart}, ${windowEnd}] ${n}`,
  );

const at = (operator: Sessions, ...times: readonly number[]): void => {
  for (const time of times) operator.element({ key: 'a', n: 1 }, time);
};

describe('two records exactly the gap apart', () => {
  test.each([[[]], [[5_000]], [[9_999]], [[9_998, 9_999]]])(
    'are of one session, with watermarks %j between them',
    async (watermarks) => {
      const operator = await sessions();
      at(operator, 0);
      for (const ms of watermarks) operator.watermark(ms);
      at(operator, 10_000);
      await operator.end();
      expect(told(operator.output())).toEqual(['a [0, 20000] 2']);
    },
  );

  test('and one ms more are of two', async () => {
    const operator = await sessions();
    at(operator, 0, 10_001);
    await operator.end();
    expect(told(operator.output())).toEqual(['a [0, 10000] 1', 'a [10001, 20001] 1']);
  });

  test('are of one where another key has brought time to the bound', async () => {
    const operator = await sessions();
    at(operator, 0);
    operator.element({ key: 'other', n: 1 }, 10_000);
    operator.watermark(9_999); // as a record of 10 000 does
    at(operator, 10_000);
    await operator.end();
    expect(told(operator.output())).toEqual(['a [0, 20000] 2', 'other [10000, 20000] 1']);
  });
});

describe('a session that is closed', () => {
  test('stays so: no record joins or reopens it', async () => {
    const operator = await sessions();
    at(operator, 0);
    operator.watermark(10_000);
    expect(told(operator.take())).toEqual(['a [0, 10000] 1']);
    at(operator, 10_000, 9_000);
    await operator.end();
    expect(operator.take()).toEqual([]);
    expect(operator.output('late')).toHaveLength(2);
  });

  test('comes once, over 200 that follow each other and over a pause', async () => {
    const operator = await sessions();
    const second = 1_000;
    // A session each second, of another key, so that none is joined: a long ordered input.
    for (let n = 0; n < 200; n += 1) {
      operator.element({ key: `key ${n}`, n }, n * second);
      operator.watermark(n * second - 1);
    }
    operator.element({ key: 'behind the pause', n: 0 }, 270_000);
    operator.watermark(269_999);
    expect(new Set(told(operator.output())).size).toBe(200);
    await operator.end();
    expect(operator.output()).toHaveLength(201);
    expect(operator.counters['lateRecords'] ?? 0).toBe(0);
  });
});

describe('a record far behind', () => {
  test('is late although it touches a session that is still there', async () => {
    const operator = await sessions();
    at(operator, 6_000, 9_000);
    operator.watermark(15_000);
    at(operator, -3_000); // 18 s behind
    await operator.end();
    expect(told(operator.output())).toEqual(['a [6000, 19000] 2']);
    expect(operator.output('late')).toEqual([{ key: 'a', n: 1 }]);
  });
});

describe('within the allowed lateness', () => {
  test('a record that bridges two makes one, when its end has come, which names both', async () => {
    const operator = await sessions(20_000);
    at(operator, 0, 15_000);
    operator.watermark(12_000);
    expect(told(operator.take())).toEqual(['a [0, 10000] 1']);
    at(operator, 8_000);
    expect(operator.take()).toEqual([]);
    operator.watermark(25_000);
    expect(operator.take()).toEqual([
      {
        key: 'a',
        windowStart: 0,
        windowEnd: 25_000,
        n: 3,
        replaces: [{ windowStart: 0, windowEnd: 10_000 }],
      },
    ]);
  });

  test('a record that makes a fired one longer fires at once, and names what it was', async () => {
    const operator = await sessions(20_000);
    at(operator, 0);
    operator.watermark(12_000);
    at(operator, 1_000);
    expect(operator.take().slice(1)).toEqual([
      {
        key: 'a',
        windowStart: 0,
        windowEnd: 11_000,
        n: 2,
        replaces: [{ windowStart: 0, windowEnd: 10_000 }],
      },
    ]);
  });

  test('as a changelog: what grows replaces itself, and what is bridged goes in order of time', async () => {
    const operator = await testOperator((rows: DataStream<Row>) =>
      rows
        .keyBy(({ key }) => key)
        .window(session({ gapMs: GAP_MS }))
        .allowedLateness(100_000)
        .aggregate({ n: count() })
        .toChangelog()
        .asRecords(),
    );
    const changes = () =>
      (operator.take() as { change: string }[]).map(
        (row) => `${row.change} ${told([row])[0]!.slice(2)}`,
      );
    operator.element({ key: 'a', n: 1 }, 0);
    operator.element({ key: 'a', n: 1 }, 20_000);
    operator.watermark(40_000);
    expect(changes()).toEqual(['+I [0, 10000] 1', '+I [20000, 30000] 1']);
    operator.element({ key: 'a', n: 1 }, 10_000);
    expect(changes()).toEqual(['-D [0, 10000] 1', '-D [20000, 30000] 1', '+I [0, 30000] 3']);
    operator.element({ key: 'a', n: 1 }, 30_000);
    expect(changes()).toEqual(['-U [0, 30000] 3', '+U [0, 40000] 4']);
  });
});

test('sessions are of a key, and never of all records', async () => {
  const operator = await sessions();
  operator.element({ key: 'a', n: 1 }, 0);
  operator.element({ key: 'b', n: 1 }, 8_000);
  operator.element({ key: 'a', n: 1 }, 16_000);
  await operator.end();
  expect(told(operator.output())).toEqual([
    'a [0, 10000] 1',
    'b [8000, 18000] 1',
    'a [16000, 26000] 1',
  ]);
  const all = (rows: DataStream<Row>) =>
    rows.windowAll(session({ gapMs: GAP_MS }) as never).aggregate({ n: count() });
  await expect(testOperator(all as never)).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_BAD_OPTION',
  });
});

/** Flink counts the start value twice where two sessions become one, and Kafka Streams once for each record. */
describe('the start value of an aggregation', () => {
  const folding = (initial: number) =>
    testOperator((rows: DataStream<Row>) =>
      rows
        .keyBy(({ key }) => key)
        .window(session({ gapMs: GAP_MS }))
        .aggregate({
          total: aggregation({
            initial: () => initial,
            add: (total: number, { n }: Row) => total + n,
            merge: (total, later) => total + later,
          }),
        }),
    );

  test('stands for no records, so it counts nothing however sessions come together', async () => {
    const operator = await folding(0);
    for (const time of [0, 18_000, 9_000]) operator.element({ key: 'a', n: 1 }, time);
    await operator.end();
    expect(operator.output()).toMatchObject([{ windowStart: 0, windowEnd: 28_000, total: 3 }]);
  });

  test('is refused at the first merge if it counts', async () => {
    const operator = await folding(100);
    const feed = () => {
      for (const time of [0, 18_000, 9_000]) operator.element({ key: 'a', n: 1 }, time);
    };
    expect(feed).toThrow(expect.objectContaining({ code: 'ERR_HOLDFAST_USER_CODE' }));
  });

  test('of those that are built in counts nothing', async () => {
    const operator = await testOperator((rows: DataStream<Row>) =>
      rows
        .keyBy(({ key }) => key)
        .window(session({ gapMs: GAP_MS }))
        .aggregate({ n: count(), total: sum(({ n }) => n), least: min(({ n }) => n) }),
    );
    for (const [n, time] of [0, 18_000, 9_000].entries())
      operator.element({ key: 'a', n: n + 1 }, time);
    await operator.end();
    expect(operator.output()).toMatchObject([{ n: 3, total: 6, least: 1 }]);
  });
});
