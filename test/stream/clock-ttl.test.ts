/** State that expires by the clock: gone at its time, freed soon, in no snapshot, and never back. */

import { describe, expect, it } from 'vitest';
import { count } from '../../src/stream/api/aggregations.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { Output } from '../../src/stream/api/output.js';
import { aggregating, list, map, reducing, value } from '../../src/stream/api/state-specs.js';
import { testOperator } from '../../src/testing/index.js';
import { thrownBy } from './graph-kit.js';

interface Row {
  readonly k: string;
  readonly n: number;
}

const statesOf = (ttlMs: number) => {
  const ttl = { ttlMs, ttlTime: 'processing' } as const;
  return {
    one: value<number>(ttl),
    many: list<number>(ttl),
    by: map<number, number>(ttl),
    most: reducing<number>(Math.max, ttl),
    times: aggregating(count(), ttl),
    kept: value<number>(),
  };
};

const NOTHING = { one: undefined, many: [], by: [], most: undefined, times: 0 };

/** Emits what a record finds, and adds it; a record of 0 adds nothing. */
const keeping =
  (ttlMs = 100) =>
  (rows: DataStream<Row>) =>
    rows
      .keyBy(({ k }) => k)
      .process({
        state: statesOf(ttlMs),
        onElement({ n }, { state }, out: Output<unknown>) {
          const { one, many, by, most, times } = state;
          out.emit({
            one: one.get(),
            many: many.values(),
            by: [...by.entries()],
            most: most.get(),
            times: times.get(),
          });
          if (n === 0) return;
          one.set(n);
          many.add(n);
          by.set(n, n);
          most.add(n);
          times.add(n);
          state.kept.set(n);
        },
      })
      .uid('keeping');

const started = async (options: Parameters<typeof testOperator>[1] = {}, ttlMs = 100) => {
  const operator = await testOperator(keeping(ttlMs), { startMs: 10_000, ...options });
  const found = (n = 0, k = 'a') => {
    operator.element({ k, n });
    return operator.take()[0];
  };
  return { operator, found };
};

describe('state with ttlTime: processing', () => {
  it('is there for so long after it was written, each item and entry for itself, without event times', async () => {
    const { operator, found } = await started();
    found(3);
    operator.clock.advance(60);
    found(2);
    operator.clock.advance(39);
    expect(found()).toEqual({
      one: 2,
      many: [3, 2],
      by: [
        [3, 3],
        [2, 2],
      ],
      most: 3,
      times: 2,
    });
    operator.clock.advance(1);
    // What was written again as a whole is there for longer.
    expect(found()).toEqual({ one: 2, many: [2], by: [[2, 2]], most: 3, times: 2 });
    expect(operator.state('a')).toMatchObject({ many: [2], kept: 2 });
    operator.clock.advance(59);
    expect(found()).toMatchObject({ one: 2 });
    operator.clock.advance(1);
    expect(found()).toEqual(NOTHING);
    expect(operator.state('a')).toMatchObject({ one: undefined, many: [], kept: 2 });
  });

  it('is not brought back by another ttlMs, and what was written goes by its own', async () => {
    const before = await started();
    before.found(1);
    before.operator.clock.advance(90);
    const early = await before.operator.snapshot();
    before.operator.clock.advance(10);
    const late = await before.operator.snapshot();

    const gone = await started({ restore: late, startMs: 10_100 }, 1_000_000);
    expect(gone.found()).toEqual(NOTHING);

    const there = await started({ restore: early, startMs: 10_090, parallelism: 3 }, 1_000_000);
    expect(there.found()).toMatchObject({ one: 1 });
    there.operator.clock.advance(10);
    expect(there.found()).toEqual(NOTHING);
    expect(there.operator.state('a')).toMatchObject({ kept: 1 });
  });

  it('is in no snapshot once it is gone, so a clock that is behind brings nothing back', async () => {
    const { operator, found } = await started();
    found(1);
    operator.clock.advance(100);
    const snapshot = await operator.snapshot();
    const behind = await started({ restore: snapshot, startMs: 5_000 });
    expect(behind.found()).toEqual(NOTHING);
  });

  it('does not wait for records to be freed: keys are gone with their last state', async () => {
    const operator = await testOperator(
      (rows: DataStream<Row>) =>
        rows
          .keyBy(({ k }) => k)
          .process({
            state: { last: value<number>({ ttlMs: 100, ttlTime: 'processing' }) },
            onElement: ({ n }, { state }) => state.last.set(n),
          })
          .uid('last'),
      { startMs: 10_000 },
    );
    for (let n = 0; n < 500; n += 1) operator.element({ k: `k${n}`, n });
    const full = await operator.snapshot();
    operator.clock.advance(1_000); // a task with nothing else to do wakes once a second
    expect(operator.state('k7')).toBeUndefined();
    const size = (snapshot: typeof full) => JSON.stringify(snapshot).length;
    const empty = await (await testOperator((rows: DataStream<Row>) => keeping()(rows))).snapshot();
    expect(size(await operator.snapshot())).toBeLessThan((size(full) + size(empty)) / 2);
  });

  it('is seen by timers of either kind as of the clock', async () => {
    const operator = await testOperator(
      (rows: DataStream<Row>) =>
        rows
          .keyBy(({ k }) => k)
          .process({
            state: { last: value<number>({ ttlMs: 100, ttlTime: 'processing' }) },
            onElement({ n }, ctx) {
              ctx.state.last.set(n);
              ctx.timers.processingTime(ctx.now + 99);
              ctx.timers.processingTime(ctx.now + 100);
              ctx.timers.eventTime(5);
            },
            onTimer(time, ctx, out: Output<unknown>) {
              out.emit([ctx.timerKind, time, ctx.state.last.get()]);
            },
          })
          .uid('last'),
      { startMs: 10_000 },
    );
    operator.element({ k: 'a', n: 1 }, 0);
    operator.clock.advance(200);
    operator.watermark(5);
    expect(operator.output()).toEqual([
      ['processingTime', 10_099, 1],
      ['processingTime', 10_100, undefined],
      ['eventTime', 5, undefined],
    ]);
  });

  it('stands beside state that expires by event time', async () => {
    const operator = await testOperator(
      (rows: DataStream<Row>) =>
        rows
          .keyBy(({ k }) => k)
          .process({
            state: {
              event: value<number>({ ttlMs: 10 }),
              clock: value<number>({ ttlMs: 10, ttlTime: 'processing' }),
            },
            onElement({ n }, { state }, out: Output<unknown>) {
              out.emit([state.event.get(), state.clock.get()]);
              if (n === 0) return;
              state.event.set(n);
              state.clock.set(n);
            },
          })
          .uid('both'),
      { startMs: 10_000 },
    );
    operator.element({ k: 'a', n: 1 }, 0);
    operator.element({ k: 'b', n: 2 }, 0);
    operator.element({ k: 'a', n: 0 }, 10);
    operator.watermark(10);
    operator.clock.advance(10);
    operator.element({ k: 'b', n: 3 }, 5);
    operator.element({ k: 'b', n: 0 }, 14);
    expect(operator.output()).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      [undefined, 1],
      [undefined, undefined],
      [3, 3],
    ]);
  });

  it('cannot become state that expires by event time, or not at all', async () => {
    const { operator, found } = await started();
    found(1);
    const snapshot = await operator.snapshot();
    for (const options of [{ ttlMs: 100 }, {}]) {
      const other = testOperator(
        (rows: DataStream<Row>) =>
          rows
            .keyBy(({ k }) => k)
            .process({
              state: { ...statesOf(100), one: value<number>(options) },
              onElement() {},
            })
            .uid('keeping'),
        { restore: snapshot },
      );
      await expect(other).rejects.toMatchObject({
        code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
        message: expect.stringContaining("'one' was value-clock-ttl"),
      });
    }
  });

  it.each([
    [{ ttlMs: 5, ttlTime: 'clock' }, /ttlTime.*'event' or 'processing'/],
    [{ ttlTime: 'processing' }, /ttlTime.*beside `ttlMs`/],
    [{ ttlMs: 0, ttlTime: 'processing' }, /ttlMs/],
  ])('options are checked: %o', (options, message) => {
    for (const make of [value, list, map] as const) {
      const error = thrownBy(() => (make as typeof value)(options as never));
      expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
      expect(error.message).toMatch(message);
    }
    const made = [
      () => reducing(Math.max, options as never),
      () => aggregating(count(), options as never),
    ];
    for (const make of made) expect(thrownBy(make).message).toMatch(message);
  });
});
