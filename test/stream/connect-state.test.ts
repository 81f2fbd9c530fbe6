/** `connect` with state and timers of keys, side outputs, and broadcast state: the operator by itself. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyedBroadcastSpec } from '../../src/stream/api/connect.js';
import type { DataStream, KeyedStream } from '../../src/stream/api/data-stream.js';
import type { Output } from '../../src/stream/api/output.js';
import type { States } from '../../src/stream/api/process.js';
import { sideOutput } from '../../src/stream/api/side-outputs.js';
import {
  list,
  map,
  type StateSpec,
  type ValueState,
  value,
} from '../../src/stream/api/state-specs.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import type { Operator } from '../../src/stream/operator.js';
import { operatorOf } from '../../src/stream/operators/process-operator.js';
import { draw, nodeOf, sink, source, thrownBy } from './graph-kit.js';
import {
  Harness,
  type Item,
  recordsOf,
  runPlain,
  runRescaling,
  runRestoring,
  runStingy,
} from './operator-kit.js';
import { byK, byKey, obeying, plainly, program } from './process-kit.js';

interface Fact {
  readonly k: string;
  readonly n: number;
}

/** The operator of two streams that are connected. */
function connectedByK(
  process: (
    left: KeyedStream<Fact, string>,
    right: KeyedStream<Fact, string>,
  ) => DataStream<unknown>,
): () => Operator {
  const graph = draw((env) => {
    const [left, right] = ['a', 'b'].map((name) =>
      env.from(source<Fact>(name)).keyBy(({ k }) => k),
    );
    process(left!, right!).sinkTo(sink());
  });
  return nodeOf(graph, 'connect').create!;
}

/** Both callbacks do what the one of process does. */
const obeyOnPorts = (ttlMs?: number): (() => Operator) => {
  const { state, onElement, onTimer } = obeying(ttlMs);
  return operatorOf({ state, onLeft: onElement, onRight: onElement, onTimer } as never, {
    inputs: [
      { name: 'onLeft', key: byK },
      { name: 'onRight', key: byK },
    ],
  });
};

describe('state and timers of connected keyed streams', () => {
  it.each([undefined, 7])(
    'are those of the key, whichever port a record comes to; state is there for %s ms',
    (ttlMs) => {
      const create = obeyOnPorts(ttlMs);
      fc.assert(
        fc.property(program, fc.array(fc.nat(1), { minLength: 1 }), (drawn, ports) => {
          const items = drawn.map(
            (item, i): Item =>
              'watermark' in item ? item : { ...item, port: ports[i % ports.length]! },
          );
          const expected = plainly(items, ttlMs);
          expect(byKey(runPlain(create, items).emitted)).toEqual(expected);
          expect(byKey(runStingy(create, items).emitted)).toEqual(expected);
          expect(byKey(runRestoring(create, items).emitted)).toEqual(expected);
          expect(byKey(runRescaling(create, items, [2, 3, 3, 1]).emitted)).toEqual(expected);
        }),
        { numRuns: 80 },
      );
    },
  );

  it('are undone when a callback fails, and its record is put aside', () => {
    const create = connectedByK((left, right) =>
      left.connect(right).process({
        state: { seen: list<number>() },
        onLeft({ n }, { state }) {
          state.seen.add(n);
          if (n === 2) throw new Error('two');
        },
        onRight: (_, { state }, out: Output<readonly number[]>) => out.emit(state.seen.values()),
      }),
    );
    const harness = new Harness(create, { undoes: true });
    for (const n of [1, 2, 3]) {
      const feed = () => harness.feed({ record: { k: 'a', n }, key: 'a', port: 0 });
      if (n === 2) expect(feed).toThrow('two');
      else feed();
    }
    harness.feed({ record: { k: 'a' }, key: 'a', port: 1 });
    expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual([[1, 3]]);
  });

  it('leave a graph without them as it was, and are part of it with them', () => {
    const nodeWith = (spec: object) =>
      nodeOf(
        draw((env) => {
          const [a, b] = ['a', 'b'].map((name) =>
            env.from(source<{ k: string }>(name)).keyBy(({ k }) => k),
          );
          a!
            .connect(b!)
            .process({ onLeft() {}, onRight() {}, ...spec })
            .sinkTo(sink());
        }),
        'connect',
      );
    const plain = nodeWith({});
    expect(plain).toMatchObject({ stateful: false, states: [] });
    expect(new Harness(plain.create!).operator.capture?.(1)).toBe(undefined);
    expect(nodeWith({ state: { last: value() }, onTimer() {} })).toMatchObject({
      stateful: true,
      states: [
        {
          section: 'cells',
          layout: '"~eventTime":timers:value|"~processingTime":timers:value|"last":value:value',
        },
      ],
    });
  });
});

describe('side outputs of process', () => {
  const split = (stream: DataStream<number>) =>
    stream.process({
      sideOutputs: { odd: sideOutput<string>() },
      onElement(n, ctx, out) {
        if (n % 2 === 1) ctx.sideOutput('odd', `odd ${n}`);
        else out.emit(n);
        if (n === 9) ctx.sideOutput('even' as never, n as never);
      },
    });
  const graph = () =>
    draw((env) => {
      const stream = split(env.from(source<number>('a')));
      stream.sinkTo(sink());
      stream.sideOutput('odd').sinkTo(sink());
    });

  it('get what is emitted to them, in order, with its time and mark', () => {
    const { create, stateful } = nodeOf(graph(), 'process');
    expect(stateful).toBe(false);
    const items = [1, 2, 3].map((n): Item => ({ record: n, at: n, behind: 10 * n }));
    const told = [
      { record: 'odd 1', at: 1, tag: 'odd', behind: 10 },
      { record: 2, at: 2, behind: 20 },
      { record: 'odd 3', at: 3, tag: 'odd', behind: 30 },
    ];
    const sides = { sides: ['odd'] };
    expect(runPlain(create!, items, sides).emitted).toEqual(told);
    expect(runStingy(create!, items, sides).emitted).toEqual(told);
    const harness = new Harness(create!, sides);
    expect(thrownBy(() => harness.feed({ record: 9 }))).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: expect.stringContaining('the string "even" for a side output, and declared are odd'),
    });
    expect(harness.emitted).toEqual([]);
  });

  it('have to be read, and to be declared as what they are', () => {
    expect(
      thrownBy(() => draw((env) => void split(env.from(source<number>('a'))).sinkTo(sink()))),
    ).toMatchObject({
      code: 'ERR_HOLDFAST_JOB_BUILD',
      message: expect.stringContaining("nobody reads the side output 'odd'"),
    });
    draw((env) => {
      const a = env.from(source<number>('a'));
      a.sinkTo(sink());
      for (const [spec, message] of [
        [{ sideOutputs: { odd: 5 } }, /declared by name/],
        [{ sideOutputs: { '': sideOutput() } }, /empty name/],
        [{ state: { last: value() } }, /stream without keys has no 'state'/],
        [{ onTimer() {} }, /stream without keys has no 'onTimer'/],
        [{ onRecord() {} }, /option process\.onRecord is not known/],
      ] as const) {
        expect(thrownBy(() => a.process({ onElement() {}, ...spec } as never))).toMatchObject({
          code: 'ERR_HOLDFAST_BAD_OPTION',
          message: expect.stringMatching(message),
        });
      }
    });
  });
});

describe('broadcast state', () => {
  const states = { rules: map<number, string>(), last: value<string>() };
  /** Facts, and rules with their numbers. */
  const ruled = (
    spec: Partial<
      KeyedBroadcastSpec<
        Fact,
        Fact,
        string,
        { count: StateSpec<ValueState<number>> },
        typeof states,
        string
      >
    > = {},
  ) =>
    connectedByK((facts, rules) =>
      facts.connect(rules.broadcast(states)).process({
        state: { count: value<number>() },
        onLeft({ n }, ctx, out: Output<string>) {
          ctx.state.count.update((before = 0) => before + 1);
          const found = ctx.broadcast.rules.get(n % 3) ?? 'no rule';
          out.emit(`${ctx.key} ${n} by ${found}, ${ctx.state.count.get()}`);
          ctx.timers.eventTime(ctx.timestamp + 5);
        },
        onRight({ k, n }, ctx) {
          ctx.broadcast.rules.set(n, k);
          ctx.broadcast.last.set(k);
          if (k === 'failing') throw new Error('this rule');
        },
        onTimer: (time, ctx, out) => out.emit(`${ctx.key} at ${time}: ${ctx.broadcast.last.get()}`),
        ...spec,
      }),
    );
  const create = ruled();
  const fact = (k: string, n: number, at: number): Item => ({
    record: { k, n },
    at,
    key: k,
    port: 0,
  });
  const rule = (n: number, k: string): Item => ({
    record: { k, n },
    at: 0,
    port: 1,
    isBroadcast: true,
  });

  /** What a plain loop says of the items. */
  function told(items: readonly Item[]): string[] {
    const rules = new Map<number, string>();
    const counts = new Map<string, number>();
    let last: string | undefined;
    const timers: { k: string; time: number }[] = [];
    const lines: string[] = [];
    for (const item of items) {
      if ('watermark' in item) {
        for (const timer of timers.filter(({ time }) => time <= item.watermark)) {
          timers.splice(timers.indexOf(timer), 1);
          lines.push(`${timer.k} at ${timer.time}: ${last}`);
        }
      } else if (item.port === 1) {
        const { k, n } = item.record as Fact;
        rules.set(n, k);
        last = k;
      } else {
        const { k, n } = item.record as Fact;
        counts.set(k, (counts.get(k) ?? 0) + 1);
        lines.push(`${k} ${n} by ${rules.get(n % 3) ?? 'no rule'}, ${counts.get(k)}`);
        const time = item.at! + 5;
        if (!timers.some((one) => one.k === k && one.time === time)) timers.push({ k, time });
      }
    }
    return lines.sort();
  }

  const items = fc
    .array(
      fc.oneof(
        fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(9)).map(([k, n]) => ({ k, n })),
        fc.tuple(fc.nat(2), fc.constantFrom('one', 'two', 'three')),
        fc.constant('watermark' as const),
      ),
      { maxLength: 25 },
    )
    .map((drawn): Item[] => [
      ...drawn.map((one, i): Item => {
        if (one === 'watermark') return { watermark: i };
        return Array.isArray(one) ? rule(one[0]!, one[1]!) : fact(one.k, one.n, i);
      }),
      { watermark: Number.POSITIVE_INFINITY },
    ]);

  const lines = (run: { readonly emitted: Harness['emitted'] | readonly unknown[] }) =>
    recordsOf(run.emitted as Harness['emitted'])
      .map(({ record }) => record as string)
      .sort();

  it('is read beside keyed state, through restores and changes of parallelism', () => {
    fc.assert(
      fc.property(items, (drawn) => {
        const expected = told(drawn);
        expect(lines(runPlain(create, drawn))).toEqual(expected);
        expect(lines(runStingy(create, drawn))).toEqual(expected);
        expect(lines(runRestoring(create, drawn))).toEqual(expected);
        expect(lines(runRescaling(create, drawn, [3, 2, 5, 5, 1]))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('is written by its own stream alone, as a whole or not at all', () => {
    const wrong = ruled({
      onLeft: (_, ctx) => (ctx.broadcast as States<typeof states>).rules.set(1, 'mine'),
    });
    expect(thrownBy(() => new Harness(wrong).feed(fact('a', 1, 1)))).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: expect.stringContaining('only onRight can change it'),
    });
    const harness = new Harness(create, { undoes: true });
    harness.feed(rule(1, 'one'));
    expect(() => harness.feed(rule(1, 'failing'))).toThrow('this rule');
    harness.feed(fact('a', 1, 1));
    harness.feed({ watermark: 10 });
    expect(lines(harness)).toEqual(['a 1 by one, 1', 'a at 6: one']);
  });

  it('is no keyed state: there is none in the callback of its stream', () => {
    let used: (() => unknown) | undefined;
    const peeping = ruled({
      onLeft(_, { state }) {
        used = () => state.count.get();
      },
      onRight(_, ctx) {
        expect('state' in ctx).toBe(false);
        used?.();
      },
    });
    const harness = new Harness(peeping);
    harness.feed(fact('a', 1, 1));
    expect(thrownBy(() => harness.feed(rule(1, 'one'))).code).toBe('ERR_HOLDFAST_OUTSIDE_CALLBACK');
  });

  it('has a stream of its own in the graph, which gives every instance every record', () => {
    const graph = draw((env) => {
      const [facts, rules] = ['facts', 'rules'].map((name) => env.from(source<Fact>(name)));
      facts!
        .keyBy(({ k }) => k)
        .connect(rules!.broadcast(states))
        .process({ state: { count: value<number>() }, onLeft() {}, onRight() {} })
        .sinkTo(sink());
    });
    const node = nodeOf(graph, 'connect');
    expect(node.inputs.map(({ partition, port }) => [partition, port])).toEqual([
      ['hash', undefined],
      ['broadcast', 1],
    ]);
    expect(node.stateful).toBe(true);
    expect(node.states.map(({ section }) => section)).toEqual(['cells', 'broadcast']);
    expect(planJob(graphData(graph), { slots: 2, keyGroups: 16 }).notices).toEqual([]);
  });

  it('is refused where it cannot be the same on every instance', () => {
    draw((env) => {
      const a = env.from(source<number>('a'));
      a.sinkTo(sink());
      for (const [state, message] of [
        [{}, /was given no states/],
        [{ rules: map({ ttlMs: 5 }) }, /cannot expire, and 'rules' has ttlMs/],
        [{ rules: 5 }, /for the state 'rules', but was given the number 5/],
        [5, /needs named states/],
      ] as const) {
        expect(thrownBy(() => a.broadcast(state as never))).toMatchObject({
          code: 'ERR_HOLDFAST_BAD_OPTION',
          message: expect.stringMatching(message),
        });
      }
    });
  });
});
