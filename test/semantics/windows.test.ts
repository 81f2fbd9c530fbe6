/**
 * Which windows a time is in, and when they fire, at the corners where stream processors differ. How Flink 2.3 and Kafka
 * Streams 4.4 answer was seen by running them; it is said where the answer here is another one.
 *
 * Kafka's sliding windows, which move with each record, are not here (docs/from-kafka-streams.md).
 */

import { describe, expect, test } from 'vitest';
import {
  calendar,
  count,
  countWindow,
  type DataStream,
  fromCollection,
  hours,
  minutes,
  processingTime,
  session,
  sliding,
  tumbling,
  type WindowDefinition,
} from '../../src/index.js';
import { testJob, testOperator } from '../../src/testing/index.js';

interface Row {
  readonly key: string;
  readonly time: number;
}

const windows = (window: WindowDefinition, latenessMs = 0) =>
  testOperator((rows: DataStream<Row>) =>
    rows
      .keyBy(({ key }) => key)
      .window(window as never)
      .allowedLateness(latenessMs)
      .sideOutputLate('late')
      .aggregate({ n: count() }),
  );

/** `[start, end) n` of each row. */
const told = (rows: readonly unknown[]): readonly string[] =>
  (rows as { windowStart: number; windowEnd: number; n: number }[]).map(
    ({ windowStart, windowEnd, n }) => `[${windowStart}, ${windowEnd}) ${n}`,
  );

async function windowsOf(window: WindowDefinition, times: readonly number[]) {
  const operator = await windows(window);
  for (const time of times) operator.element({ key: 'a', time }, time);
  await operator.end();
  return told(operator.output());
}

describe('times before 1970', () => {
  test('are in the window that begins at or before them', async () => {
    expect(await windowsOf(tumbling(1_000), [-1, -1_000])).toEqual(['[-1000, 0) 2']);
    const shifted = tumbling(1_000, { offsetMs: 250 });
    expect(await windowsOf(shifted, [-1])).toEqual(['[-750, 250) 1']);
    expect(await windowsOf(shifted, [-1_000])).toEqual(['[-1750, -750) 1']);
  });
});

describe('a size that is no multiple of the slide', () => {
  const window = sliding({ sizeMs: 10_000, slideMs: 3_000 });

  test('gives three windows or four, which SQL of Flink refuses', async () => {
    expect(await windowsOf(window, [10_000])).toEqual([
      '[3000, 13000) 1',
      '[6000, 16000) 1',
      '[9000, 19000) 1',
    ]);
    expect(await windowsOf(window, [9_999])).toEqual([
      '[0, 10000) 1',
      '[3000, 13000) 1',
      '[6000, 16000) 1',
      '[9000, 19000) 1',
    ]);
  });
});

describe('clocks that change', () => {
  /** One record each hour, of which each is in its own. */
  const hourly = (from: string, n: number) =>
    Array.from({ length: n }, (_, hour) => Date.parse(from) + hours(hour));

  test.each([
    ['2024-03-30T23:00Z', 23, '2024-03-31T21:59:59.999Z'],
    ['2024-10-26T22:00Z', 25, '2024-10-27T22:59:59.999Z'],
  ])('make the day of Berlin that begins at %s %i hours long', async (from, length, last) => {
    const operator = await windows(calendar('day', { timeZone: 'Europe/Berlin' }));
    for (const time of hourly(from, 30)) operator.element({ key: 'a', time }, time);
    await operator.end();
    const [{ record, timestamp }] = operator.emitted() as [
      { record: { n: number }; timestamp: number },
    ];
    expect(record.n).toBe(length);
    expect(new Date(timestamp).toISOString()).toBe(last);
  });

  // Flink's SQL cuts all of these by the wall clock of the session's zone.
  test('leave hours, and gaps of sessions, as long as they are', async () => {
    const spring = Date.parse('2024-03-31T00:50Z'); // 01:50 in Berlin; twenty minutes later it is 03:10
    const gap = session({ gapMs: minutes(40) });
    expect(await windowsOf(gap, [spring, spring + minutes(20)])).toHaveLength(1);
    const autumn = Date.parse('2024-10-27T00:35Z'); // 02:35 in Berlin; 55 minutes later it is 02:30
    expect(await windowsOf(gap, [autumn, autumn + minutes(55)])).toHaveLength(2);
    const halves = [0, 30, 60, 90].map((at) => Date.parse('2024-10-27T00:00Z') + minutes(at));
    expect((await windowsOf(tumbling(hours(1)), halves)).map((row) => row.slice(-1))).toEqual([
      '2',
      '2',
    ]);
    const days = hourly('2024-03-31T00:00Z', 24);
    expect((await windowsOf(tumbling(hours(12)), days)).map((row) => row.slice(-2))).toEqual([
      '12',
      '12',
    ]);
  });

  test('begin a week on Monday, unless it is to be Sunday', async () => {
    const wednesday = Date.parse('2024-10-30T12:00Z');
    const start = async (window: WindowDefinition) => {
      const [row] = await windowsOf(window, [wednesday]);
      return new Date(Number(/\[(\d+)/.exec(row!)![1])).toUTCString().slice(0, 16);
    };
    expect(await start(calendar('week', { timeZone: 'UTC' }))).toBe('Mon, 28 Oct 2024');
    expect(await start(calendar('week', { timeZone: 'UTC', weekStartsOn: 'sunday' }))).toBe(
      'Sun, 27 Oct 2024',
    );
  });
});

describe('a late record', () => {
  test('makes its window fire again until its last moment and the lateness have passed', async () => {
    const operator = await windows(tumbling(10_000), 5_000);
    operator.element({ key: 'a', time: 0 }, 0);
    operator.watermark(12_000);
    expect(told(operator.take())).toEqual(['[0, 10000) 1']);
    operator.element({ key: 'a', time: 9_000 }, 9_000);
    expect(told(operator.take())).toEqual(['[0, 10000) 2']);
    operator.watermark(14_998);
    operator.element({ key: 'a', time: 9_000 }, 9_000);
    expect(told(operator.take())).toEqual(['[0, 10000) 3']);
    operator.watermark(14_999);
    operator.element({ key: 'a', time: 9_000 }, 9_000);
    expect(told(operator.take())).toEqual([]);
    expect(operator.take('late')).toHaveLength(1);
  });

  // Kafka Streams counts it once for each window.
  test('counts once, in however many windows it would be; and late for some is told apart', async () => {
    const operator = await testOperator((rows: DataStream<Row>) =>
      rows
        .keyBy(({ key }) => key)
        .window(sliding({ sizeMs: 10_000, slideMs: 1_000 }))
        .aggregate({ n: count() }),
    );
    operator.element({ key: 'a', time: 20_000 }, 20_000);
    operator.watermark(19_999);
    operator.element({ key: 'a', time: 5_000 }, 5_000); // its last window ended at 15 000
    expect(operator.counters).toMatchObject({ lateRecords: 1 });
    operator.element({ key: 'a', time: 15_000 }, 15_000); // five of its ten windows are over
    expect(operator.counters).toMatchObject({ lateRecords: 1, partlyLateRecords: 1 });
    operator.take();
    await operator.end();
    expect(told(operator.output()).slice(0, 5)).toEqual([
      '[11000, 21000) 2',
      '[12000, 22000) 2',
      '[13000, 23000) 2',
      '[14000, 24000) 2',
      '[15000, 25000) 2',
    ]);
  });

  // In Kafka Streams a processor behind a filter has a time of its own.
  test('is late behind a filter as well: what was filtered away has moved time', async () => {
    const job = await testJob((env) =>
      env
        .from(fromCollection<Row>([]))
        .withTimestamps(({ time }) => time)
        .filter(({ key }) => key === 'a')
        .keyBy(({ key }) => key)
        .window(tumbling(10))
        .aggregate({ n: count() })
        .collect('rows'),
    );
    const input = job.input();
    input.element({ key: 'other', time: 100_000 });
    input.element({ key: 'a', time: 1 });
    await job.end();
    expect(job.output('rows')).toEqual([]);
    expect(job.counters).toMatchObject({ lateRecords: 1 });
  });
});

test('a window is final when a record of any key has brought time to its end', async () => {
  const job = await testJob((env) =>
    env
      .from(fromCollection<Row>([]))
      .withTimestamps(({ time }) => time)
      .keyBy(({ key }) => key)
      .window(tumbling(10_000))
      .aggregate({ n: count() })
      .collect('rows'),
  );
  job.input().element({ key: 'a', time: 0 });
  job.input().element({ key: 'other', time: 9_999 });
  expect(job.take('rows')).toEqual([]);
  job.input().element({ key: 'other', time: 10_000 });
  expect(told(job.take('rows'))).toEqual(['[0, 10000) 1', '[0, 10000) 1']);
});

describe('at the end of the input', () => {
  // Flink drops them in silence.
  test('windows of the clock and unfilled ones are told of, or make rows', async () => {
    const three = async (window: WindowDefinition) => {
      const operator = await testOperator((rows: DataStream<Row>) =>
        rows
          .keyBy(({ key }) => key)
          .window(window as never)
          .aggregate({ n: count() }),
      );
      for (let time = 0; time < 3; time += 1) operator.element({ key: 'a', time }, time);
      await operator.end();
      return [(operator.output() as { n: number }[]).map(({ n }) => n), operator.counters];
    };
    const clock = tumbling(hours(1));
    expect(await three(countWindow(2))).toEqual([[2], expect.objectContaining({ recordsLeft: 1 })]);
    expect((await three(countWindow(2, { partial: 'emit' })))[0]).toEqual([2, 1]);
    expect(await three(processingTime(clock))).toEqual([
      [],
      expect.objectContaining({ recordsLeft: 3, timersLeft: 1 }),
    ]);
    expect((await three(processingTime(clock, { partial: 'emit' })))[0]).toEqual([3]);
  });
});
