/**
 * Joins at the corners: bounds, who is late, rows without a partner, and null keys. As in Flink 2.3, except that a time which
 * stands at t has passed t. Unlike in Kafka Streams 4.4 lateness is applied to both sides, and nothing follows a null.
 */

import { describe, expect, test } from 'vitest';
import { type DataStream, fromCollection, type JoinKind } from '../../src/index.js';
import { testOperator } from '../../src/testing/index.js';

interface Row {
  readonly k: string | null;
  readonly id: string;
}

const pair = (left: Row | null, right: Row | null) => `${left?.id ?? null}+${right?.id ?? null}`;
const keyed = (rows: DataStream<Row>) => rows.keyBy(({ k }) => k);

const near = (kind: JoinKind, lowerMs: number, upperMs: number) =>
  testOperator((left: DataStream<Row>, right: DataStream<Row>) =>
    keyed(left).intervalJoin(keyed(right), { lowerMs, upperMs, kind, select: pair }),
  );
type Near = Awaited<ReturnType<typeof near>>;

const left = (operator: Near, time: number, k: string | null = 'k') =>
  operator.left.element({ k, id: `L${time}` }, time);
const right = (operator: Near, time: number, k: string | null = 'k') =>
  operator.right.element({ k, id: `R${time}` }, time);
const time = (operator: Near, ms: number) => {
  operator.left.watermark(ms);
  operator.right.watermark(ms);
};

describe('an interval', () => {
  test('takes in both bounds, and a pair has the greater time', async () => {
    const operator = await near('inner', -5_000, 5_000);
    left(operator, 10_000);
    for (const at of [4_999, 5_000, 15_000, 15_001]) right(operator, at);
    expect(operator.emitted()).toEqual([
      { record: 'L10000+R5000', timestamp: 10_000 },
      { record: 'L10000+R15000', timestamp: 15_000 },
    ]);
  });

  // In Flink the one of 12 000 joins.
  test('has passed a row whose time is the watermark, and counts late ones by side', async () => {
    const operator = await near('inner', -5_000, 5_000);
    right(operator, 12_000);
    time(operator, 12_000);
    left(operator, 12_000);
    left(operator, 12_001);
    right(operator, 11_999);
    expect(operator.output()).toEqual(['L12001+R12000']);
    expect(operator.counters).toMatchObject({
      lateRecords: 2,
      'lateRecords:left': 1,
      'lateRecords:right': 1,
    });
  });
});

describe('a left row without a partner', () => {
  test('comes when the last moment of a partner has passed: one ms behind it, by both sides', async () => {
    const operator = await near('left', 0, 10_000);
    left(operator, 0);
    operator.left.watermark(10_000);
    operator.right.watermark(9_999);
    expect(operator.take()).toEqual([]);
    operator.right.watermark(10_000); // as a record of 10 001 says it, of any key
    expect(operator.emitted()).toEqual([{ record: 'L0+null', timestamp: 10_000 }]);
  });

  test('comes at its own time where partners can only be before it', async () => {
    const operator = await near('left', -10_000, 0);
    left(operator, 0);
    time(operator, -1);
    expect(operator.take()).toEqual([]);
    time(operator, 0);
    expect(operator.take()).toEqual(['L0+null']);
  });

  test('is followed by no pair: a partner that comes then is late, and is counted', async () => {
    const operator = await near('left', 0, 10_000);
    left(operator, 0);
    time(operator, 10_001);
    expect(operator.take()).toEqual(['L0+null']);
    right(operator, 5_000);
    await operator.end();
    expect(operator.take()).toEqual([]);
    expect(operator.counters).toMatchObject({ lateRecords: 1, 'lateRecords:right': 1 });
  });
});

describe('a null key', () => {
  test('equals nothing: kept where a row without a partner is, else counted', async () => {
    const run = async (kind: JoinKind) => {
      const operator = await near(kind, 0, 10);
      left(operator, 1, null);
      right(operator, 2, null);
      await operator.end();
      return [operator.output(), operator.counters['nullKeys'] ?? 0];
    };
    expect(await run('inner')).toEqual([[], 2]);
    expect(await run('left')).toEqual([['L1+null'], 1]);
    const [both, none] = await run('full');
    expect([[...(both as string[])].sort(), none]).toEqual([['L1+null', 'null+R2'], 0]);
  });

  test('finds nothing in a table, and a left look-up keeps it', async () => {
    const looked = async (kind: 'inner' | 'left') => {
      const operator = await testOperator((rows: DataStream<Row>) =>
        rows.lookup(fromCollection([{ of: null, name: 'nobody' }]), {
          key: ({ k }) => k,
          tableKey: ({ of }): string | null => of,
          kind,
          select: ({ id }, found) => `${id} ${found?.name ?? null}`,
        }),
      );
      operator.element({ k: null, id: 'L' }, 1);
      return [operator.output(), operator.counters['nullKeys'] ?? 0];
    };
    expect(await looked('left')).toEqual([['L null'], 0]);
    expect(await looked('inner')).toEqual([[], 1]);
  });

  // Kafka Streams drops a record with one, and behind a repartition does so without a word.
  test('is a key like any other where nothing is compared', async () => {
    const operator = await testOperator((rows: DataStream<Row>) => keyed(rows).count());
    operator.element({ k: null, id: 'a' });
    operator.element({ k: 'null', id: 'b' });
    operator.element({ k: null, id: 'c' });
    expect(operator.output()).toEqual([1, 1, 2]);
  });
});

describe('the version of a row', () => {
  const latest = (kind: 'inner' | 'left') =>
    testOperator((rows: DataStream<Row>, versions: DataStream<Row>) =>
      keyed(rows).joinLatest(keyed(versions), {
        kind,
        select: pair,
        sideOutputLate: { left: 'late' },
      }),
    );

  test('is the last one of its own moment, and comes when that has passed', async () => {
    const operator = await latest('inner');
    for (const [id, at] of [
      ['v3', 3],
      ['v5', 5],
      ['v5b', 5],
    ] as const) {
      operator.right.element({ k: 'k', id }, at);
    }
    operator.left.element({ k: 'k', id: 'row' }, 5);
    time(operator as Near, 4);
    expect(operator.take()).toEqual([]);
    time(operator as Near, 5);
    expect(operator.emitted()).toEqual([{ record: 'row+v5b', timestamp: 5 }]);
  });

  // In Flink a left join gives it NULL, because the version at its time is gone.
  test('is not asked for a late row, which goes aside', async () => {
    const operator = await latest('left');
    operator.right.element({ k: 'k', id: 'v3' }, 3);
    operator.right.element({ k: 'k', id: 'v5' }, 5);
    time(operator as Near, 6);
    operator.left.element({ k: 'k', id: 'row' }, 4);
    await operator.end();
    expect(operator.output()).toEqual([]);
    expect(operator.output('late')).toEqual([{ k: 'k', id: 'row' }]);
  });
});
