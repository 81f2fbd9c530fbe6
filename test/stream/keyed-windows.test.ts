import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { discard, fromCollection } from '../../src/connectors/index.js';
import { count, sum } from '../../src/stream/api/aggregations.js';
import type { KeySelector } from '../../src/stream/api/key-selector.js';
import type { Output } from '../../src/stream/api/output.js';
import {
  countEvictor,
  countTrigger,
  deltaTrigger,
  type Evictor,
  eventTimeTrigger,
  processingTimeTrigger,
  purgingTrigger,
  type Timestamped,
  type Trigger,
  timeEvictor,
} from '../../src/stream/api/triggers.js';
import type { WindowContext } from '../../src/stream/api/window-process.js';
import {
  countWindow,
  cumulative,
  globalWindow,
  processingTime,
  session,
  sliding,
  tumbling,
  type WindowBounds,
  type WindowDefinition,
} from '../../src/stream/api/windows.js';
import type { Operator } from '../../src/stream/operator.js';
import {
  aggregateWindows,
  processWindows,
  reduceWindows,
  type WindowedInput,
} from '../../src/stream/operators/window-folds.js';
import { draw, source, thrownBy } from './graph-kit.js';
import {
  type Emitted,
  Harness,
  type Item,
  type KitOptions,
  recordsOf,
  runPlain,
  runRestoring,
  runStingy,
} from './operator-kit.js';
import { runIncremental, runRescaled } from './restore-kit.js';
import { plainSessions, program, type Visit } from './session-kit.js';

const byK = ((record: Visit) => record.k) as KeySelector;
const spec = { n: count(), total: sum((record: Visit) => record.n) };
const end: Item = { watermark: Number.POSITIVE_INFINITY };
const at = (time: number, n = 1, k = 'a'): Item => ({ record: { k, n }, at: time, key: k });
const untimed = (n: number, k = 'a'): Item => ({ record: { k, n }, key: k });

type More = Partial<Omit<WindowedInput, 'trigger' | 'evictor'>> & {
  readonly trigger?: Trigger<never> | Trigger<unknown>;
  readonly evictor?: Evictor<Visit>;
};

const inputOf = (window: WindowDefinition, more: More = {}): WindowedInput =>
  ({
    key: byK,
    window,
    allowedLatenessMs: 0,
    lateTag: undefined,
    trigger: undefined,
    evictor: undefined,
    isAll: false,
    ...more,
  }) as WindowedInput;

const aggregated = (window: WindowDefinition, more?: More): (() => Operator) =>
  aggregateWindows(inputOf(window, more), spec as never).create;

const reduced = (window: WindowDefinition, more?: More): (() => Operator) =>
  reduceWindows(
    inputOf(window, more),
    (before: Visit, one: Visit) => ({ ...before, n: before.n + one.n }),
    {},
  ).create;

interface Listed extends WindowBounds {
  readonly key: unknown;
  readonly all: readonly number[];
}

/** The numbers of a window's records, in the order in which they were given. */
const listed = (window: WindowDefinition, more?: More): (() => Operator) =>
  processWindows(inputOf(window, more), {
    onWindow(bounds, records, ctx, out) {
      const { key } = ctx as WindowContext<unknown>;
      const all = (records as Visit[]).map(({ n }) => n);
      (out as Output<Listed>).emit({ key, ...bounds, all });
    },
  }).create;

const lists = (emitted: readonly Emitted[]): readonly (readonly number[])[] =>
  recordsOf(emitted).map(({ record }) => (record as Listed).all);

/** Each key and window once, or the last of several. */
const last = (emitted: readonly Emitted[]): readonly string[] => {
  const found = new Map<string, string>();
  for (const { record } of recordsOf(emitted)) {
    const { key, windowStart, windowEnd, ...rest } = record as Listed;
    const name = `${typeof key} ${key} ${windowStart} ${windowEnd}`;
    const all = rest.all === undefined ? rest : { all: rest.all.toSorted((a, b) => a - b) };
    found.set(name, JSON.stringify(all));
  }
  return [...found].map(([name, text]) => `${name}: ${text}`).toSorted();
};

const WINDOWS = [
  tumbling(10),
  tumbling(7, { offsetMs: 3 }),
  sliding({ sizeMs: 10, slideMs: 4 }),
  sliding({ sizeMs: 4, slideMs: 6 }),
  cumulative({ sizeMs: 20, stepMs: 5 }),
] as const;

/** All windows that a time is in, by trying each. */
function boundsAt(window: (typeof WINDOWS)[number], time: number): readonly WindowBounds[] {
  const { offsetMs } = window;
  const everyMs = window.kind === 'sliding' ? window.slideMs : window.sizeMs;
  const found: WindowBounds[] = [];
  for (let windowStart = offsetMs - 50 * everyMs; windowStart <= time; windowStart += everyMs) {
    const stepMs = window.kind === 'cumulative' ? window.stepMs : window.sizeMs;
    for (let sizeMs = stepMs; sizeMs <= window.sizeMs; sizeMs += stepMs) {
      const windowEnd = windowStart + sizeMs;
      if (time < windowEnd) found.push({ windowStart, windowEnd });
    }
  }
  return found;
}

/** The same as `last` has it, by a plain loop. */
function plainly(
  window: (typeof WINDOWS)[number],
  items: readonly Item[],
  latenessMs: number,
): readonly string[] {
  let watermark = Number.NEGATIVE_INFINITY;
  const rows: { [name: string]: Listed & { readonly all: number[] } } = {};
  for (const item of items) {
    if ('watermark' in item) {
      watermark = item.watermark;
      continue;
    }
    const { k: key, n } = item.record as Visit;
    for (const bounds of boundsAt(window, item.at!)) {
      const closed = Math.max(watermark, item.behind ?? Number.NEGATIVE_INFINITY);
      if (bounds.windowEnd - 1 + latenessMs <= closed) continue;
      const name = `${typeof key} ${key} ${bounds.windowStart} ${bounds.windowEnd}`;
      rows[name] ??= { key, ...bounds, all: [] };
      rows[name].all.push(n);
    }
  }
  return last(Object.values(rows).map((record) => ({ record, at: 0 })));
}

describe('windows that are kept by key', () => {
  it.each(WINDOWS.filter(({ kind, sizeMs }) => kind !== 'sliding' || sizeMs < 5))(
    'have the rows and the counts of the faster operator: %o',
    (window) => {
      fc.assert(
        fc.property(program, fc.constantFrom(0, 6), (items, allowedLatenessMs) => {
          const fast = runPlain(aggregated(window, { allowedLatenessMs }), items);
          const create = aggregated(window, { allowedLatenessMs, trigger: eventTimeTrigger() });
          for (const run of [runPlain, runStingy, runRestoring]) {
            const { emitted, counters } = run(create, items);
            expect(last(emitted)).toEqual(last(fast.emitted));
            expect(recordsOf(emitted)).toHaveLength(recordsOf(fast.emitted).length);
            expect(counters).toEqual(fast.counters);
          }
        }),
        { numRuns: 40 },
      );
    },
  );

  it.each([0, 6])('give `process` all records, however it is interrupted: %s ms late', (late) => {
    let deltas = 0;
    const sizes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1 });
    const fates = fc.array(fc.nat(3), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(fc.constantFrom(...WINDOWS), program, sizes, fates, (window, items, s, f) => {
        const create = listed(window, { allowedLatenessMs: late });
        const expected = last(runPlain(create, items).emitted);
        for (const run of [runStingy, runRestoring]) {
          expect(last(run(create, items).emitted)).toEqual(expected);
        }
        expect(last(runRescaled(create, items, s))).toEqual(expected);
        const incremental = runIncremental(create, items, f);
        deltas += incremental.deltas;
        expect(last(incremental.emitted)).toEqual(expected);
        expect(expected).toEqual(plainly(window, items, late));
      }),
      { numRuns: 60 },
    );
    expect(deltas).toBeGreaterThan(50);
  });

  it('change nothing by a record on which a callback fails', () => {
    const failing: Trigger<Visit, number> = {
      onElement(record, ctx) {
        ctx.state.set((ctx.state.get() ?? 0) + 1);
        ctx.timers.eventTime(ctx.window.windowEnd - 1);
        if (record.n === 7) throw new Error('told to fail');
        return 'continue';
      },
      onTimer: () => 'fire',
    };
    fc.assert(
      fc.property(fc.constantFrom(...WINDOWS), program, (window, items) => {
        const harness = new Harness(listed(window, { trigger: failing as never }), {
          undoes: true,
        });
        for (const item of items) {
          try {
            harness.feed(item);
          } catch (error) {
            expect((error as Error).message).toBe('told to fail');
          }
        }
        const others = items.filter((one) => 'watermark' in one || (one.record as Visit).n !== 7);
        expect(last(harness.emitted)).toEqual(last(runPlain(listed(window), others).emitted));
      }),
      { numRuns: 100 },
    );
  });

  it('emit nothing for a record on which a later one of its windows fails', () => {
    let calls = 0;
    const trigger = countTrigger(1) as Trigger<unknown>;
    const { create } = processWindows(inputOf(sliding({ sizeMs: 20, slideMs: 10 }), { trigger }), {
      onWindow({ windowStart }, _records, _ctx, out) {
        calls += 1;
        if (calls === 2) throw new Error('told to fail');
        (out as Output<unknown>).emit(windowStart);
      },
    });
    const harness = new Harness(create, { undoes: true });
    expect(() => harness.feed(at(15, 1))).toThrow('told to fail');
    harness.feed({ watermark: 16 });
    harness.feed(at(17, 2));
    expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual([0, 10]);
  });

  it.each([false, true])(
    'keep the rows of a window when another fails in the same timer, full: %s',
    (stingy) => {
      const trigger: Trigger<unknown> = {
        onElement(_record, { timers }) {
          timers.eventTime(18);
          return 'continue';
        },
        onTimer(_time, { window }) {
          if (window.windowStart === 10) throw new Error('told to fail');
          return 'fire';
        },
      };
      const { create } = processWindows(
        inputOf(sliding({ sizeMs: 20, slideMs: 10 }), { trigger }),
        {
          onWindow({ windowStart }, _records, _ctx, out) {
            for (const row of ['a', 'b', 'c'])
              (out as Output<unknown>).emit(`${row} ${windowStart}`);
          },
        },
      );
      const rejected: unknown[] = [];
      const harness = new Harness(create, { undoes: true, reject: (what) => rejected.push(what) });
      harness.stingy = stingy;
      for (const item of [at(15), { watermark: 18 }]) harness.feed(item);
      expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual(['a 0', 'b 0', 'c 0']);
      expect(rejected).toEqual([{ key: 'a', windowStart: 10, windowEnd: 30 }]);
    },
  );

  it('leave nothing behind', () => {
    for (const window of [...WINDOWS, countWindow(2), countWindow(2, { partial: 'emit' })]) {
      const harness = new Harness(listed(window));
      for (const item of [at(3), at(9), { watermark: 1_000 }]) harness.feed(item);
      const cells = (all: ReturnType<Harness['snapshot']>) =>
        all.find(({ name }) => name === 'cells')!.bytes.length;
      expect(cells(harness.snapshot())).toBe(cells(new Harness(listed(window)).snapshot()));
    }
  });

  it('hand a callback its own copies, with key, bounds and watermark', () => {
    const seen: unknown[] = [];
    const create = processWindows(inputOf(tumbling(10), { allowedLatenessMs: 50 }), {
      onWindow(bounds, records, ctx, out) {
        seen.push([bounds, ctx]);
        for (const one of records as { n: number }[]) one.n += 100;
        (out as Output<unknown>).emit((records as Visit[]).map(({ n }) => n));
        (out as Output<unknown>).emit('and');
      },
    }).create;
    const { emitted } = runPlain(create, [
      at(1, 5),
      { watermark: 20 },
      { ...at(2, 6), behind: 20 },
    ]);
    expect(recordsOf(emitted)).toEqual([
      { record: [105], at: 9 },
      { record: 'and', at: 9 },
      { record: [105, 106], at: 9, behind: 20 },
      { record: 'and', at: 9, behind: 20 },
    ]);
    const bounds = { windowStart: 0, windowEnd: 10 };
    expect(seen).toEqual([
      [bounds, { key: 'a', watermark: 20 }],
      [bounds, { key: 'a', watermark: 20 }],
    ]);
  });

  it('tell of a callback that fails on a firing, and go on', () => {
    const rejected: unknown[] = [];
    const create = processWindows(inputOf(tumbling(10)), {
      onWindow({ windowStart }, _records, _ctx, out) {
        (out as Output<unknown>).emit(windowStart);
        if (windowStart === 10) throw new Error('ten');
      },
    }).create;
    const items = [at(1), at(11), at(21), end];
    const options: KitOptions = {
      reject: (what, time, error) => rejected.push([what, time, (error as Error).message]),
    };
    expect(recordsOf(runPlain(create, items, options).emitted).map(({ record }) => record)).toEqual(
      [0, 20],
    );
    expect(rejected).toEqual([[{ key: 'a', windowStart: 10, windowEnd: 20 }, 19, 'ten']]);
    expect(thrownBy(() => runPlain(create, items)).message).toBe('ten');
  });

  it('put records of sessions together for `process`', () => {
    fc.assert(
      fc.property(program, (items) => {
        const { rows } = plainSessions(items, 10, 0);
        for (const run of [runPlain, runRestoring]) {
          const { emitted } = run(listed(session({ gapMs: 10 })), items);
          const found = recordsOf(emitted).map(({ record }) => {
            const { key, windowStart, windowEnd, all } = record as Listed;
            const total = all.reduce((a, b) => a + b, 0);
            return { key, windowStart, windowEnd, n: all.length, total };
          });
          expect(found.toSorted(order)).toEqual(rows.toSorted(order));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('migrate the records that they hold', () => {
    const before = new Harness(listed(tumbling(10)));
    before.feed(at(1, 5));
    const create = processWindows(inputOf(tumbling(10)), {
      version: 2,
      migrate: ((one: Visit) => ({ ...one, n: one.n * 100 })) as never,
      onWindow: (_bounds, records, _ctx, out) => (out as Output<unknown>).emit(records),
    }).create;
    const after = new Harness(create, {}, before.snapshot());
    for (const item of [at(2, 6), end]) after.feed(item);
    expect(recordsOf(after.emitted).map(({ record }) => record)).toEqual([
      [
        { k: 'a', n: 500 },
        { k: 'a', n: 6 },
      ],
    ]);
  });
});

const order = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

describe('windows of a number of records', () => {
  const numbers = Array.from({ length: 11 }, (_, i) => i);

  it.each([1, 2, 3, 11, 12])('of %i are those of a plain loop, per key', (size) => {
    const items = numbers.flatMap((n) => [untimed(n), untimed(-n, 'b')]);
    const full = Math.floor(numbers.length / size);
    const expected = Array.from({ length: full }, (_, i) =>
      numbers.slice(i * size, (i + 1) * size),
    );
    for (const run of [runPlain, runStingy, runRestoring]) {
      const { emitted, counters } = run(listed(countWindow(size)), [...items, end]);
      const own = recordsOf(emitted).filter(({ record }) => (record as Listed).key === 'a');
      expect(lists(own)).toEqual(expected);
      const left = 2 * (numbers.length - full * size);
      expect(counters['recordsLeft'] ?? 0).toBe(left);
    }
  });

  it('give what is left at the end of the input, where that is wanted', () => {
    const create = listed(countWindow(4, { partial: 'emit' }));
    for (const run of [runPlain, runStingy, runRestoring]) {
      const { emitted, counters } = run(create, [...numbers.map((n) => untimed(n)), end]);
      expect(lists(emitted)).toEqual([numbers.slice(0, 4), numbers.slice(4, 8), numbers.slice(8)]);
      expect(counters).toEqual({});
    }
  });

  it('slide', () => {
    const items = [...numbers.map((n) => untimed(n)), end];
    const run = (size: number, slide: number, partial?: 'emit') =>
      runRestoring(listed(countWindow(size, { slide, partial })), items);
    expect(lists(run(3, 2).emitted)).toEqual([
      [0, 1],
      [1, 2, 3],
      [3, 4, 5],
      [5, 6, 7],
      [7, 8, 9],
    ]);
    expect(run(3, 2).counters).toEqual({ recordsLeft: 1 });
    expect(lists(run(3, 2, 'emit').emitted).at(-1)).toEqual([8, 9, 10]);
    expect(lists(run(2, 5).emitted)).toEqual([
      [3, 4],
      [8, 9],
    ]);
  });

  it('fold, into rows without bounds, at the time of the record that fills them', () => {
    const items = [at(5, 1), { ...at(3, 2), behind: 4 }, at(9, 4), end];
    expect(runPlain(aggregated(countWindow(2)), items).emitted).toEqual([
      { record: { key: 'a', n: 2, total: 3 }, at: 3, behind: 4 },
      end,
    ]);
    const reduce = reduceWindows(
      inputOf(countWindow(2, { slide: 1 })),
      ((a: Visit, b: Visit) => ({ k: a.k, n: a.n * 10 + b.n })) as never,
      {},
    );
    expect(
      recordsOf(runRestoring(reduce.create, items).emitted).map(({ record }) => record),
    ).toEqual([
      { k: 'a', n: 1 },
      { k: 'a', n: 12 },
      { k: 'a', n: 24 },
    ]);
  });
});

describe('triggers', () => {
  const of = (
    trigger: Trigger<never> | Trigger<unknown>,
    items: readonly Item[],
    more: More = {},
  ) => runRestoring(listed(tumbling(100), { trigger, ...more }), items);
  const five = [at(1, 1), at(2, 2), at(3, 3), at(4, 4), at(5, 5)];

  it('of a number of records fire with all that is there, or purge', () => {
    const counted = of(countTrigger(2), [...five, end]);
    expect(lists(counted.emitted)).toEqual([
      [1, 2],
      [1, 2, 3, 4],
    ]);
    expect(counted.counters).toEqual({ recordsLeft: 1 });
    const purged = of(purgingTrigger(countTrigger(2)), [...five, end]);
    expect(lists(purged.emitted)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(recordsOf(purged.emitted).map(({ at: time }) => time)).toEqual([99, 99]);
  });

  it('make a window over everything fire on its way', () => {
    const items = [untimed(1), untimed(2), untimed(3), end];
    const run = (trigger?: Trigger<unknown>) =>
      lists(runRestoring(listed(globalWindow(), trigger && { trigger }), items).emitted);
    expect(run()).toEqual([[1, 2, 3]]);
    expect(run(countTrigger(2))).toEqual([[1, 2]]);
    expect(run(eventTimeTrigger({ earlyCount: 2 }))).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it('of event time may fire early, and purge', () => {
    const early = of(eventTimeTrigger({ earlyCount: 2 }), [...five, end]);
    expect(lists(early.emitted)).toEqual([
      [1, 2],
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ]);
    const purged = of(purgingTrigger(eventTimeTrigger({ earlyCount: 2 })), [...five, end]);
    expect(lists(purged.emitted)).toEqual([[1, 2], [3, 4], [5]]);
    // Nothing is left at the end: it does not fire.
    const even = of(purgingTrigger(eventTimeTrigger({ earlyCount: 5 })), [...five, end]);
    expect(lists(even.emitted)).toEqual([[1, 2, 3, 4, 5]]);
  });

  it('fire again within the allowed lateness', () => {
    const items = [at(1, 1), { watermark: 99 }, at(2, 2), { watermark: 104 }, at(3, 3), end];
    const { emitted, counters } = of(eventTimeTrigger({ earlyCount: 9 }), items, {
      allowedLatenessMs: 5,
    });
    expect(lists(emitted)).toEqual([[1], [1, 2]]);
    expect(counters).toEqual({ lateRecords: 1 });
  });

  it('of a distance fire when a record is far enough', () => {
    const delta = deltaTrigger<Visit>({ threshold: 2, delta: (a, b) => Math.abs(b.n - a.n) });
    const items = [1, 2, 3, 4, 5, 7, 1].map((n, i) => at(i, n));
    const { emitted } = of(purgingTrigger(delta) as never, [...items, end]);
    expect(lists(emitted)).toEqual([[1, 2, 3, 4], [5, 7], [1]]);
  });

  it('of one’s own have state and timers, and answer as they like', () => {
    const own: Trigger<Visit, { seen: number }> = {
      onElement({ n }, { state, timers, window, key, records, timestamp, watermark }) {
        expect([key, window, watermark]).toEqual([
          'a',
          { windowStart: 0, windowEnd: 100 },
          Number.NEGATIVE_INFINITY,
        ]);
        expect(records).toBe(n);
        const seen = (state.get()?.seen ?? 0) + 1;
        state.set({ seen });
        timers.eventTime(timestamp + 10);
        if (seen > 1) timers.deleteEventTime(timestamp + 9);
        return 'continue';
      },
      onTimer: (time, { state, timestamp }, kind) => {
        expect([time, kind]).toEqual([timestamp, 'eventTime']);
        expect(state.get()).toEqual({ seen: 3 });
        return 'fireAndPurge';
      },
    };
    const items = [at(1, 1), at(2, 2), at(3, 3), { watermark: 12 }, { watermark: 13 }, end];
    expect(lists(of(own as never, items).emitted)).toEqual([[1, 2, 3]]);
    expect(recordsOf(of(own as never, items.slice(0, 4)).emitted)).toEqual([]);
  });

  it('are refused where they make no sense, and for wrong answers', () => {
    const wrong = { onElement: () => 'maybe' };
    expect(thrownBy(() => of(wrong as never, five)).code).toBe('ERR_HOLDFAST_USER_CODE');
    const windows = (window: WindowDefinition) =>
      draw((env) => {
        env
          .from(source<Visit>())
          .keyBy(({ k }) => k)
          .window(window)
          .trigger(countTrigger(2))
          .aggregate({ n: count() })
          .print();
      });
    windows(tumbling(10));
    windows(processingTime(session({ gapMs: 5 })));
    for (const window of [session({ gapMs: 5 }), countWindow(3)]) {
      const refused = thrownBy(() => windows(window));
      expect(refused).toMatchObject({ code: 'ERR_HOLDFAST_BAD_OPTION' });
      expect(refused.message).toContain('trigger(…)');
    }
    const bad: readonly (() => unknown)[] = [
      () => countTrigger(0),
      () => countTrigger(undefined as never),
      () => eventTimeTrigger({ earlyMs: 0 }),
      () => eventTimeTrigger({ earlyCount: 1.5 }),
      () => eventTimeTrigger({ early: 1 } as never),
      () => processingTimeTrigger({} as never),
      () => deltaTrigger({ threshold: Number.NaN, delta: () => 0 }),
      () => purgingTrigger(undefined as never),
      () => countEvictor(-1),
      () => timeEvictor(0),
      () => countWindow(0),
      () => countWindow(undefined as never),
      () => countWindow(2, { slide: 0 }),
      () => countWindow(2, { partial: 'maybe' as never }),
      () => processingTime(cumulative({ sizeMs: 10, stepMs: 5 }) as never),
      () => aggregated(countWindow(2), { allowedLatenessMs: 1 }),
      () => aggregated(processingTime(tumbling(5)), { lateTag: 'late' }),
      () => aggregated(session({ gapMs: 5 }), { evictor: countEvictor(2) }),
    ];
    for (const call of bad) expect(thrownBy(call).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });

  it('of a number of records go on with what they have counted, by the number of the new run', () => {
    const fired = (n: number) => {
      const harness = new Harness(listed(tumbling(100), { trigger: countTrigger(4) }));
      for (const time of [1, 2, 3]) harness.feed(at(time));
      const after = new Harness(
        listed(tumbling(100), { trigger: countTrigger(n) }),
        {},
        harness.snapshot(),
      );
      const records = [4, 5, 6].map((time) => {
        after.feed(at(time));
        return recordsOf(after.emitted).length;
      });
      return records;
    };
    expect(fired(4)).toEqual([1, 1, 1]);
    expect(fired(5)).toEqual([0, 1, 1]);
    expect(fired(2)).toEqual([1, 1, 2]);
  });

  it('stand in the layout of state', () => {
    const harness = new Harness(listed(tumbling(100), { trigger: countTrigger(2) }));
    harness.feed(at(1));
    const open = () =>
      new Harness(
        listed(tumbling(100), { trigger: purgingTrigger(countTrigger(2)) }),
        {},
        harness.snapshot(),
      );
    expect(thrownBy(open).code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
  });
});

describe('triggers that do not answer', () => {
  const run = (trigger: Partial<Trigger<Visit>>) =>
    thrownBy(() =>
      runPlain(listed(tumbling(10), { trigger: trigger as Trigger<unknown> }), [at(1), at(2), end]),
    );

  it.each([undefined, 'FIRE', 7])('answer %o to a timer', (answer) => {
    const error = run({
      onElement(_record, ctx) {
        ctx.timers.eventTime(5);
        return 'continue';
      },
      onTimer: () => answer as never,
    });
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
    expect(error.message).toContain('a trigger answered');
  });

  it.each(['eventTime', 'processingTime'] as const)(
    'set a timer of %s without an onTimer, also within a purging one',
    (kind) => {
      const silent: Trigger<Visit> = {
        onElement(_record, ctx) {
          ctx.timers[kind](5);
          return 'continue';
        },
      };
      for (const trigger of [silent, purgingTrigger(silent)]) {
        const error = run(trigger);
        expect(error).toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
        expect(error.message).toContain('Give it an onTimer');
      }
    },
  );

  it.each([Number.NaN, undefined, '1'])('tell %o as how far records are apart', (distance) => {
    const trigger = deltaTrigger<Visit>({ threshold: 1, delta: () => distance as never });
    expect(run(trigger)).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: expect.stringContaining('deltaTrigger({ delta }) gave'),
    });
  });
});

describe('what triggers leave', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000 }));
  afterEach(() => vi.useRealTimers());
  const five = [at(1, 1), at(2, 2), at(3, 3), at(4, 4), at(5, 5)];

  it.each([
    [
      'of a number of records',
      countTrigger(2),
      [
        [1, 2],
        [1, 2, 3, 4],
        [1, 2, 3, 4, 5],
      ],
    ],
    ['that purges', purgingTrigger(countTrigger(2)), [[1, 2], [3, 4], [5]]],
    [
      'of a distance',
      deltaTrigger<Visit>({ threshold: 9, delta: (a, b) => b.n - a.n }),
      [[1, 2, 3, 4, 5]],
    ],
    ['of event time, which leaves nothing', eventTimeTrigger(), [[1, 2, 3, 4, 5]]],
  ] as [string, Trigger<never>, number[][]][])(
    'is given where it is wanted: of one %s',
    (_, trigger, rows) => {
      for (const window of [globalWindow(), tumbling(100), processingTime(tumbling(100))]) {
        if (trigger.name === 'event-time' && window.kind === 'processing-time') continue;
        const create = listed(window, { trigger, partial: 'emit' });
        for (const run of [runPlain, runStingy, runRestoring]) {
          const { emitted, counters } = run(create, [...five, end]);
          expect([lists(emitted), counters]).toEqual([rows, {}]);
        }
        // A checkpoint of a run that did not ask for it, and the other way round.
        const left = (before: 'emit' | undefined, after: 'emit' | undefined) => {
          const first = new Harness(listed(window, { trigger, partial: before }));
          for (const item of five) first.feed(item);
          const second = new Harness(
            listed(window, { trigger, partial: after }),
            {},
            first.snapshot(),
          );
          second.feed(end);
          return [lists([...first.emitted, ...second.emitted]), second.counters['recordsLeft']];
        };
        expect(left(undefined, 'emit')).toEqual([rows, undefined]);
        if (trigger.name === 'event-time') continue;
        expect(left('emit', undefined)).toEqual([
          rows.slice(0, -1),
          trigger.name === 'delta' ? 5 : 1,
        ]);
      }
    },
  );

  it('is given as a window ends, and what is late as it closes', () => {
    const late = [
      at(1, 1),
      { watermark: 99 },
      at(2, 2),
      { watermark: 108 },
      at(3, 3),
      { watermark: 109 },
    ];
    for (const run of [runPlain, runStingy, runRestoring]) {
      const { emitted, counters } = run(
        listed(tumbling(100), {
          trigger: purgingTrigger(countTrigger(5)),
          partial: 'emit',
          allowedLatenessMs: 10,
        }),
        [...late, at(101, 4), end],
      );
      expect(lists(emitted)).toEqual([[1], [2, 3], [4]]);
      expect(recordsOf(emitted).map(({ at: time }) => time)).toEqual([99, 99, 199]);
      expect(counters).toEqual({});
    }
  });

  it('is given by the clock as the window closes', () => {
    const window = processingTime(tumbling(100));
    const harness = new Harness(
      listed(window, { trigger: purgingTrigger(countTrigger(2)), partial: 'emit' }),
    );
    for (const n of [1, 2, 3]) harness.feed(untimed(n));
    vi.setSystemTime(1_100);
    harness.settle();
    expect(lists(harness.emitted)).toEqual([[1, 2], [3]]);
    harness.feed(end);
    expect(harness.counters).toEqual({});
  });

  it('is nothing of a window over everything that was purged', () => {
    for (const partial of ['drop', 'emit'] as const) {
      for (const undoes of [false, true]) {
        const trigger = purgingTrigger(countTrigger(2));
        const create = aggregated(globalWindow(), { trigger, partial });
        const harness = new Harness(create, { undoes });
        const before = harness.snapshot();
        for (const k of ['a', 'b', 'c']) harness.feed(at(1, 1, k));
        expect(harness.snapshot()).not.toEqual(before);
        for (const k of ['a', 'b', 'c']) harness.feed(at(1, 1, k));
        expect(harness.snapshot()).toEqual(before);
        for (const item of [at(1, 1, 'a'), at(2, 2, 'a'), end]) harness.feed(item);
        expect(recordsOf(harness.emitted)).toHaveLength(4);
        expect(harness.counters).toEqual({});
      }
    }
  });

  it('is no argument of theirs', () => {
    const option = { partial: 'emit' } as never;
    for (const wrong of [
      () => countTrigger(2, option),
      () => purgingTrigger(countTrigger(2), option),
      () => deltaTrigger({ threshold: 1, delta: () => 1 }, option),
      () => eventTimeTrigger({}, option),
      () => processingTimeTrigger({ everyMs: 1 }, option),
      () => countEvictor(1, option),
      () => timeEvictor(1, option),
    ]) {
      expect(thrownBy(wrong)).toMatchObject({
        code: 'ERR_HOLDFAST_BAD_OPTION',
        message: expect.stringContaining('.trigger(trigger, { partial:'),
      });
    }
  });
});

describe('evictors', () => {
  const items = [at(1, 1), at(9, 2), at(4, 3), at(8, 4), end];
  const of = (evictor: Evictor<Visit>, trigger?: Trigger<unknown>) =>
    lists(
      runRestoring(listed(tumbling(10), { evictor, ...(trigger && { trigger }) }), items).emitted,
    );

  it('keep the last records, or the newest, and forget the others', () => {
    expect(of(countEvictor(3))).toEqual([[2, 3, 4]]);
    expect(of(timeEvictor(5))).toEqual([[2, 4]]);
    expect(of(timeEvictor(6))).toEqual([[2, 3, 4]]);
    expect(of(countEvictor(2), countTrigger(1))).toEqual([[1], [1, 2], [2, 3], [3, 4]]);
  });

  it('by time are refused where records have none', () => {
    const over = (items: Evictor<unknown>) => () =>
      draw((env) => {
        env
          .from(fromCollection([1]))
          .keyBy((n) => n)
          .window(globalWindow())
          .evictor(items)
          .aggregate({ n: count() })
          .sinkTo(discard());
      });
    expect(thrownBy(over(timeEvictor(5)))).toMatchObject({ code: 'ERR_HOLDFAST_NO_TIMESTAMP' });
    over(countEvictor(5))();
    // Of a source that may know times, only its records tell.
    const run = () =>
      runPlain(listed(globalWindow(), { evictor: timeEvictor(5) }), [untimed(1), end]);
    expect(thrownBy(run).message).toContain('timeEvictor(ms)');
  });

  it.each([
    ['aggregate', aggregated],
    ['reduce', reduced],
  ] as const)('neither come nor go with the state of a window that is there: %s', (_, windows) => {
    const trigger = countTrigger(9);
    const without = windows(tumbling(10), { trigger });
    const evicted = windows(tumbling(10), { trigger, evictor: countEvictor(2) });
    for (const [before, now, what] of [
      [without, evicted, /an evictor has come/],
      [evicted, without, /an evictor has gone/],
    ] as const) {
      const old = new Harness(before);
      old.feed(at(1));
      const error = thrownBy(() => new Harness(now, {}, old.snapshot()));
      expect(error).toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
      expect(error.message).toMatch(what);
    }
  });

  it('of one’s own may keep nothing, and then nothing fires', () => {
    const seen: unknown[] = [];
    const own: Evictor<Visit> = {
      keep(records, window) {
        seen.push([records.map(({ timestamp }) => timestamp), window]);
        return records.filter(({ record }) => record.n % 2 === 0);
      },
    };
    expect(of(own)).toEqual([[2, 4]]);
    expect(seen[0]).toEqual([[1, 9, 4, 8], { windowStart: 0, windowEnd: 10 }]);
    expect(of({ keep: () => [] })).toEqual([]);
    const foreign = {
      keep: (): readonly Timestamped<Visit>[] => [{ record: { k: 'a', n: 1 }, timestamp: 0 }],
    };
    expect(thrownBy(() => of(foreign)).message).toMatch(/not given/);
    expect(thrownBy(() => of({ keep: () => undefined as never })).message).toMatch(/an array/);
  });

  it('stand before a fold', () => {
    const { create } = aggregateWindows(
      inputOf(tumbling(10), { evictor: countEvictor(2) }),
      spec as never,
    );
    const { emitted } = runRestoring(create, items);
    expect(recordsOf(emitted).map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 10, n: 2, total: 7 },
    ]);
  });
});

describe('windows of the clock', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000 }));
  afterEach(() => vi.useRealTimers());

  const tick = (harness: Harness, ms: number) => {
    vi.setSystemTime(1_000 + ms);
    harness.settle();
  };

  it('hold what is processed in them, and fire when the clock has reached their end', () => {
    const harness = new Harness(listed(processingTime(tumbling(100))));
    harness.feed(untimed(1));
    tick(harness, 40);
    harness.feed(untimed(2));
    tick(harness, 99);
    expect(harness.emitted).toEqual([]);
    tick(harness, 100);
    harness.feed(untimed(3));
    expect(recordsOf(harness.emitted)).toEqual([
      { record: { key: 'a', windowStart: 1_000, windowEnd: 1_100, all: [1, 2] }, at: Number.NaN },
    ]);
    const restored = new Harness(listed(processingTime(tumbling(100))), {}, harness.snapshot());
    tick(restored, 500);
    expect(lists(restored.emitted)).toEqual([[3]]);
    restored.feed(end);
    expect(restored.counters).toEqual({});
  });

  it('may be sessions, which grow', () => {
    const harness = new Harness(listed(processingTime(session({ gapMs: 100 }))));
    for (const [ms, n] of [
      [0, 1],
      [60, 2],
      [160, 3],
    ] as const) {
      tick(harness, ms);
      harness.feed(untimed(n));
    }
    tick(harness, 260);
    expect(harness.emitted).toEqual([]);
    tick(harness, 261);
    expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: 1_000, windowEnd: 1_260, all: [1, 2, 3] },
    ]);
    harness.feed(untimed(4));
    tick(harness, 1_000);
    expect(lists(harness.emitted)).toEqual([[1, 2, 3], [4]]);
  });

  it('may slide, and be folded', () => {
    const window = processingTime(sliding({ sizeMs: 100, slideMs: 50 }));
    const harness = new Harness(aggregated(window));
    harness.feed(untimed(5));
    tick(harness, 60);
    harness.feed(untimed(7));
    tick(harness, 1_000);
    expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: 950, windowEnd: 1_050, n: 1, total: 5 },
      { key: 'a', windowStart: 1_000, windowEnd: 1_100, n: 2, total: 12 },
      { key: 'a', windowStart: 1_050, windowEnd: 1_150, n: 1, total: 7 },
    ]);
  });

  it('that are open at the end of the input are told of, or make rows', () => {
    const window = tumbling(100);
    const dropped = new Harness(listed(processingTime(window)));
    for (const item of [untimed(1), untimed(2), untimed(3, 'b'), end]) dropped.feed(item);
    expect(dropped.counters).toEqual({ timersLeft: 2, recordsLeft: 3 });
    expect(recordsOf(dropped.emitted)).toEqual([]);
    const emitting = () => new Harness(listed(processingTime(window, { partial: 'emit' })));
    const kept = emitting();
    for (const item of [untimed(1), untimed(2), untimed(3, 'b'), end]) kept.feed(item);
    expect(lists(kept.emitted)).toEqual([[1, 2], [3]]);
    expect(kept.counters).toEqual({});
    const fired = emitting();
    fired.feed(untimed(1));
    tick(fired, 100);
    fired.feed(end);
    expect(lists(fired.emitted)).toEqual([[1]]);
    expect(fired.counters).toEqual({});
  });

  it('make windows of event time fire early, where something is new', () => {
    const harness = new Harness(
      listed(tumbling(100), { trigger: processingTimeTrigger({ everyMs: 50 }) }),
    );
    harness.feed(at(1, 1));
    tick(harness, 49);
    expect(harness.emitted).toEqual([]);
    tick(harness, 50);
    expect(lists(harness.emitted)).toEqual([[1]]);
    tick(harness, 200);
    harness.feed(at(2, 2));
    harness.feed(at(3, 3));
    tick(harness, 250);
    harness.feed(end);
    expect(lists(harness.emitted)).toEqual([[1], [1, 2, 3], [1, 2, 3]]);
  });
});
