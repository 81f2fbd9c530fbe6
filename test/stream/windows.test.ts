import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromCollection } from '../../src/connectors/index.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { count, sum } from '../../src/stream/api/aggregations.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import { first, last } from '../../src/stream/api/event-order.js';
import type { Output } from '../../src/stream/api/output.js';
import { map, value } from '../../src/stream/api/state-specs.js';
import {
  calendar,
  countWindow,
  globalWindow,
  processingTime,
  session,
  sliding,
  tumbling,
} from '../../src/stream/api/windows.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import type { WindowOptions } from '../../src/stream/operators/window-operator.js';
import { windowReduceOperator } from '../../src/stream/operators/window-reduce-operator.js';
import { draw, thrownBy } from './graph-kit.js';
import { Harness, type Item, KEY_GROUPS, recordsOf, runPlain } from './operator-kit.js';

interface Row {
  readonly k: string;
  readonly n: number;
}

const key = (record: Row) => record.k;
const spec = { n: count(), total: sum((record: Row) => record.n) };
const strict: WindowOptions = { allowedLatenessMs: 0, lateTag: undefined };
const end = { watermark: Number.POSITIVE_INFINITY };
const at = (time: number, k = 'a', n = 1): Item => ({ record: { k, n }, at: time });
const aggregate = (options: WindowOptions = strict, size = 10, offsetMs = 0) =>
  windowAggregateOperator(key, tumbling(size, { offsetMs }), options, spec);
const row = (k: string, windowStart: number, n: number, total = n, size = 10) => ({
  record: { key: k, windowStart, windowEnd: windowStart + size, n, total },
  at: windowStart + size - 1,
});

const keyedItem = (time: number, k: string): Item => ({ record: { k, n: 1 }, at: time, key: k });

/** Who had the key groups of these keys: instance 0, 1, … */
const ownerOf =
  (...keys: readonly string[]) =>
  (group: number) => {
    const found = keys.findIndex((k) => keyGroupOf(k, KEY_GROUPS) === group);
    return found < 0 ? undefined : found;
  };

describe('tumbling windows', () => {
  it('are not idle before all that is due has come out', () => {
    const harness = new Harness(aggregate());
    for (const k of ['a', 'b']) harness.feed(at(0, k));
    harness.stingy = true;
    harness.operator.onWatermark(20);
    expect(harness.operator.suspended).toBe(true);
    harness.operator.onIdle?.(false);
    harness.drain();
    expect(recordsOf(harness.emitted)).toEqual([row('a', 0, 1), row('b', 0, 1)]);
    expect(harness.time).toEqual([20, 'idle']);
  });

  it('put a record into the window that begins at or before it', () => {
    const { emitted } = runPlain(aggregate(), [
      at(0),
      at(9),
      at(10),
      at(-1),
      at(-10),
      at(-11),
      end,
    ]);
    expect(recordsOf(emitted)).toEqual([
      row('a', -20, 1),
      row('a', -10, 2),
      row('a', 0, 2),
      row('a', 10, 1),
    ]);
  });

  it('follow their offset', () => {
    const { emitted } = runPlain(aggregate(strict, 10, 3), [at(2), at(3), at(12), at(13), end]);
    expect(recordsOf(emitted)).toEqual([row('a', -7, 1), row('a', 3, 2), row('a', 13, 1)]);
  });

  it('fire when the watermark reaches the last instant in them, and not before', () => {
    const harness = new Harness(aggregate());
    harness.feed(at(5));
    harness.feed({ watermark: 8 });
    expect(harness.emitted).toEqual([{ watermark: 8 }]);
    harness.feed({ watermark: 9 });
    expect(harness.emitted).toEqual([{ watermark: 8 }, row('a', 0, 1), { watermark: 9 }]);
  });

  it('fire in order of time, and the watermark follows the last row', () => {
    const harness = new Harness(aggregate());
    for (const time of [25, 5, 15]) harness.feed(at(time));
    harness.feed({ watermark: 24 });
    harness.feed({ watermark: 40 });
    expect(harness.emitted).toEqual([
      row('a', 0, 1),
      row('a', 10, 1),
      { watermark: 24 },
      row('a', 20, 1),
      { watermark: 40 },
    ]);
  });

  it('count late records, or send them to the side output: once each', () => {
    const late = [at(5), { watermark: 9 }, at(6), at(12), at(9), end];
    const counted = runPlain(aggregate(), late);
    expect(recordsOf(counted.emitted)).toEqual([row('a', 0, 1), row('a', 10, 1)]);
    expect(counted.counters).toEqual({ lateRecords: 2 });
    const side = runPlain(aggregate({ allowedLatenessMs: 0, lateTag: 'late' }), late, {
      sides: ['late'],
    });
    expect(recordsOf(side.emitted).filter((one) => one.tag === 'late')).toEqual([
      { record: { k: 'a', n: 1 }, at: 6, tag: 'late' },
      { record: { k: 'a', n: 1 }, at: 9, tag: 'late' },
    ]);
    expect(side.counters).toEqual({});
    // A tag that nobody reads: counted.
    expect(runPlain(aggregate({ allowedLatenessMs: 0, lateTag: 'late' }), late).counters).toEqual({
      lateRecords: 2,
    });
  });

  it('fire again for each record within the allowed lateness, then forget', () => {
    const harness = new Harness(aggregate({ allowedLatenessMs: 5, lateTag: undefined }));
    const fed: Item[] = [at(1), { watermark: 9 }, at(2), at(3, 'b'), { watermark: 13 }, at(4)];
    for (const one of fed) harness.feed(one);
    expect(recordsOf(harness.emitted)).toEqual([
      row('a', 0, 1),
      row('a', 0, 2),
      row('b', 0, 1),
      row('a', 0, 3),
    ]);
    harness.feed({ watermark: 14 });
    harness.feed(at(4));
    expect(harness.counters).toEqual({ lateRecords: 1 });
    expect(recordsOf(harness.emitted)).toHaveLength(4);
  });

  it('a record without a time is an error that says what to do', () => {
    for (const time of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = thrownBy(() => runPlain(aggregate(), [at(time)]));
      expect(error.code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
      expect(error.message).toContain('withTimestamps');
    }
  });

  it('reduce emits the folded record once per window', () => {
    const create = windowReduceOperator(key, tumbling(10), strict, (a: Row, b: Row) => ({
      k: a.k,
      n: a.n + b.n,
    }));
    const { emitted } = runPlain(create, [at(1, 'a', 2), at(2, 'a', 3), at(11, 'a', 7), end]);
    expect(recordsOf(emitted)).toEqual([
      { record: { k: 'a', n: 5 }, at: 9 },
      { record: { k: 'a', n: 7 }, at: 19 },
    ]);
  });

  it('state of windows of another size is refused', () => {
    const sections = runPlain(aggregate(strict, 10), [at(1)]).snapshot();
    const error = thrownBy(() => new Harness(aggregate(strict, 20), {}, sections));
    expect(error.code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
  });

  it('what was late stays late after a restore', () => {
    const harness = runPlain(aggregate(), [at(1), { watermark: 30 }]);
    const restored = new Harness(aggregate(), {}, harness.snapshot());
    restored.feed(at(25));
    expect(restored.counters).toEqual({ lateRecords: 1 });
  });

  for (const [name, make] of [
    ['rows', (options: WindowOptions) => aggregate(options)],
    [
      'cells',
      (options: WindowOptions) =>
        windowReduceOperator(key, tumbling(10), options, (x: Row, y: Row) => ({
          k: x.k,
          n: x.n + y.n,
        })),
    ],
  ] as const) {
    it(`fire once per key when instances of different times become one: ${name}`, () => {
      const keyed = (time: number, k: string): Item => ({ record: { k, n: 1 }, at: time, key: k });
      const fired = (harness: Harness): string[] =>
        recordsOf(harness.emitted.splice(0)).map(({ record, at: time }) => {
          const { key: k, n, value } = record as { key?: string; n: number; value?: Row };
          return `${k ?? (record as Row).k} ${value?.n ?? n} at ${time}`;
        });
      const lenient: WindowOptions = { allowedLatenessMs: 20, lateTag: undefined };
      const [ahead, behind] = [new Harness(make(lenient)), new Harness(make(lenient))];
      for (const item of [keyed(5, 'a'), keyed(17, 'a'), { watermark: 18 }]) ahead.feed(item);
      for (const item of [keyed(6, 'b'), { watermark: 3 }]) behind.feed(item);
      expect([fired(ahead), fired(behind)]).toEqual([['a 1 at 9'], []]);
      const sections = [ahead, behind].flatMap((one, instance) =>
        one.snapshot().map((section) => ({ ...section, instance })),
      );
      let one = new Harness(make(lenient), { formerOwner: ownerOf('a', 'b') }, sections);
      // Of a window that has fired for its key: an update at once. For the other key it is early.
      for (const item of [keyed(7, 'a'), keyed(7, 'b')]) one.feed(item);
      expect(fired(one)).toEqual(['a 2 at 9']);
      one = new Harness(make(lenient), {}, one.snapshot());
      one.feed({ watermark: 9 });
      expect(fired(one)).toEqual(['b 2 at 9']);
      one.feed({ watermark: 19 });
      expect(fired(one)).toEqual(['a 1 at 19']);
      one.feed(keyed(8, 'a'));
      expect(fired(one)).toEqual(['a 3 at 9']);
      one.feed({ watermark: 29 });
      for (const k of ['a', 'b']) one.feed(keyed(8, k));
      expect([fired(one), one.counters]).toEqual([[], { lateRecords: 2 }]);
    });
  }

  it('of a key group that its instance did not have are damage, and so are times of it', () => {
    const before = new Harness(aggregate());
    for (const item of [keyedItem(5, 'a'), keyedItem(25, 'a'), { watermark: 20 }])
      before.feed(item);
    const origin = { checkpoint: 7, part: 'c7.part' };
    const rows = before.snapshot().map((section) => ({ ...section, origin }));
    const ahead = new Harness(aggregate(), { formerOwner: ownerOf('a', 'b') }, [
      ...rows.filter(({ name }) => name === 'time' || name === 'freed'),
      { name: 'time', instance: 1, bytes: new Uint8Array(8) },
    ]);
    const times = ahead.snapshot().filter(({ name }) => name.startsWith('group-'));
    expect(times.some(({ bytes }) => bytes.length > 0)).toBe(true);
    for (const sections of [rows, times.map((section) => ({ ...section, origin }))]) {
      expect(() => new Harness(aggregate(), { formerOwner: () => 1 }, sections)).toThrowError(
        expect.objectContaining({
          code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
          message: expect.stringMatching(/checkpoint 7 .*'c7\.part'/),
        }),
      );
    }
  });

  it('what was late for a key stays late when time goes back for others', () => {
    const keyed = (time: number, k: string): Item => ({ record: { k, n: 1 }, at: time, key: k });
    const [ahead, behind] = [new Harness(aggregate()), new Harness(aggregate())];
    for (const item of [keyed(5, 'a'), keyed(25, 'a'), { watermark: 20 }]) ahead.feed(item);
    for (const item of [keyed(6, 'b'), { watermark: 3 }]) behind.feed(item);
    const sections = [ahead, behind].flatMap((one, instance) =>
      one.snapshot().map((section) => ({ ...section, instance })),
    );
    const one = new Harness(aggregate(), { formerOwner: ownerOf('a', 'b') }, sections);
    for (const item of [keyed(7, 'a'), keyed(7, 'b'), { watermark: 30 }]) one.feed(item);
    expect(one.counters).toEqual({ lateRecords: 1 });
    expect(recordsOf(one.emitted)).toEqual([row('b', 0, 2), row('a', 20, 1)]);
  });

  it('what was late for a key stays late, though nothing is left of the key', () => {
    const keyed = (time: number, k: string): Item => ({ record: { k, n: 1 }, at: time, key: k });
    const [ahead, behind] = [new Harness(aggregate()), new Harness(aggregate())];
    for (const item of [keyed(5, 'a'), { watermark: 20 }]) ahead.feed(item);
    behind.feed({ watermark: 3 });
    const sections = [ahead, behind].flatMap((one, instance) =>
      one.snapshot().map((section) => ({ ...section, instance })),
    );
    let one = new Harness(aggregate(), { formerOwner: ownerOf('a', 'b') }, sections);
    one.feed(keyed(7, 'a'));
    // As known later: the next snapshot has it too.
    one = new Harness(aggregate(), {}, one.snapshot());
    for (const item of [keyed(8, 'a'), keyed(7, 'b'), { watermark: 30 }]) one.feed(item);
    expect(one.counters).toEqual({ lateRecords: 1 });
    expect(recordsOf(one.emitted)).toEqual([row('b', 0, 1)]);
  });

  it('stay closed for a key that fired in a firing which the snapshot cut in two', () => {
    const keyed = (time: number, k: string): Item => ({ record: { k, n: 1 }, at: time, key: k });
    const before = new Harness(aggregate());
    for (const item of [keyed(5, 'a'), keyed(6, 'b')]) before.feed(item);
    before.stingy = true;
    before.operator.onWatermark(20);
    expect(before.operator.suspended).toBe(true);
    expect(recordsOf(before.emitted)).toEqual([row('a', 0, 1)]);
    const sections = before.snapshot();
    // After a rescale records may come before the watermark comes again; without one it comes first.
    for (const formerOwner of [undefined, ownerOf('a'), ownerOf('b')]) {
      const after = new Harness(aggregate(), formerOwner && { formerOwner }, sections);
      for (const k of ['a', 'b']) after.feed(keyed(7, k));
      after.feed(keyed(25, 'a'));
      const again = new Harness(aggregate(), formerOwner && { formerOwner }, after.snapshot());
      for (const item of [keyed(8, 'a'), { watermark: 20 }, { watermark: 30 }]) again.feed(item);
      expect([after.counters, again.counters]).toEqual([{ lateRecords: 2 }, { lateRecords: 1 }]);
      expect(recordsOf(again.emitted)).toEqual([row('b', 0, 1), row('a', 20, 1)]);
    }
  });

  describe('that were freed stay closed when a later run allows another lateness', () => {
    const lenient = (allowedLatenessMs: number) =>
      aggregate({ allowedLatenessMs, lateTag: undefined });
    const keyed = (time: number, k = 'a'): Item => ({ record: { k, n: 1 }, at: time, key: k });
    const freed = () => {
      const harness = new Harness(lenient(0));
      for (const time of [1, 2, 3, 4, 25]) harness.feed(keyed(time));
      harness.feed({ watermark: 20 });
      expect(recordsOf(harness.emitted)).toEqual([row('a', 0, 4)]);
      return harness.snapshot();
    };
    const late = (harness: Harness, ...items: readonly Item[]) => {
      for (const item of items) harness.feed(item);
      return harness.counters['lateRecords'] ?? 0;
    };

    it('more', () => {
      const harness = new Harness(lenient(60_000), {}, freed());
      // Both of windows that are over; the one of 10 was freed although it never held anything.
      expect(late(harness, keyed(5), keyed(5, 'b'), keyed(19))).toBe(3);
      // The one of 20 was open: from now on it is kept for as long as is allowed now.
      expect(late(harness, keyed(26), { watermark: 50_000 }, keyed(27), keyed(9))).toBe(4);
      expect(recordsOf(harness.emitted)).toEqual([row('a', 20, 2), row('a', 20, 3)]);
      expect(
        late(harness, { watermark: 60_028 }, keyed(28), { watermark: 60_029 }, keyed(29)),
      ).toBe(5);
    });

    it('more, and more again, and less than before', () => {
      let harness = new Harness(lenient(100), {}, freed());
      expect(late(harness, keyed(5), { watermark: 40 })).toBe(1);
      for (const allowedLatenessMs of [1_000, 50, 0]) {
        harness = new Harness(lenient(allowedLatenessMs), {}, harness.snapshot());
        // What lies ahead of time is not closed, however long lateness was.
        expect(late(harness, keyed(15), keyed(45))).toBe(1);
      }
      harness = new Harness(lenient(1_000), {}, harness.snapshot());
      expect(late(harness, keyed(35), keyed(29), keyed(45))).toBe(2);
    });

    it('more, on an instance that has taken over from others', () => {
      const other = new Harness(lenient(0));
      for (const item of [keyed(6, 'b'), { watermark: 3 }]) other.feed(item);
      const sections = [freed(), other.snapshot()].flatMap((some, instance) =>
        some.map((section) => ({ ...section, instance })),
      );
      let harness = new Harness(lenient(60_000), { formerOwner: ownerOf('a', 'b') }, sections);
      expect(late(harness, keyed(5), keyed(7, 'b'))).toBe(1);
      // The same in the next life, and when time has caught up with where it was.
      harness = new Harness(lenient(60_000), {}, harness.snapshot());
      expect(late(harness, { watermark: 20 }, keyed(5), keyed(8, 'b'))).toBe(1);
      expect(recordsOf(harness.emitted)).toEqual([row('b', 0, 2), row('b', 0, 3)]);
    });

    it('more, when the firing that freed them was cut in two', () => {
      const before = new Harness(lenient(0));
      for (const k of ['a', 'b']) before.feed(keyed(5, k));
      before.stingy = true;
      before.operator.onWatermark(20);
      expect(before.operator.suspended).toBe(true);
      const harness = new Harness(lenient(60_000), {}, before.snapshot());
      expect(late(harness, keyed(5, 'a'), keyed(5, 'b'), { watermark: 20 }, keyed(5, 'a'))).toBe(3);
      expect(recordsOf(harness.emitted)).toEqual([row('b', 0, 1)]);
    });

    it('less: what is over now is closed at once', () => {
      const before = new Harness(lenient(60_000));
      for (const item of [keyed(1), { watermark: 20 }, keyed(2)]) before.feed(item);
      const harness = new Harness(lenient(0), {}, before.snapshot());
      expect(late(harness, keyed(3), keyed(25))).toBe(1);
      expect(recordsOf(harness.emitted)).toEqual([]);
    });
  });

  it('agree with a plain model over any input', () => {
    const item = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(fc.integer({ min: 0, max: 200 }), fc.constantFrom('a', 'b', 'c'), fc.nat(9))
          .map(([time, k, n]) => at(time, k, n)),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.integer({ min: 0, max: 200 }), fc.nat(60))
          .map(([time, by]) => ({ ...at(time), behind: time + by })),
      },
      {
        weight: 1,
        arbitrary: fc.integer({ min: 0, max: 200 }).map((watermark) => ({ watermark })),
      },
    );
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 80 }),
        fc.constantFrom(7, 10, 64),
        fc.constantFrom(0, 5, 30),
        (list, size, allowedLatenessMs) => {
          const fed = [...list, end];
          const { emitted, counters } = runPlain(
            aggregate({ allowedLatenessMs, lateTag: undefined }, size),
            fed,
          );
          const expected = model(fed, size, allowedLatenessMs);
          expect(recordsOf(emitted).map((one) => one.record)).toEqual(expected.rows);
          expect(counters['lateRecords'] ?? 0).toBe(expected.late);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** The same arithmetic, with nothing clever about it. */
function model(list: readonly Item[], size: number, lateness: number) {
  const rows: unknown[] = [];
  const panes = new Map<number, Map<string, { n: number; total: number }>>();
  const fired = new Set<number>();
  let watermark = Number.NEGATIVE_INFINITY;
  let late = 0;
  const emit = (start: number, k: string): void => {
    rows.push({
      key: k,
      windowStart: start,
      windowEnd: start + size,
      ...panes.get(start)!.get(k)!,
    });
  };
  for (const one of list) {
    if ('watermark' in one) {
      watermark = Math.max(watermark, one.watermark);
      for (const start of [...panes.keys()].sort((a, b) => a - b)) {
        if (start + size - 1 > watermark) continue;
        if (!fired.has(start)) for (const k of panes.get(start)!.keys()) emit(start, k);
        fired.add(start);
        if (start + size - 1 + lateness <= watermark) panes.delete(start);
      }
      continue;
    }
    const { k, n } = one.record as Row;
    const start = Math.floor(one.at! / size) * size;
    if (start + size - 1 + lateness <= Math.max(watermark, one.behind ?? watermark)) {
      late += 1;
      continue;
    }
    const pane = panes.get(start) ?? new Map<string, { n: number; total: number }>();
    panes.set(start, pane);
    const before = pane.get(k) ?? { n: 0, total: 0 };
    pane.set(k, { n: before.n + 1, total: before.total + n });
    if (start + size - 1 <= watermark) {
      fired.add(start);
      emit(start, k);
    }
  }
  return { rows, late };
}

describe('windows of a stream without times', () => {
  type Rows = DataStream<Row>;
  const build = (fold: (rows: Rows) => { collect(name: string): unknown }) =>
    draw((env) => {
      fold(env.from(fromCollection<Row>([]))).collect('rows');
    });
  const keyed = (rows: Rows) => rows.map((record) => record).keyBy(key);
  const n = { n: count() };

  it.each<[string, (rows: Rows) => { collect(name: string): unknown }]>([
    ['tumbling', (rows) => keyed(rows).window(tumbling(10)).aggregate(n)],
    [
      'sliding',
      (rows) =>
        keyed(rows)
          .window(sliding({ sizeMs: 10, slideMs: 5 }))
          .aggregate(n),
    ],
    [
      'session',
      (rows) =>
        keyed(rows)
          .window(session({ gapMs: 10 }))
          .reduce((a) => a),
    ],
    [
      'calendar',
      (rows) =>
        keyed(rows)
          .window(calendar('day', { timeZone: 'UTC' }))
          .aggregate(n),
    ],
    [
      'process',
      (rows) =>
        keyed(rows)
          .window(tumbling(10))
          .process({ onWindow() {} }),
    ],
    [
      'a union',
      (rows) =>
        keyed(rows.union(rows.withTimestamps(() => 0)))
          .window(tumbling(10))
          .aggregate(n),
    ],
    ['windowAll', (rows) => rows.windowAll(tumbling(10)).aggregate(n)],
  ])('are refused when the graph is built: %s', (_, fold) => {
    const error = thrownBy(() => build(fold));
    expect(error.code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
    expect(error.message).toMatch(
      /^window(All)?\(…\) goes by event times, and the stream has none: its source, .*fromCollection.*, knows none/,
    );
  });

  it.each<[string, (rows: Rows) => { collect(name: string): unknown }]>([
    ['first(…)', (rows) => keyed(rows).aggregate({ f: first(({ k }) => k) })],
    [
      'last(…)',
      (rows) =>
        keyed(rows)
          .window(countWindow(2))
          .aggregate({ l: last(({ k }) => k) }),
    ],
    [
      "distinctBy(…, { by: 'time' })",
      (rows) => rows.distinctBy(key, { keep: 'last', by: 'time' }).asRecords(),
    ],
    ['distinctBy(…, { ttlMs })', (rows) => rows.distinctBy(key, { ttlMs: 5 })],
    [
      'process({ state: { seen: value({ ttlMs }) } })',
      (rows) =>
        keyed(rows).process({ state: { seen: value<number>({ ttlMs: 5 }) }, onElement() {} }),
    ],
  ])('nor is there what else goes by time: %s', (what, fold) => {
    const error = thrownBy(() => build(fold));
    expect(error.code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
    expect(error.message).toContain(`${what} goes by event times, and the stream has none`);
  });

  it('are taken where they need none', () => {
    // Who writes broadcast state gives records no times, and takes none.
    build((rows) =>
      keyed(rows.withTimestamps(() => 0))
        .connect(rows.broadcast({ rules: map<string, number>() }))
        .process({ onLeft: (row, _ctx, out: Output<Row>) => out.emit(row), onRight() {} })
        .keyBy(key)
        .aggregate({ l: last(({ k }) => k) }),
    );
    build((rows) => rows.distinctBy(key));
    build((rows) =>
      keyed(rows).process({
        state: { seen: value<number>({ ttlMs: 5, ttlTime: 'processing' }) },
        onElement() {},
      }),
    );
    build((rows) => keyed(rows).window(countWindow(2)).aggregate(n));
    build((rows) =>
      keyed(rows)
        .window(processingTime(tumbling(10)))
        .aggregate(n),
    );
    build((rows) => keyed(rows).window(globalWindow()).aggregate(n));
    build((rows) =>
      keyed(rows.withTimestamps(() => 0))
        .window(tumbling(10))
        .aggregate(n),
    );
  });
});
