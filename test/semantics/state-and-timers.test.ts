/**
 * State that expires, timers, and inputs that rest, at the corners. Flink 2.3 counts TTL by the clock, and what has expired
 * can come back with another TTL; here it goes by event time, and is in no checkpoint.
 */

import { describe, expect, test } from 'vitest';
import {
  count,
  type DataStream,
  fromCollection,
  hours,
  list,
  map,
  minutes,
  type Output,
  reducing,
  tumbling,
  value,
} from '../../src/index.js';
import { testJob, testOperator } from '../../src/testing/index.js';

interface Row {
  readonly key: string;
  readonly text: string;
}

const TTL_MS = minutes(30);

/** Each record's row is what state was before it. */
const remembers = (ttlMs: number | undefined) => (rows: DataStream<Row>) =>
  rows
    .keyBy(({ key }) => key)
    .process({
      state: {
        last: value<string>({ ttlMs }),
        all: list<string>({ ttlMs }),
        byText: map<string, number>({ ttlMs }),
        joined: reducing<string>((a, b) => a + b, { ttlMs }),
      },
      onElement({ text }, { state, timestamp }, out: Output<unknown>) {
        out.emit({
          last: state.last.get() ?? null,
          all: state.all.values().join(''),
          map: [...state.byText.entries()].map(([of]) => of).join(''),
          joined: state.joined.get() ?? null,
        });
        if (text === '?') return;
        state.last.set(text);
        state.all.add(text);
        state.byText.set(text, timestamp);
        state.joined.add(text);
      },
    });

const NOTHING = { last: null, all: '', map: '', joined: null };

describe('state for a time', () => {
  test('is there until one ms before its time, and gone at it, whatever the clock shows', async () => {
    const operator = await testOperator(remembers(TTL_MS));
    operator.element({ key: 'k', text: 'A' }, 0);
    operator.clock.advance(hours(5));
    operator.element({ key: 'k', text: '?' }, TTL_MS - 1);
    operator.element({ key: 'k', text: '?' }, TTL_MS);
    const there = { last: 'A', all: 'A', map: 'A', joined: 'A' };
    expect(operator.output().slice(1)).toEqual([there, NOTHING]);
  });

  test('goes item by item of lists and maps, and as a whole where it is folded', async () => {
    const operator = await testOperator(remembers(TTL_MS));
    operator.element({ key: 'k', text: 'A' }, 0);
    operator.element({ key: 'k', text: 'B' }, minutes(20));
    operator.element({ key: 'k', text: '?' }, minutes(35));
    expect(operator.output().at(-1)).toEqual({ last: 'B', all: 'B', map: 'B', joined: 'AB' });
  });

  test('that is gone does not come back, whatever a later run asks for', async () => {
    const before = await testOperator(remembers(TTL_MS));
    before.element({ key: 'k', text: 'A' }, 0);
    before.watermark(hours(1));
    const snapshot = await before.snapshot();
    for (const ttlMs of [TTL_MS, hours(2)]) {
      const after = await testOperator(remembers(ttlMs), { restore: snapshot });
      after.element({ key: 'k', text: '?' }, hours(1) + 1);
      expect(after.output()).toEqual([NOTHING]);
    }
  });

  test('that is declared without is another state: it is not taken for the same', async () => {
    const before = await testOperator(remembers(TTL_MS));
    before.element({ key: 'k', text: 'A' }, 0);
    const snapshot = await before.snapshot();
    await expect(testOperator(remembers(undefined), { restore: snapshot })).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    });
  });
});

interface Timed {
  readonly key: string;
  readonly at: readonly number[];
}

const timers = (kind: 'eventTime' | 'processingTime') => (rows: DataStream<Timed>) =>
  rows
    .keyBy(({ key }) => key)
    .process({
      onElement({ at }, ctx) {
        for (const time of at) ctx.timers[kind](time);
      },
      onTimer: (time, ctx, out: Output<unknown>) => out.emit([time, ctx.watermark]),
    });

describe('a timer', () => {
  // In Flink it waits for the next watermark.
  test('behind the watermark fires at once', async () => {
    const operator = await testOperator(timers('eventTime'));
    operator.watermark(100);
    operator.element({ key: 'k', at: [5] }, 200);
    expect(operator.output()).toEqual([[5, 100]]);
  });

  test('of event time fires at the end of the input, however far ahead it is; one of the clock is told of', async () => {
    const last = 8_640_000_000_000_000;
    const operator = await testOperator(timers('eventTime'));
    operator.element({ key: 'k', at: [1_000_000, 2_000_000, last] }, 0);
    await operator.end();
    expect(operator.output()).toEqual(
      [1_000_000, 2_000_000, last].map((time) => [time, Number.POSITIVE_INFINITY]),
    );
    const clock = await testOperator(timers('processingTime'));
    clock.element({ key: 'k', at: [1_000_000] }, 0);
    await clock.end();
    expect(clock.output()).toEqual([]);
    expect(clock.counters).toMatchObject({ timersLeft: 1 });
  });
});

/**
 * Where an input comes back from being idle Flink holds the watermark between the two inputs of an operator and between the
 * splits of a source, but not between channels; and where the slowest one falls idle last, time jumps to the latest of all.
 */
describe('an input that rests', () => {
  interface At {
    readonly time: number;
  }
  const IDLE_MS = 1_000;

  /** Two sources, whose least time each record of either tells. */
  const two = (shape: 'union' | 'connect') =>
    testJob((env) => {
      const [a, b] = ['a', 'b'].map((name) =>
        env
          .from(fromCollection<At>([]))
          .uid(name)
          .withTimestamps(({ time }) => time, { idleAfterMs: IDLE_MS })
          .uid(`${name} times`),
      );
      const tells = (
        _row: At,
        { watermark }: { readonly watermark: number },
        out: Output<number>,
      ) => out.emit(watermark + 1);
      const key = () => 'all';
      const told =
        shape === 'union'
          ? a!.union(b!).keyBy(key).process({ onElement: tells, state: {} })
          : a!.connect(b!).process({ onLeft: tells, onRight: tells });
      told.collect('told');
    });

  test.each(['union', 'connect'] as const)(
    'is left out, holds time where it stands when it comes back, and time never goes back: %s',
    async (shape) => {
      const job = await two(shape);
      const [a, b] = [job.input<At>('a'), job.input<At>('b')];
      a.element({ time: 100 });
      b.element({ time: 50 });
      a.element({ time: 100 });
      expect(job.take('told').at(-1)).toBe(50);
      for (const time of [100, 100, 100, 200, 200]) {
        job.clock.advance(IDLE_MS);
        a.element({ time });
      }
      a.element({ time: 200 });
      expect(job.take('told').at(-1)).toBe(200);
      b.element({ time: 60 });
      a.element({ time: 300 });
      a.element({ time: 300 });
      expect(job.take('told').at(-1)).toBe(200); // as long as b stands behind it
      b.element({ time: 250 });
      a.element({ time: 300 });
      expect(job.take('told').at(-1)).toBe(250);
    },
  );

  test('as all do: time does not jump to the latest of them', async () => {
    const job = await two('union');
    const [a, b] = [job.input<At>('a'), job.input<At>('b')];
    a.element({ time: 300 });
    b.element({ time: 100 });
    job.clock.advance(10 * IDLE_MS);
    b.element({ time: 100 });
    expect(job.take('told').at(-1)).toBe(100);
  });
});

/** What is late at a time that stands exactly there: everywhere, by one rule. */
describe('a record whose time is the watermark', () => {
  interface At {
    readonly time: number;
  }
  test('has been passed: its window of one ms is over', async () => {
    const operator = await testOperator((rows: DataStream<At>) =>
      rows
        .keyBy(() => 'all')
        .window(tumbling(1))
        .aggregate({ n: count() }),
    );
    operator.watermark(5);
    operator.element({ time: 5 }, 5);
    operator.element({ time: 6 }, 6);
    expect(operator.counters).toMatchObject({ lateRecords: 1 });
  });

  test('has been passed: its timer fires at once', async () => {
    const operator = await testOperator(timers('eventTime'));
    operator.watermark(5);
    operator.element({ key: 'k', at: [5, 6] }, 5);
    expect(operator.output()).toEqual([[5, 5]]);
  });
});
