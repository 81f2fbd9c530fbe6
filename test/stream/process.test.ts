import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { sum } from '../../src/stream/api/aggregations.js';
import { aggregating, list, map, reducing, value } from '../../src/stream/api/state-specs.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import type { OperatorContext, RestoredSection } from '../../src/stream/operator.js';
import { TimerQueue } from '../../src/stream/operators/timer-queue.js';
import { KeyedState } from '../../src/stream/state/keyed-state.js';
import { thrownBy } from './graph-kit.js';
import {
  type Emitted,
  Harness,
  type Item,
  KEY_GROUPS,
  recordsOf,
  runPlain,
  runRestoring,
  runStingy,
  sectionsOf,
} from './operator-kit.js';
import { at, byKey, end, obey, obeyFor, of, plainly, program, shown } from './process-kit.js';
import { runIncremental, runRescaled } from './restore-kit.js';

describe('process', () => {
  it.each([undefined, 1, 7])(
    'does what a plain loop does, however it is interrupted; state is there for %s ms',
    (ttlMs) => {
      const create = obeyFor(ttlMs);
      fc.assert(
        fc.property(program, (items) => {
          const expected = plainly(items, ttlMs);
          expect(byKey(runPlain(create, items).emitted)).toEqual(expected);
          expect(byKey(runStingy(create, items).emitted)).toEqual(expected);
          expect(byKey(runRestoring(create, items).emitted)).toEqual(expected);
        }),
        { numRuns: 120 },
      );
    },
  );

  it('does so at any parallelism, with a snapshot in the midst of each firing, and with another owner then', () => {
    fc.assert(
      fc.property(
        program,
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1 }),
        (items, sizes) => {
          expect(byKey(runRescaled(obey, items, sizes))).toEqual(plainly(items));
          const short = runRescaled(obeyFor(5), items, sizes);
          expect(byKey(short)).toEqual(plainly(items, 5));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('does so with snapshots that build on others, of which some fail', () => {
    let deltas = 0;
    fc.assert(
      fc.property(
        program,
        fc.array(fc.nat(3), { minLength: 40, maxLength: 40 }),
        (items, fates) => {
          const run = runIncremental(obey, items, fates);
          deltas += run.deltas;
          expect(byKey(run.emitted)).toEqual(plainly(items));
        },
      ),
      { numRuns: 100 },
    );
    expect(deltas).toBeGreaterThan(100);
  });

  it('gives records the time and mark of their record, or the time of their timer', () => {
    const create = of({
      onElement(_record, ctx, out) {
        ctx.timers.eventTime(ctx.timestamp + 5);
        out.emit('e1');
        out.emit('e2');
      },
      onTimer: (time, ctx, out) => out.emit(`t${time} ${ctx.timestamp}`),
    });
    const { emitted } = runPlain(create, [{ ...at(3), behind: 7 }, end]);
    expect(emitted).toEqual([
      { record: 'e1', at: 3, behind: 7 },
      { record: 'e2', at: 3, behind: 7 },
      { record: 't8 8', at: 8 },
      end,
    ]);
  });

  it('emits what a record was when it was emitted', () => {
    class Own {}
    const own = new Own();
    const emit = of({
      onElement(_record, _ctx, out) {
        const row = { n: 0, list: [0] };
        for (row.n = 1; row.n <= 2; row.n += 1) {
          row.list[0] = row.n;
          out.emit(row);
        }
        out.emit(own); // Cannot be copied.
        row.n = 9;
      },
    });
    const emitted = (records: RecordsMode) => {
      const harness = new Harness(emit, { records });
      harness.stingy = true;
      harness.feed(at(0));
      return recordsOf(harness.emitted).map(({ record }) => record);
    };
    const copies = emitted('checked');
    expect(copies).toEqual([{ n: 1, list: [1] }, { n: 2, list: [2] }, own]);
    expect(copies[2]).toBe(own);
    const [row, again] = emitted('trusted');
    expect(again).toBe(row);
    expect(() => emitted('frozen')).toThrow(TypeError);
  });

  it('fires timers in the order of time across keys, each once, and then tells the watermark', () => {
    const create = of({
      onElement(record, ctx) {
        ctx.timers.eventTime(record.n!);
        ctx.timers.eventTime(record.n!);
      },
      onTimer: (_time, ctx, out) => out.emit(ctx.key),
    });
    const items = [at(0, 'a', { n: 30 }), at(0, 'b', { n: 10 }), at(0, 'c', { n: 20 })];
    for (const run of [runPlain, runStingy]) {
      const { emitted } = run(create, [...items, at(0, 'a', { n: 15 }), { watermark: 20 }, end]);
      expect(emitted).toEqual([
        { record: 'b', at: 10 },
        { record: 'a', at: 15 },
        { record: 'c', at: 20 },
        { watermark: 20 },
        { record: 'a', at: 30 },
        end,
      ]);
    }
  });

  it('fires a timer that is set behind the watermark at once, after the callback', () => {
    const create = of({
      onElement(_record, ctx, out) {
        ctx.timers.eventTime(50);
        ctx.timers.eventTime(49);
        ctx.timers.eventTime(51);
        out.emit('element');
      },
      onTimer: (time, _ctx, out) => out.emit(`timer ${time}`),
    });
    const { emitted } = runPlain(create, [{ watermark: 50 }, at(60), at(61, 'b')]);
    expect(shown(emitted)).toEqual([
      'element at 60',
      'timer 49 at 49',
      'timer 50 at 50',
      'element at 61',
      'timer 49 at 49',
      'timer 50 at 50',
    ]);
  });

  it('does not fire what was taken back, and fires once what was set again', () => {
    const create = of({
      onElement({ n }, ctx) {
        ctx.timers.eventTime(10);
        ctx.timers.eventTime(20);
        ctx.timers.deleteEventTime(10);
        ctx.timers.deleteEventTime(20);
        ctx.timers.deleteEventTime(30);
        if (n === 1) ctx.timers.eventTime(20);
      },
      onTimer: (time, ctx, out) => out.emit(`${ctx.key} ${time}`),
    });
    const { emitted } = runRestoring(create, [at(0, 'a', { n: 1 }), at(0, 'b'), end]);
    expect(shown(emitted)).toEqual(['a 20 at 20']);
  });

  it('keeps no more entries of timers than a few times those that are set', () => {
    const context = contextOf();
    const description = { section: 'cells', layout: '', migrates: [] };
    const state = new KeyedState(context, [], { description, slots: 2, evolve: () => thrown });
    const timers = new TimerQueue(state, 0, () => false);
    const silence = 600;
    for (let i = 0; i < 50_000; i += 1) {
      const k = `k${i % 3}`;
      state.begin(k, k, keyGroupOf(k, KEY_GROUPS));
      timers.delete(i - 3 + silence);
      timers.set(i + silence);
      // The same again: an entry more, but no timer.
      timers.delete(i + silence);
      timers.set(i + silence);
      state.end();
      if (timers.entries > 1_100) throw new Error(`${timers.entries} entries after ${i} records`);
    }
    const fired: string[] = [];
    for (let timer = timers.next(Infinity); timer !== undefined; timer = timers.next(Infinity)) {
      timers.fires(timer);
      fired.push(`${String(state.key)} ${timer.time}`);
      state.end();
    }
    expect(fired).toEqual(['k2 50597', 'k0 50598', 'k1 50599']);
  });

  it('tells the watermark, and how it stands at the end', () => {
    const create = of({
      onElement: (_record, ctx, out) => out.emit(ctx.watermark),
      onTimer: (_time, ctx, out) => {
        ctx.timers.eventTime(1_000);
        out.emit(ctx.watermark);
      },
    });
    const { emitted } = runPlain(create, [at(0), { watermark: 5 }, at(9), end]);
    expect(shown(emitted)).toEqual(['-Infinity at 0', '5 at 9']);
  });
});

describe('timers of the clock', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000 }));
  afterEach(() => vi.useRealTimers());

  const create = of({
    onElement({ n }, { timers }) {
      timers.processingTime(n!);
      timers.processingTime(n!);
      timers.processingTime(5_000);
      timers.deleteProcessingTime(5_000);
    },
    onTimer(time, ctx, out) {
      out.emit(`${ctx.key} ${ctx.timerKind} ${time} at ${Date.now()}`);
      if (time === 1_700) ctx.timers.eventTime(4);
      if (time === 1_700) ctx.timers.eventTime(5);
    },
  });
  const records = [at(0, 'a', { n: 1_500 }), at(0, 'b', { n: 1_700 }), at(0, 'c', { n: 1_600 })];

  it('fire when the input rests and the clock is there, in the order of time', () => {
    const harness = new Harness(create);
    for (const item of [...records, { watermark: 4 }]) harness.feed(item);
    expect(harness.operator.dueMs! - performance.now()).toBe(500);
    vi.setSystemTime(1_499);
    harness.settle();
    expect(shown(harness.emitted)).toEqual([]);
    vi.setSystemTime(1_600);
    expect(harness.operator.dueMs! - performance.now()).toBe(-100);
    harness.feed(at(0, 'd', { n: 1_000 }));
    harness.feed({ watermark: 4 });
    expect(shown(harness.emitted)).toEqual([]);
    harness.settle();
    expect(shown(harness.emitted)).toEqual([
      'd processingTime 1000 at 1600 at NaN',
      'a processingTime 1500 at 1600 at NaN',
      'c processingTime 1600 at 1600 at NaN',
    ]);
    vi.setSystemTime(2_000);
    harness.emitted.length = 0;
    harness.settle();
    expect(shown(harness.emitted)).toEqual([
      'b processingTime 1700 at 2000 at NaN',
      'b eventTime 4 at 2000 at 4',
    ]);
    // Of the timer that was taken back an entry is left.
    vi.setSystemTime(5_000);
    harness.settle();
    expect(harness.emitted).toHaveLength(2);
    expect(harness.operator.dueMs).toBeUndefined();
  });

  it('come back from a snapshot, in the midst of a firing as well', () => {
    let harness = new Harness(create);
    for (const item of records) harness.feed(item);
    vi.setSystemTime(2_000);
    const fired: Emitted[] = [];
    for (let i = 0; i < 3; i += 1) {
      harness = new Harness(create, {}, harness.snapshot());
      harness.stingy = true;
      harness.operator.settle?.();
      expect(harness.operator.divisible).toBe(true);
      fired.push(...harness.emitted);
    }
    expect(shown(fired).map((text) => text.slice(0, 21))).toEqual([
      'a processingTime 1500',
      'c processingTime 1600',
      'b processingTime 1700',
    ]);
  });

  it('are counted when the input ends before them', () => {
    const { emitted, counters } = runRestoring(create, [...records, end, end]);
    expect(shown(emitted)).toEqual([]);
    expect(counters).toEqual({ timersLeft: 3 });
    expect(runPlain(create, [end]).counters).toEqual({});
  });

  it.each([[false], [true]])(
    'that are left fire at the end of the input where that is wanted, failures put aside: %s',
    (undoes) => {
      const flushing = of({
        timersLeft: 'fire',
        state: { seen: value<number>({ ttlMs: 10 }), n: value<number>() },
        onElement({ n }, { timers, state }) {
          state.seen.set(n!);
          timers.processingTime(n!);
          timers.eventTime(n!);
        },
        onTimer(time, ctx, out) {
          const { seen, n } = ctx.state;
          n.update((before = 0) => before + 1);
          out.emit(`${ctx.key} ${ctx.timerKind} ${time} ${ctx.watermark} ${seen.get()} ${n.get()}`);
          if (ctx.timerKind === 'eventTime' || time !== 1_600) return;
          ctx.timers.processingTime(1_650);
          ctx.timers.processingTime(1_800);
          ctx.timers.eventTime(7);
        },
      });
      const expected = [
        'a eventTime 1500 Infinity undefined 1 at 1500',
        'c eventTime 1600 Infinity undefined 1 at 1600',
        'b eventTime 1700 Infinity undefined 1 at 1700',
        'a processingTime 1500 Infinity 1500 2 at NaN',
        'c processingTime 1600 Infinity 1600 2 at NaN',
        'c eventTime 7 Infinity 1600 3 at 7',
        'c processingTime 1650 Infinity 1600 4 at NaN',
        'b processingTime 1700 Infinity 1700 2 at NaN',
        'c processingTime 1800 Infinity 1600 5 at NaN',
      ];
      const items = [...records, { watermark: 4 }, end, end];
      for (const run of [runPlain, runStingy, runRestoring]) {
        const { emitted, counters } = run(flushing, items, { undoes });
        expect(shown(emitted)).toEqual(expected);
        expect(counters).toEqual({});
        // The end is told behind them.
        expect(
          emitted.findIndex(
            (one) => 'watermark' in one && one.watermark === Number.POSITIVE_INFINITY,
          ),
        ).toBe(emitted.findLastIndex((one) => 'record' in one) + 1);
      }
      // A snapshot behind each firing.
      let harness = new Harness(flushing, { undoes });
      for (const item of items.slice(0, -2)) harness.feed(item);
      const fired: Emitted[] = [];
      harness.stingy = true;
      harness.operator.onWatermark(Number.POSITIVE_INFINITY);
      while (harness.operator.suspended === true) {
        expect(harness.operator.divisible).toBe(true);
        fired.push(...harness.emitted);
        harness = new Harness(flushing, { undoes }, harness.snapshot());
        harness.stingy = true;
        harness.operator.resume?.();
      }
      expect(shown([...fired, ...harness.emitted])).toEqual(expected);
    },
  );

  it('have no event time', () => {
    const asking = of({
      onElement: (_record, { timers }) => timers.processingTime(0),
      onTimer: (_time, { timestamp }, out) => out.emit(timestamp),
    });
    const error = thrownBy(() => runPlain(asking, [at(0)]));
    expect([error.code, /timer of the clock/.test(error.message)]).toEqual([
      'ERR_HOLDFAST_NO_TIMESTAMP',
      true,
    ]);
  });
});

describe('process after a restore', () => {
  it('goes on with other states, migrated ones, and with timers', () => {
    const before = of({
      state: {
        n: value<number>({ ttlMs: 99 }),
        all: list<number>({ ttlMs: 99 }),
        by: map<string, number>({ ttlMs: 99 }),
        gone: value<string>(),
        most: reducing<number>(Math.max),
        sum: aggregating(sum(() => 5)),
        own: aggregating(aggregation({ initial: () => 1, add: (n) => n + 1 })),
      },
      onElement(_record, { state, timers }) {
        state.n.set(1);
        state.all.add(1);
        state.all.add(2);
        state.by.set('x', 3);
        state.gone.set('gone');
        state.most.add(4);
        state.sum.add(0);
        state.own.add(0);
        timers.eventTime(10);
      },
      onTimer() {},
    });
    const text = { version: 2, migrate: (old: number, from: number) => `${from}:${old}` };
    const now = of({
      state: {
        by: map<string, string>({ ...text, ttlMs: 20 }),
        all: list<string>({ ...text, ttlMs: 20 }),
        more: value<number>(),
        n: value<string>({ ...text, ttlMs: 20 }),
        most: reducing<string>((a) => a, text),
        sum: aggregating(sum(() => 5)),
        own: aggregating(aggregation({ initial: () => '', add: (old) => old, ...text })),
      },
      onElement() {},
      onTimer(_time, { state: { by, all, more, n, most, sum: total, own } }, out) {
        out.emit(JSON.stringify([n.get(), all.values(), [...by.entries()], more.get() ?? null]));
        out.emit(JSON.stringify([most.get(), total.get(), own.get()]));
      },
    });
    const old = new Harness(before);
    old.feed(at(0));
    const harness = new Harness(now, {}, old.snapshot());
    harness.feed(end);
    expect(shown(harness.emitted)).toEqual([
      '["1:1",["1:1","1:2"],[["x","1:3"]],null] at 10',
      '["1:4",5,"1:2"] at 10',
    ]);
  });

  it('goes on with more states than one, and with one again', () => {
    const one = of({
      state: { n: value<number>() },
      onElement: (_record, { state: { n } }, out) => {
        n.set((n.get() ?? 0) + 1);
        out.emit(n.get());
      },
    });
    const two = of({
      state: { more: value<string>(), n: value<number>() },
      onElement: (_record, { state: { more, n } }, out) => {
        n.set((n.get() ?? 0) + 1);
        more.set(`${more.get() ?? ''}x`);
        out.emit(`${n.get()} ${more.get()}`);
      },
    });
    let sections: RestoredSection[] = [];
    const emitted: Emitted[] = [];
    for (const create of [one, two, two, one, two]) {
      const harness = new Harness(create, {}, sections);
      harness.feed(at(0));
      emitted.push(...harness.emitted);
      sections = harness.snapshot();
    }
    expect(shown(emitted)).toEqual(['1 at 0', '2 x at 0', '3 xx at 0', '4 at 0', '5 x at 0']);
  });

  it('refuses state of another kind under the same name', () => {
    const old = new Harness(
      of({ state: { n: value<number>() }, onElement: (_r, ctx) => ctx.state.n.set(1) }),
    );
    old.feed(at(0));
    const now = of({ state: { n: list<number>() }, onElement() {} });
    expect(thrownBy(() => new Harness(now, {}, old.snapshot()))).toMatchObject({
      code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
      message: expect.stringContaining("'n' was value and is list now"),
    });
  });

  it('remembers of each key group how far time had come for it', () => {
    const create = of({
      onElement({ k }, { timers, watermark }, out) {
        out.emit(`${k} at ${watermark}`);
        timers.eventTime(70);
      },
      onTimer: (time, { key, watermark }, out) =>
        out.emit(`timer of ${key} at ${watermark}: ${time}`),
    });
    // Until then each had an instance of its own, and one of these was further.
    const sections = ['a', 'b'].flatMap((_, instance) => {
      const harness = new Harness(create, { instance });
      harness.feed({ watermark: instance === 0 ? 50 : 100 });
      return sectionsOf(harness.operator.capture!(1)!, instance);
    });
    const groupOfA = keyGroupOf('a', KEY_GROUPS);
    const formerOwner = (group: number) => (group === groupOfA ? 0 : 1);
    const run = (items: readonly Item[]) => {
      const harness = new Harness(create, { formerOwner }, sections);
      for (const item of items) harness.feed(item);
      return harness.emitted;
    };
    const items = [at(60, 'a'), at(60, 'b'), { watermark: 69 }, { watermark: 100 }, at(101, 'b')];
    const emitted = run(items);
    expect(emitted.map((one) => ('record' in one ? one.record : one.watermark))).toEqual([
      'a at 50',
      'b at 100',
      'timer of b at 100: 70',
      69,
      'timer of a at 100: 70',
      100,
      'b at 100',
      'timer of b at 100: 70',
    ]);
  });

  it('fires what a firing has left first, though another watermark comes', () => {
    const create = of({
      onElement: ({ n }, { timers }, out) => {
        out.emit('element');
        if (n !== undefined) timers.eventTime(n);
      },
      onTimer: (time, _ctx, out) => out.emit(`timer ${time}`),
    });
    const old = new Harness(create);
    for (const n of [10, 20, 30]) old.feed(at(0, 'a', { n }));
    old.emitted.length = 0;
    old.stingy = true;
    old.operator.onWatermark(25);
    expect([old.operator.suspended, old.operator.divisible]).toEqual([true, true]);
    expect(shown(old.emitted)).toEqual(['timer 10 at 10']);
    const now = new Harness(create, {}, old.snapshot());
    expect([now.operator.suspended, now.operator.divisible]).toEqual([true, true]);
    now.feed(at(26, 'a'));
    now.feed({ watermark: 30 });
    expect(now.emitted.map((one) => ('record' in one ? one.record : one.watermark))).toEqual([
      'timer 20',
      'element',
      'timer 30',
      30,
    ]);
  });

  it('is not idle before its timers have fired', () => {
    const create = of({
      onElement: (_record, { timers }) => {
        timers.eventTime(1);
        timers.eventTime(2);
      },
      onTimer: (time, _ctx, out) => out.emit(time),
    });
    const harness = new Harness(create);
    harness.feed(at(0));
    harness.stingy = true;
    harness.operator.onWatermark(20);
    harness.operator.onIdle?.(false);
    expect(harness.time).toEqual([]);
    harness.drain();
    expect(shown(harness.emitted)).toEqual(['1 at 1', '2 at 2']);
    expect(harness.time).toEqual([20, 'idle']);
  });
});

function contextOf(): OperatorContext {
  return {
    operator: 'under-test',
    instance: 0,
    parallelism: 1,
    keyGroups: KEY_GROUPS,
    ownsGroup: () => true,
    turn: { pause: false },
    output: { onElement() {}, onWatermark() {} },
    side: () => undefined,
    alive() {},
    count() {},
    pause() {},
    wake() {},
    fail() {},
  };
}

function thrown(): never {
  throw new Error('nothing evolves here');
}
