/** Watermarks that the job makes itself: of each split, by its records, the same on every run. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count } from '../../src/stream/api/aggregations.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { TimestampOptions } from '../../src/stream/api/timestamp-options.js';
import { punctuated, type WatermarkFactory } from '../../src/stream/api/watermarks.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { RestoredSection } from '../../src/stream/operator.js';
import { timestampsOperator } from '../../src/stream/operators/timestamps-operator.js';
import { ObservedSplits } from '../../src/stream/task/observed-splits.js';
import { SplitTimes, type SplitTimesOptions } from '../../src/stream/task/split-times.js';
import { testOperator } from '../../src/testing/index.js';
import { draw, source, thrownBy } from './graph-kit.js';
import { Harness, recordsOf } from './operator-kit.js';

const NEVER = Number.NEGATIVE_INFINITY;

interface Tick {
  readonly t: number;
  /** What has passed with it. */
  readonly passed?: number | null;
}

const bySay = punctuated((tick: Tick) => tick.passed);

/** What lies behind the second highest timestamp so far has passed. It knows two numbers. */
const second: WatermarkFactory<Tick> = (state) => {
  let [highest, next] = (state as [number, number] | undefined) ?? [NEVER, NEVER];
  return {
    onRecord(t) {
      if (t > highest) [highest, next] = [t, highest];
      else if (t > next) next = t;
    },
    current: () => next - 1,
    state: () => [highest, next],
  };
};

/** Splits 0 to 2 of a source, read by hand. */
function reading(watermarks: WatermarkFactory<Tick>, restored: RestoredSection[] = []) {
  const splits = new ObservedSplits(() => undefined);
  const create = timestampsOperator((tick: Tick) => tick.t, { outOfOrdernessMs: 0, watermarks });
  const harness = new Harness(create, { splits }, restored);
  for (const split of [0, 1, 2]) splits.add(split);
  return {
    harness,
    give: (split: number, tick: Tick): void => {
      splits.begin(split);
      harness.feed({ record: tick });
    },
    finish: (split: number): void => splits.finish(split),
    said: (): readonly unknown[] => {
      harness.settle();
      return harness.time.splice(0);
    },
    marks: (): readonly unknown[] => recordsOf(harness.emitted).map(({ behind }) => behind),
  };
}

describe('watermarks that records bring', () => {
  it('are of their split, which holds time until it has brought one', () => {
    const { give, said, finish } = reading(bySay);
    give(0, { t: 10, passed: 9 });
    give(1, { t: 100, passed: 100 });
    give(2, { t: 50 });
    expect(said()).toEqual([]);
    give(2, { t: 7, passed: 5 });
    expect(said()).toEqual([5]);
    give(2, { t: 7, passed: 70 });
    expect(said()).toEqual([9]);
    give(0, { t: 7, passed: null });
    finish(0);
    expect(said()).toEqual([70]);
  });

  it('go on when they lie ahead of their record, and not back', () => {
    const { give, said } = reading(bySay);
    for (const split of [0, 1, 2]) give(split, { t: 0, passed: 1_000 });
    expect(said()).toEqual([1_000]);
    for (const split of [0, 1, 2]) give(split, { t: 0, passed: 10 });
    for (const split of [0, 1, 2]) give(split, { t: 0, passed: NEVER });
    expect(said()).toEqual([]);
  });

  it('mark what comes behind them, and not the record that has brought them', () => {
    const { give, marks } = reading(bySay);
    give(0, { t: 5, passed: 20 });
    give(1, { t: 6 });
    give(0, { t: 20 });
    give(0, { t: 21 });
    expect(marks()).toEqual([undefined, undefined, 20, undefined]);
  });
});

describe('watermarks of a generator of one’s own', () => {
  it('are those of one for each split', () => {
    const { give, said } = reading(second);
    give(0, { t: 10 });
    give(0, { t: 30 });
    give(1, { t: 20 });
    give(1, { t: 15 });
    give(2, { t: 11 });
    give(2, { t: 40 });
    expect(said()).toEqual([9]);
  });

  const ticks = fc.array(fc.record({ split: fc.nat(2), t: fc.integer({ min: 0, max: 100 }) }), {
    maxLength: 30,
  });

  it('go on from a snapshot as if there had been none, with their state', () => {
    fc.assert(
      fc.property(ticks, fc.nat(30), (list, cut) => {
        const plain = reading(second);
        for (const { split, t } of list) plain.give(split, { t });
        const before = reading(second);
        for (const { split, t } of list.slice(0, cut)) before.give(split, { t });
        const after = reading(second, before.harness.snapshot());
        for (const { split, t } of list.slice(cut)) after.give(split, { t });
        expect([...before.marks(), ...after.marks()]).toEqual(plain.marks());
        expect([...before.said(), ...after.said()].at(-1)).toEqual(plain.said().at(-1));
      }),
    );
  });

  it('begin anew without, and time does not go back', () => {
    const forgetful: WatermarkFactory<Tick> = () => {
      const { state, ...others } = second(undefined);
      return others;
    };
    const before = reading(forgetful);
    for (const split of [0, 1, 2]) for (const t of [50, 60]) before.give(split, { t });
    expect(before.said()).toEqual([49]);
    const after = reading(forgetful, before.harness.snapshot());
    after.give(0, { t: 5 });
    expect(after.marks()).toEqual([49]);
    expect(after.said()).toEqual([49]); // said again
  });
});

describe('a snapshot of another kind of watermarks', () => {
  const restoredTo = (former: SplitTimesOptions, options: SplitTimesOptions) => {
    const before = new SplitTimes(former);
    before.add(0);
    before.begin(0);
    before.hand({ t: 100, passed: 80 });
    before.observe(100);
    before.advance();
    const { name, chunks } = before.capture();
    const bytes = new Uint8Array(Buffer.concat(chunks));
    const after = new SplitTimes(options);
    after.restore([{ name, instance: 0, bytes }]);
    after.add(0);
    after.begin(0);
    after.hand({ t: 0 });
    return after.observe(0);
  };
  const bounded = { outOfOrdernessMs: 5 };
  const own = { outOfOrdernessMs: 0, watermarks: bySay };

  it('says how far the split had come', () => {
    expect(restoredTo(bounded, bounded)).toBe(94);
    expect(restoredTo(bounded, own)).toBe(94);
    expect(restoredTo(own, bounded)).toBe(80);
    expect(restoredTo(own, own)).toBe(80);
  });
});

/** Such a state of a generator, which else does what it should. */
const keeping = (state: () => unknown) => () => ({
  onRecord: () => undefined,
  current: () => 5,
  state,
});

describe('what goes wrong', () => {
  it.each([
    ['a state that is a promise', keeping(async () => 5), 'ASYNC_CALLBACK', /state/],
    [
      'a state that is a function',
      keeping(() => () => 5),
      'UNSUPPORTED_VALUE',
      /state of watermarks/,
    ],
    [
      'a state that throws',
      keeping(() => {
        throw new Error('told to fail');
      }),
      'USER_CODE',
      /told to fail/,
    ],
    ['NaN', punctuated(() => Number.NaN), 'BAD_WATERMARK', /the number NaN/],
    ['+∞', punctuated(() => Infinity), 'BAD_WATERMARK', /the number Infinity/],
    ['text', punctuated(() => '5' as never), 'BAD_WATERMARK', /the string "5"/],
    ['a promise', punctuated(() => Promise.resolve(5) as never), 'ASYNC_CALLBACK', /watermarks/],
    ['no generator', () => ({ current: () => 5 }), 'USER_CODE', /onRecord/],
    [
      'a throw',
      () => ({ onRecord: () => { throw new Error('told to fail'); }, current: () => 5 }), // biome-ignore format: short
      'USER_CODE',
      /told to fail/,
    ],
  ])('%s fails its record, which is named', async (_, watermarks, code, message) => {
    const operator = await testOperator((ticks: DataStream<Tick>) =>
      ticks
        .withTimestamps(({ t }) => t, { watermarks } as TimestampOptions<Tick>)
        .uid('timed')
        .keyBy(() => 'all')
        .window(tumbling(10))
        .aggregate({ n: count() }),
    );
    const error = thrownBy(() => operator.element({ t: 77 })) as Error & { details: object };
    expect(error).toMatchObject({ code: `ERR_HOLDFAST_${code}` });
    expect(error.message).toMatch(message);
    expect(`${error.message} ${JSON.stringify(error.details)}`).toMatch(/timed/);
    expect(`${error.message} ${JSON.stringify(error.details)}`).toMatch(/77/);
  });

  it('is put aside with .onError, and others go on', async () => {
    const watermarks = punctuated(({ passed }: Tick) => (passed === null ? Number.NaN : passed));
    const operator = await testOperator((ticks: DataStream<Tick>) =>
      ticks
        .withTimestamps(({ t }) => t, { watermarks })
        .onError('drop')
        .keyBy(() => 'all')
        .window(tumbling(10))
        .aggregate({ n: count() }),
    );
    operator.element({ t: 5 });
    operator.element({ t: 6, passed: null });
    operator.element({ t: 7, passed: 9 });
    expect(operator.take()).toMatchObject([{ windowEnd: 10, n: 2 }]);
    expect(operator.counters).toMatchObject({ deadLetters: 1 });
  });

  it.each([
    [{ watermarks: 5 }, /watermarks.*needs a function/],
    [{ watermarks: async () => second(undefined) }, /asynchronous/],
    [{ watermarks: second, outOfOrdernessMs: 5 }, /outOfOrdernessMs.*beside `watermarks`/],
    [{ outOfOrderness: 5 }, /did you mean withTimestamps\.outOfOrdernessMs/],
  ])('options are checked: %o', (options, message) => {
    const error = thrownBy(() =>
      draw((env) => env.from(source<Tick>()).withTimestamps(({ t }) => t, options as never)),
    );
    expect(error.code).toMatch(/BAD_OPTION|ASYNC_CALLBACK/);
    expect(error.message).toMatch(message);
  });
});
