/** What callbacks of process may do with state, and what is refused. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { average, count, sum } from '../../src/stream/api/aggregations.js';
import type { KeyedStream } from '../../src/stream/api/data-stream.js';
import type { Output } from '../../src/stream/api/output.js';
import type { ProcessContext, StateSpecs } from '../../src/stream/api/process.js';
import { aggregating, list, map, reducing, value } from '../../src/stream/api/state-specs.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import { draw, source, thrownBy } from './graph-kit.js';
import { Harness, type Item, runPlain, runRestoring, runStingy } from './operator-kit.js';
import { at, byKey, end, failingProgram, obeyFor, of, plainly, shown } from './process-kit.js';

describe('state in process', () => {
  const record = at(0);
  /** Runs one callback, and gives what it throws. */
  const thrownIn = <S extends StateSpecs>(
    state: S,
    use: (ctx: ProcessContext<S, string>, out: Output<unknown>) => unknown,
  ) => {
    const harness = new Harness(
      of({ state, onElement: (_, ctx, out) => use(ctx, out) as undefined, onTimer() {} }),
    );
    return thrownBy(() => harness.feed(record));
  };

  it('is not changed by who has given it or got it', () => {
    const given = { list: [1] };
    const create = of({
      state: {
        one: value<typeof given>(),
        many: list<typeof given>(),
        by: map<string, typeof given>(),
      },
      onElement(_record, { state: { one, many, by } }, out) {
        if (one.get() === undefined) {
          one.set(given);
          many.add(given);
          by.set('x', given);
          given.list.push(2);
        }
        const got = [
          one.get()!,
          ...many.values(),
          by.get('x')!,
          ...[...by.entries()].map(([, v]) => v),
        ];
        out.emit(JSON.stringify(got));
        for (const each of got) each.list.push(3);
      },
    });
    const { emitted } = runPlain(create, [record, record]);
    const text = JSON.stringify(Array.from({ length: 4 }, () => ({ list: [1] })));
    expect(shown(emitted)).toEqual([`${text} at 0`, `${text} at 0`]);
  });

  it('keeps keys apart, and tells nothing from null', () => {
    const create = of({
      state: { seen: value<null>(), by: map<string | null, null>() },
      onElement(_record, { state: { seen, by } }, out) {
        out.emit([seen.get(), by.get(null), by.has(null), by.delete('y')].join());
        seen.set(null);
        by.set(null, null);
      },
    });
    const { emitted } = runPlain(create, [at(0, 'a'), at(1, 'a'), at(2, 'b')]);
    expect(shown(emitted)).toEqual([
      ',,false,false at 0',
      ',,true,false at 1',
      ',,false,false at 2',
    ]);
  });

  it('leaves nothing of a key without state', () => {
    const create = of({
      state: { n: value<number>(), all: list<number>(), by: map<string, number>() },
      onElement({ n }, ctx) {
        const { state, timers } = ctx;
        if (n === 0) {
          state.n.clear();
          state.all.clear();
          state.by.delete('x');
          timers.deleteEventTime(9);
          return;
        }
        state.n.set(1);
        state.all.add(1);
        state.by.set('x', 1);
        timers.eventTime(9);
      },
      onTimer() {},
    });
    const empty = new Harness(create).snapshot();
    const harness = new Harness(create);
    for (const k of ['a', 'b']) harness.feed(at(0, k, { n: 1 }));
    const full = harness.snapshot();
    for (const k of ['a', 'b']) harness.feed(at(0, k, { n: 0 }));
    expect(harness.snapshot()).toEqual(empty);
    expect(full).not.toEqual(empty);
  });

  it('refuses what cannot be written to a checkpoint where it is set, with its name', () => {
    const states = { one: value<unknown>(), many: list<unknown>(), by: map<never, unknown>() };
    const refusals = [
      thrownIn(states, ({ state }) => state.one.set({ a: { b: () => 1 } })),
      thrownIn(states, ({ state }) => state.many.add(Symbol('s'))),
      thrownIn(states, ({ state }) => state.by.set('k' as never, new (class Own {})())),
      thrownIn(states, ({ state }) => state.one.set(Promise.resolve(1))),
    ];
    expect(refusals.map(({ code }) => code)).toEqual(
      Array(4).fill('ERR_HOLDFAST_UNSUPPORTED_VALUE'),
    );
    expect(refusals.map(({ message }) => /state\.\w+(\.\w+)*/.exec(message)?.[0])).toEqual([
      'state.one.a.b',
      'state.many',
      'state.by',
      'state.one',
    ]);
    const badKey = thrownIn(states, ({ state }) => state.by.set({} as never, 1));
    expect(badKey.code).toBe('ERR_HOLDFAST_UNSUPPORTED_KEY');
  });

  it('is of one call only', () => {
    const kept: {
      ctx?: ProcessContext<typeof states, string>;
      out?: Output<unknown>;
      left?: Iterator<unknown>;
      rest?: Iterator<unknown>;
    } = {};
    const states = { one: value<number>(), many: list<number>(), by: map<string, number>() };
    const harness = new Harness(
      of({
        state: states,
        onElement({ k }, ctx, out) {
          ctx.state.by.set('x', 1);
          ctx.state.by.set('y', 2);
          if (k === 'b') kept.left!.next();
          kept.left = ctx.state.by.entries();
          kept.rest = ctx.state.by.entries();
          kept.rest.next();
          kept.ctx = ctx;
          kept.out = out;
        },
        onTimer() {},
      }),
    );
    harness.feed(at(0));
    const { ctx, out, rest } = kept as Required<typeof kept>;
    const { one, many, by } = ctx.state;
    const uses: readonly (() => unknown)[] = [
      () => harness.feed(at(0, 'b')), // Uses what the callback for 'a' has left.
      () => one.get(),
      () => one.set(1),
      () => one.set(undefined as never),
      () => one.update(() => 1),
      () => one.clear(),
      () => many.add(1),
      () => many.values(),
      () => by.get('x'),
      () => by.has('x'),
      () => by.set('x', 1),
      () => by.delete('x'),
      () => [...by.entries()],
      () => rest.next(),
      () => ctx.key,
      () => ctx.timestamp,
      () => ctx.watermark,
      () => ctx.timers.eventTime(1),
      () => ctx.timers.deleteEventTime(1),
      () => out.emit(1),
    ];
    for (const [i, use] of uses.entries()) {
      expect([i, thrownBy(use).code]).toEqual([i, 'ERR_HOLDFAST_OUTSIDE_CALLBACK']);
    }
  });

  it('reduces to something', () => {
    const forgets = reducing<number>(() => undefined as never);
    const error = thrownIn({ one: forgets }, ({ state: { one } }) => {
      one.add(1);
      one.add(1);
    });
    expect(error.code).toBe('ERR_HOLDFAST_USER_CODE');
    expect(error.message).toContain('the function of reducing returned nothing');
  });

  it('answers synchronously', () => {
    const later = async () => {};
    const asynchronous = [
      thrownIn({}, () => Promise.resolve()),
      thrownIn({ one: value<unknown>() }, ({ state }) => state.one.update(later)),
      thrownIn({ one: reducing<unknown>(() => later()) }, ({ state: { one } }) => {
        one.add(1);
        one.add(1);
      }),
      thrownBy(() => {
        const create = of({
          onElement: (_record, ctx) => ctx.timers.eventTime(1),
          onTimer: () => Promise.resolve() as never,
        });
        runPlain(create, [record, end]);
      }),
      thrownBy(() => keyedStream((stream) => stream.process({ onElement: later as never }))),
    ];
    expect(asynchronous.map(({ code }) => code)).toEqual(
      Array(5).fill('ERR_HOLDFAST_ASYNC_CALLBACK'),
    );
  });

  it('names what a timer or a record lacks', () => {
    const user = 'ERR_HOLDFAST_USER_CODE';
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, '5', undefined]) {
      expect(thrownIn({}, ({ timers }) => timers.eventTime(ms as number)).code).toBe(user);
    }
    const without = of({ onElement: (_record, { timers }) => timers.eventTime(5) });
    const error = thrownBy(() => runPlain(without, [record]));
    expect([error.code, /onTimer/.test(error.message)]).toEqual([user, true]);
    const untimed = of({ onElement: (_record, { timestamp }, out) => out.emit(timestamp) });
    const missing = thrownBy(() => runPlain(untimed, [{ record: { k: 'a' }, key: 'a' }]));
    expect(missing.code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
  });

  it('makes of what is added what reduce and aggregate make of it', () => {
    const number = ({ n }: { n?: number }) => {
      if (n === 13) throw new Error('thirteen');
      return n;
    };
    const numbers = () =>
      aggregation({
        initial: () => ({ seen: [] as number[] }),
        add: ({ seen }, { n }: { n?: number }) => void seen.push(n!),
        result: ({ seen }) => [...seen].sort().join(),
      });
    const spec = { n: count(), total: sum(number), mean: average(number), all: numbers() };
    const create = of({
      state: {
        n: aggregating(spec.n),
        total: aggregating(spec.total),
        mean: aggregating(spec.mean),
        all: aggregating(spec.all),
        list: reducing((a: { ns: number[] }, { ns }: { ns: number[] }) => {
          a.ns.push(...ns);
          return a;
        }),
      },
      onElement(record, { state: { n, total, mean, all, list } }, out) {
        if (record.n === 0) for (const one of [n, total, mean, all, list]) one.clear();
        else {
          list.add({ ns: [record.n!] });
          n.add(record);
          all.add(record);
          mean.add(record);
          total.add(record);
        }
        const row = { n: n.get(), total: total.get(), mean: mean.get(), all: all.get() };
        out.emit(JSON.stringify([row, list.get()]));
      },
    });
    const draw_ = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(0, 1, 2, 5, 13)), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(draw_, (drawn) => {
        const lists = new Map<string, number[]>();
        const expected = drawn.flatMap(([k, n]) => {
          if (n === 13) return [];
          const ns = n === 0 ? [] : [...(lists.get(k) ?? []), n];
          lists.set(k, ns);
          const total = ns.reduce((a, b) => a + b, 0);
          const empty = ns.length === 0;
          const row = {
            n: ns.length,
            total: empty ? null : total,
            mean: empty ? null : total / ns.length,
            all: [...ns].sort().join(),
          };
          return [`${JSON.stringify([row, empty ? undefined : { ns }])} at 0`];
        });
        const items = drawn.map(([k, n]) => at(0, k, { n }));
        const guarded = () => new GuardedOperator(create(), undefined);
        expect(shown(runPlain(guarded, items).emitted)).toEqual(expected);
        expect(shown(runRestoring(guarded, items).emitted)).toEqual(expected);
        const good = items.filter((_, i) => drawn[i]![1] !== 13);
        expect(shown(runRestoring(create, good).emitted)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('may be declared by an object of a class, which has fields of its own', () => {
    class Spec {
      readonly state = { n: value<number>() };
      readonly limit = 3;
      onElement() {}
    }
    expect(() => keyedStream((stream) => stream.process(new Spec()).collect('rows'))).not.toThrow();
  });

  it('is checked at the door', () => {
    const onElement = () => {};
    const specs: readonly unknown[] = [
      undefined,
      {},
      { onElement: 5 },
      { onElement, onTimer: 5 },
      { onElement, state: 5 },
      { onElement, state: { a: 5 } },
      { onElement, state: { a: undefined } },
      { onElement, state: { '~eventTime': value() } },
      { onElement, state: { '': value() } },
      { onElement, state: { constructor: value() } },
      { onElement, ontimer: () => {} },
      { onElement, onTimer: onElement, timersLeft: 'emit' },
      { onElement, timersLeft: 'fire' },
      { onElement, states: {} },
    ];
    for (const spec of specs) {
      const error = thrownBy(() => keyedStream((stream) => stream.process(spec as never)));
      expect(error).toMatchObject({ code: 'ERR_HOLDFAST_BAD_OPTION' });
    }
    expect(thrownBy(() => value({ version: 0 })).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(thrownBy(() => list({ migrate: () => 1 })).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    for (const [option, said] of [
      [{ ttl: 5 }, 'value.ttl is not known; did you mean value.ttlMs?'],
      [{ ttlMS: 5 }, 'did you mean value.ttlMs?'],
      [null, 'option value: given was null'],
      [5, 'option value: given was 5'],
    ] as const) {
      expect(thrownBy(() => value(option as never))).toMatchObject({
        code: 'ERR_HOLDFAST_BAD_OPTION',
        message: expect.stringContaining(said),
      });
    }
    for (const wrong of [
      () => list({ ttl: 5 } as never),
      () => map({ ttlMS: 5 } as never),
      () => reducing(Math.max, { ttl: 5 } as never),
      () => aggregating(count(), { version: 2 } as never),
      () => aggregating(count(), null as never),
    ]) {
      expect(thrownBy(wrong).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    expect(thrownBy(() => reducing(5 as never)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(thrownBy(() => aggregating(5 as never)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });
});

describe('state with ttlMs', () => {
  const ttlMs = 10;
  const states = {
    one: value<number>({ ttlMs }),
    many: list<number>({ ttlMs }),
    by: map<string, number>({ ttlMs }),
    total: aggregating(
      sum(() => 1),
      { ttlMs },
    ),
    most: reducing<number>(Math.max, { ttlMs }),
  };
  const create = of({
    state: states,
    onElement({ n }, { timestamp, state: { one, many, by, total, most } }, out) {
      out.emit(
        [one.get(), many.values(), by.get('x'), [...by.entries()], total.get(), most.get()].join(
          ';',
        ),
      );
      if (n === undefined) return;
      one.set(timestamp);
      many.add(timestamp);
      by.set('x', timestamp);
      by.set(`${timestamp}`, n);
      total.add({});
      most.add(n);
    },
  });
  const empty = ';;;;;';

  it('is there for so long after it was written, and not from then on', () => {
    for (const run of [runPlain, runStingy, runRestoring]) {
      const items = [at(0, 'a', { n: 3 }), at(9), at(9, 'a', { n: 2 }), at(10), at(18), at(19)];
      expect(shown(run(create, items).emitted)).toEqual([
        `${empty} at 0`,
        '0;0;0;x,0,0,3;1;3 at 9',
        '0;0;0;x,0,0,3;1;3 at 9',
        '9;9;9;x,9,9,2;2;3 at 10',
        '9;9;9;x,9,9,2;2;3 at 18',
        `${empty} at 19`,
      ]);
    }
  });

  it('is freed when event time has passed, and is in no snapshot then', () => {
    const harness = new Harness(create);
    for (const k of ['a', 'b']) harness.feed(at(0, k, { n: 3 }));
    harness.feed(at(5, 'a', { n: 4 }));
    harness.feed({ watermark: 9 });
    const before = harness.snapshot();
    harness.feed({ watermark: 14 });
    const between = harness.snapshot();
    harness.feed({ watermark: 15 });
    const fresh = new Harness(create);
    fresh.feed({ watermark: 15 });
    expect(harness.snapshot()).toEqual(fresh.snapshot());
    const bytes = [before, between, harness.snapshot()].map((sections) =>
      sections.reduce((sum_, section) => sum_ + section.bytes.length, 0),
    );
    expect(bytes).toEqual([...bytes].sort((a, b) => b - a));
    expect(new Set(bytes).size).toBe(3);
  });

  it('is freed behind a timer that was taken back', () => {
    const forgetful = of({
      state: states,
      onElement({ n }, { state: { one }, timers }, out) {
        if (n === 1) {
          timers.eventTime(3);
          timers.deleteEventTime(3);
          one.set(1);
        }
        timers.eventTime(0);
        out.emit('element');
      },
      onTimer: (_time, { state: { one } }, out) => out.emit(one.get() ?? 'nothing'),
    });
    const items = [at(1, 'a', { n: 1 }), { watermark: 20 }, at(30, 'a')];
    expect(shown(runPlain(forgetful, items).emitted)).toEqual([
      'element at 1',
      '1 at 0',
      'element at 30',
      'nothing at 0',
    ]);
  });

  it('is there or not by what the splits hold, however often watermarks come', () => {
    const record = fc.record({
      time: fc.nat(60),
      k: fc.constantFrom('a', 'b'),
      isMarked: fc.boolean(),
    });
    const answers = new Set<string>();
    const drawn = fc.array(fc.tuple(record, fc.nat(5)), { maxLength: 20 });
    fc.assert(
      fc.property(drawn, (steps) => {
        let splitMs = Number.NEGATIVE_INFINITY;
        const records: Item[] = [];
        const withTime: Item[] = [];
        for (const [{ time, k, isMarked }, lag] of steps) {
          const mark = splitMs >= time ? { behind: splitMs } : {};
          const item = { ...at(time, k, isMarked ? { n: 1 } : {}), ...mark };
          splitMs = Math.max(splitMs, time - 1);
          records.push(item);
          withTime.push(item, { watermark: splitMs - lag });
        }
        const rare = shown(runPlain(create, records).emitted);
        expect(shown(runPlain(create, withTime).emitted)).toEqual(rare);
        expect(shown(runRestoring(create, withTime).emitted)).toEqual(rare);
        for (const answer of rare) answers.add(answer);
      }),
      { numRuns: 150 },
    );
    expect(answers.size).toBeGreaterThan(50);
  });

  describe('in a timer of the clock', () => {
    const ticking = of({
      state: states,
      onElement({ n }, { state: { one }, timers }, out) {
        out.emit(`record sees ${one.get()}`);
        if (n !== undefined) one.set(n);
        timers.processingTime(0);
      },
      onTimer(_time, { state: { one } }, out) {
        out.emit(`timer sees ${one.get()}`);
        one.set(2);
      },
    });
    const told = (harness: Harness) => {
      harness.settle();
      return harness.emitted.splice(0).flatMap((one) => ('record' in one ? [one.record] : []));
    };

    it('is seen before there is a watermark, and is of the newest time that is known', () => {
      const harness = new Harness(ticking);
      harness.feed(at(20, 'a', { n: 1 }));
      expect(told(harness)).toEqual(['record sees undefined', 'timer sees 1']);
      harness.feed(at(29));
      expect(told(harness)).toEqual(['record sees 2', 'timer sees 2']);
      harness.feed({ watermark: 38 });
      harness.feed(at(38));
      expect(told(harness)).toEqual(['record sees 2', 'timer sees 2']);
      harness.feed({ watermark: 48 });
      harness.feed(at(49));
      expect(told(harness)).toEqual(['record sees undefined', 'timer sees undefined']);
    });

    it('is not lost when no time is known', () => {
      const before = new Harness(ticking);
      before.feed(at(20, 'a', { n: 1 }));
      const harness = new Harness(ticking, {}, before.snapshot());
      expect(told(harness)).toEqual(['timer sees 1']);
      harness.feed({ watermark: 1_000 });
      harness.feed(at(1_001, 'a', { n: 3 }));
      expect(told(harness)).toEqual(['record sees 2', 'timer sees 3']);
      harness.feed({ watermark: 2_000 });
      harness.feed(at(2_001));
      expect(told(harness)).toEqual(['record sees undefined', 'timer sees undefined']);
    });
  });

  it('needs event time, and a number of milliseconds', () => {
    const untimed = { record: { k: 'a', n: 1 }, key: 'a' };
    const set = of({ state: states, onElement: (_record, { state }) => state.one.set(1) });
    expect(thrownBy(() => runPlain(set, [untimed])).code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      expect(thrownBy(() => map({ ttlMs: wrong })).code).toBe('ERR_HOLDFAST_BAD_OPTION');
      expect(thrownBy(() => aggregating(count(), { ttlMs: wrong })).code).toBe(
        'ERR_HOLDFAST_BAD_OPTION',
      );
    }
  });
});

describe('a record on which process fails', () => {
  it.each([undefined, 6])('changes nothing, where failures are put aside: ttlMs %s', (ttlMs) => {
    const create = obeyFor(ttlMs);
    const guarded = () => new GuardedOperator(create(), undefined);
    fc.assert(
      fc.property(failingProgram, (items) => {
        const expected = plainly(items, ttlMs);
        expect(byKey(runPlain(guarded, items).emitted)).toEqual(expected);
        expect(byKey(runStingy(guarded, items).emitted)).toEqual(expected);
        expect(byKey(runRestoring(guarded, items).emitted)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('is told of with key and time when it was a timer, which is gone', () => {
    const create = of({
      state: { n: value<number>() },
      onElement(_record, { state, timers }) {
        state.n.set(1);
        timers.eventTime(5);
        timers.eventTime(6);
      },
      onTimer(time, { state, timers }, out) {
        out.emit(`${time} ${state.n.get()}`);
        state.n.set(2);
        if (time < 7) timers.eventTime(7);
        if (time === 5) throw new Error('five');
      },
    });
    const rejected: unknown[] = [];
    const reject = (what: unknown, time: number, error: unknown) =>
      rejected.push([what, time, String(error)]);
    const harness = new Harness(create, { undoes: true, reject });
    for (const item of [at(0), end]) harness.feed(item);
    expect(rejected).toEqual([[{ key: 'a', time: 5 }, 5, 'Error: five']]);
    expect(shown(harness.emitted)).toEqual(['6 1 at 6', '7 2 at 7']);
    expect(thrownBy(() => runPlain(create, [at(0), end])).message).toBe('five');
  });
});

function keyedStream(use: (stream: KeyedStream<{ k: string }, string>) => unknown): void {
  draw((env) => {
    use(env.from(source<{ k: string }>()).keyBy(({ k }) => k));
  });
}
