/** An operator with two inputs: in the graph, by itself, and in a task. */

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { NOT_BEHIND } from '../../src/channels/element.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { Output } from '../../src/stream/api/output.js';
import type { DeadLetter } from '../../src/stream/dead-letter.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { inputAt, placeAt } from '../../src/stream/graph/ports.js';
import { draw, ids, nodeOf, sink, source, thrownBy } from './graph-kit.js';
import { Harness } from './operator-kit.js';
import { stillTime } from './still-time.js';
import { barrier, end, idle, silent, TaskBench, watermark } from './task-bench.js';
import { TaskCluster } from './task-cluster.js';
import { batchOf, contents, Published, testSink, testSource } from './task-kit.js';

/** Tells each record with the side that it came in on. */
const sides = {
  onLeft(record: unknown, _ctx: unknown, out: Output<string>) {
    out.emit(`left ${record}`);
  },
  onRight(record: unknown, _ctx: unknown, out: Output<string>) {
    out.emit(`right ${record}`);
  },
};

/** Of the sources `a`, `b` and `c`: a chain of `both` alone, with one output channel. */
function connected(
  build: (
    a: DataStream<number>,
    b: DataStream<number>,
    c: DataStream<number>,
  ) => DataStream<string>,
): Graph {
  return draw((env) => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => env.from(source<number>(name)).uid(name));
    build(a!, b!, c!).uid('both').rebalance().map(String).sinkTo(sink());
    for (const stream of [a!, b!, c!]) stream.rebalance().sinkTo(sink());
  });
}

const plain = () => connected((a, b) => a.connect(b).process(sides));

describe('connected streams in the graph', () => {
  it('are the ports of one node, in which edges have their places', () => {
    const graph = connected((a, b, c) => a.union(b).connect(c.union(a)).process(sides));
    const { inputs } = nodeOf(graph, 'connect');
    expect(inputs.map(({ from, port }) => [from, port])).toEqual([
      [0, undefined],
      [1, undefined],
      [2, 1],
      [0, 1],
    ]);
    const places = inputs.map((_, at) => placeAt(inputs, at));
    expect(places.map(({ port, input }) => `${port}.${input}`)).toEqual([
      '0.0',
      '0.1',
      '1.0',
      '1.1',
    ]);
    expect(places.map((place) => inputAt(inputs, place))).toEqual(inputs);
    expect(inputAt(inputs, { port: 0, input: 2 })).toBe(undefined);
    expect(inputAt(inputs, { port: 2, input: 0 })).toBe(undefined);
  });

  it('are part of the hash, which a single port leaves as it was', () => {
    const hashes = [
      connected((a, b, c) => a.union(b).connect(c).process(sides)),
      connected((a, b, c) => a.connect(b.union(c)).process(sides)),
    ].map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(2);
    const united = connected((a, b) => a.union(b).map(String));
    expect(JSON.stringify(graphData(united))).not.toContain('port');
  });

  it('head a chain, also where a stream is connected to itself', () => {
    const graph = connected((a) =>
      a
        .map((n) => n)
        .connect(a)
        .process(sides),
    );
    const plan = planJob(graphData(graph), { slots: 2, keyGroups: 16 });
    const both = nodeOf(graph, 'connect').index;
    expect(plan.vertices.map(({ nodes }) => nodes[0])).toContain(both);
    const edges = plan.edges.filter(({ toNode }) => toNode === both);
    expect(edges.map(({ partition, toInput }) => [partition, toInput])).toEqual([
      ['forward', 0],
      ['forward', 1],
    ]);
  });

  it('give the node an id from both, and each its key', () => {
    const keys = [(n: number) => n % 2 === 0, (n: number) => n > 5] as const;
    const graph = draw((env) => {
      const [a, b] = [env.from(source<number>('a')), env.from(source<number>('b'))];
      a.keyBy(keys[0]).connect(b.keyBy(keys[1])).process(sides).sinkTo(sink());
    });
    expect(ids(graph)).toContain('(a+b)/connect');
    const { inputs } = nodeOf(graph, 'connect');
    expect(inputs.map(({ partition, key }) => [partition, key])).toEqual([
      ['hash', keys[0]],
      ['hash', keys[1]],
    ]);
  });

  it('are refused where they do not fit', () => {
    const errors: unknown[] = [];
    let other: DataStream<number> | undefined;
    draw((env) => {
      other = env.from(source<number>('other'));
      other.sinkTo(sink());
    });
    draw((env) => {
      const a = env.from(source<number>('a'));
      a.sinkTo(sink());
      const keyed = a.keyBy((n) => n);
      const process = (spec: unknown) => a.connect(a).process(spec as typeof sides);
      for (const call of [
        () => a.connect(other!),
        () => a.connect({} as never),
        () => a.connect(keyed),
        () => keyed.connect(a as never),
        () => process(undefined),
        () => process({ onLeft: sides.onLeft }),
        () => process({ ...sides, onTimer: () => {} }),
        () => process({ ...sides, onRight: async () => {} }),
      ]) {
        errors.push(thrownBy(call));
      }
    });
    expect(errors).toEqual(
      [
        ['ERR_HOLDFAST_JOB_BUILD', /connect\(…\) was given a stream that another call/],
        ['ERR_HOLDFAST_BAD_OPTION', /connect\(…\) needs streams of this job/],
        ['ERR_HOLDFAST_JOB_BUILD', /one keyed stream, the right one\. Key the left one/],
        ['ERR_HOLDFAST_JOB_BUILD', /one keyed stream, the left one\. Key the right one/],
        ['ERR_HOLDFAST_BAD_OPTION', /needs \{ onLeft, onRight \}, but was given undefined/],
        ['ERR_HOLDFAST_BAD_OPTION', /process\(\{ onRight \}\) needs a function/],
        ['ERR_HOLDFAST_BAD_OPTION', /stream without keys has no 'onTimer'/],
        ['ERR_HOLDFAST_ASYNC_CALLBACK', /process\(\{ onRight \}\)/],
      ].map(([code, message]) =>
        expect.objectContaining({ code, message: expect.stringMatching(message!) }),
      ),
    );
  });
});

describe('the operator', () => {
  const create = (spec: Partial<typeof sides>, key?: (record: never) => unknown) => {
    const graph = connected((a, b) => {
      if (key === undefined) return a.connect(b).process({ ...sides, ...spec });
      return a
        .keyBy(key as never)
        .connect(b.keyBy(key as never))
        .process({ ...sides, ...spec });
    });
    return nodeOf(graph, 'connect').create!;
  };
  const feed = (harness: Harness, port: number, record: unknown, at = 7, behind = NOT_BEHIND) => {
    harness.operator.ports![port]!.onElement(record, at, 0, behind);
    harness.drain();
  };

  it('calls the callback of the port, and keeps time and mark', () => {
    const harness = new Harness(create({}));
    feed(harness, 0, 1, 5);
    feed(harness, 1, 2, 6, 30);
    harness.operator.onWatermark(9);
    harness.operator.onIdle?.(true);
    expect(harness.emitted).toEqual([
      { record: 'left 1', at: 5 },
      { record: 'right 2', at: 6, behind: 30 },
      { watermark: 9 },
    ]);
    expect(harness.time).toEqual([9, 'idle, silent']);
  });

  it('tells of time and key', () => {
    const told: unknown[] = [];
    const note = (record: unknown, ctx: { timestamp: number; watermark: number; key?: unknown }) =>
      void told.push([record, ctx.timestamp, ctx.watermark, ctx.key]);
    const harness = new Harness(create({ onLeft: note as never, onRight: note as never }, Number));
    feed(harness, 0, '1', 5);
    harness.operator.onWatermark(4);
    feed(harness, 1, '2', 6);
    expect(told).toEqual([
      ['1', 5, Number.NEGATIVE_INFINITY, 1],
      ['2', 6, 4, 2],
    ]);
    expect(thrownBy(() => feed(harness, 0, '1', Number.NaN)).code).toBe(
      'ERR_HOLDFAST_NO_TIMESTAMP',
    );
    const keyless = new Harness(create({}, () => Symbol('no key')));
    expect(thrownBy(() => feed(keyless, 0, 1)).code).toBe('ERR_HOLDFAST_UNSUPPORTED_KEY');
  });

  it('emits when the callback has returned, no more than there is room for, and the rest later', () => {
    let emittedMeanwhile = 0;
    const onRight = (record: unknown, _ctx: unknown, out: Output<string>) => {
      for (let n = 1; n <= 3; n += 1) out.emit(`${record} ${n}`);
      emittedMeanwhile = harness.emitted.length;
    };
    const harness = new Harness(create({ onRight }));
    harness.stingy = true;
    harness.operator.ports![1]!.onElement('x', 5, 0, 8);
    expect(harness.emitted).toHaveLength(1);
    expect(harness.operator.suspended).toBe(true);
    harness.drain();
    expect(harness.resumed).toBe(2);
    expect(harness.operator.suspended).toBe(false);
    expect(emittedMeanwhile).toBe(0);
    expect(harness.emitted).toEqual([1, 2, 3].map((n) => ({ record: `x ${n}`, at: 5, behind: 8 })));
    feed(harness, 0, 'y');
    expect(harness.emitted.slice(3)).toEqual([{ record: 'left y', at: 7 }]);
  });

  it('emits what a record was when it was emitted', () => {
    const onLeft = (_record: unknown, _ctx: unknown, out: Output<never>) => {
      const row = { n: 0 };
      for (row.n = 1; row.n <= 2; row.n += 1) out.emit(row as never);
    };
    const harness = new Harness(create({ onLeft }));
    feed(harness, 0, 1);
    expect(harness.emitted).toMatchObject([{ record: { n: 1 } }, { record: { n: 2 } }]);
  });

  it('drops what a callback had emitted that fails', () => {
    const onLeft = (_record: unknown, _ctx: unknown, out: Output<string>) => {
      out.emit('nothing of this');
      throw new RangeError('no');
    };
    const harness = new Harness(create({ onLeft }));
    expect(() => feed(harness, 0, 1)).toThrow(RangeError);
    feed(harness, 1, 2);
    expect(harness.emitted).toEqual([{ record: 'right 2', at: 7 }]);
  });

  it('refuses promises, and to be used when no callback is at work', () => {
    let kept: Output<unknown> | undefined;
    let context: { key: unknown; timestamp: number; watermark: number } | undefined;
    const onLeft = (_record: unknown, ctx: unknown, out: Output<unknown>) => {
      kept = out;
      context = ctx as typeof context;
    };
    const harness = new Harness(
      create({ onLeft, onRight: (() => Promise.resolve()) as never }, Number),
    );
    feed(harness, 0, 1);
    for (const use of [
      () => kept!.emit(1),
      () => context!.key,
      () => context!.timestamp,
      () => context!.watermark,
    ]) {
      expect(thrownBy(use)).toMatchObject({
        code: 'ERR_HOLDFAST_OUTSIDE_CALLBACK',
        message: expect.stringContaining('of process was used when no callback was at work'),
      });
    }
    expect(thrownBy(() => feed(harness, 1, 1)).code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
    const promising = new Harness(
      create({ onLeft: (_, __, out) => out.emit(Promise.resolve() as never) }),
    );
    expect(thrownBy(() => feed(promising, 0, 1)).code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
    expect(promising.operator.suspended).toBe(false);
  });
});

describe('a task with two ports', () => {
  const open = (graph = plain(), more = {}) => TaskBench.open(graph, { vertex: 'both', ...more });

  it('gives each batch to its port', async () => {
    const bench = await open(connected((a, b, c) => a.union(b).connect(c).process(sides)));
    bench.feed(0, [1]);
    bench.feed(1, [2]);
    bench.feed(2, [3, 4]);
    bench.feed(0, [5]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([
      'left 1',
      'left 2',
      'right 3',
      'right 4',
      'left 5',
    ]);
  });

  it('has the least time of both, and waits for nobody who is idle', async () => {
    const bench = await open();
    const out = bench.outputs[0]![0]!;
    const told = async (): Promise<unknown[]> => {
      await bench.settle();
      bench.task.flushDue(Number.POSITIVE_INFINITY);
      return contents(out);
    };
    bench.feed(0, watermark(10));
    expect(await told()).toEqual([]);
    bench.feed(1, watermark(5));
    expect(await told()).toEqual(['watermark 5']);
    bench.feed(1, idle);
    expect(await told()).toEqual(['watermark 10']);
    bench.feed(0, silent);
    expect(await told()).toEqual(['idle']);
    bench.feed(1, [1]);
    expect(await told()).toEqual(['watermark 10', 'right 1']);
    bench.feed(0, end);
    bench.feed(1, end);
    expect(await told()).toEqual(['watermark Infinity', 'end']);
  });

  it('holds the port whose barrier has come until the other one’s is there', async () => {
    const bench = await open();
    bench.trigger(1);
    bench.feed(1, [1], barrier(1), [2]);
    bench.feed(0, [3]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['left 3', 'right 1']);
    expect(bench.captured).toEqual([]);
    bench.feed(0, barrier(1), [4]);
    await bench.settle();
    expect(bench.captured).toHaveLength(1);
    expect(contents(bench.outputs[0]![0]!)).toEqual(['barrier 1', 'right 2', 'left 4']);
  });

  it('takes what was in flight to a port on that port again', async () => {
    const bench = await open(plain(), { alignedTimeoutMs: 0 });
    bench.trigger(1);
    bench.feed(0, barrier(1));
    bench.inputs[0]!.announce(1, true);
    bench.inputs[1]!.queue.push(batchOf([{ record: 11 }, { record: 12 }]), barrier(1));
    bench.inputs[1]!.announce(1, true);
    bench.task.run(0);
    await bench.settle();
    expect(bench.captured).toHaveLength(1);
    const names = bench.captured[0]!.sections.map(({ name }) => name);
    expect(names).toContain('~input:1.0:0:0');
    // A stream more on the left changes nothing for the right one.
    const wider = connected((a, b, c) => a.union(c).connect(b).process(sides));
    for (const graph of [plain(), wider]) {
      const next = await open(graph, { restored: bench.restorable() });
      next.feed(0, [1]);
      await next.settle();
      expect(contents(next.outputs[0]![0]!)).toEqual(['right 11', 'right 12', 'left 1']);
    }
    const swapped = connected((a, b) => a.union(b).map(String));
    await expect(async () => open(swapped, { restored: bench.restorable() })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
        message: expect.stringContaining("input 1 of port 2 of operator 'both'"),
      }),
    );
  });

  it('stops both ports when its output is full', async () => {
    const bench = await open(plain(), { capacityRecords: 2 });
    bench.feed(0, [1, 2, 3]);
    bench.feed(1, [4]);
    await bench.settle();
    expect(bench.gate.closed).toBe(true);
    expect(bench.task.runnable).toBe(false);
    expect(contents(bench.outputs[0]![0]!)).toEqual(['left 1', 'left 2', 'left 3']);
    bench.gate.closed = false;
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['right 4']);
  });

  it('puts aside the records of either port on which its callback throws', async () => {
    const graph = draw((env) => {
      const [a, b] = ['a', 'b'].map((name) => env.from(source<number>(name)).uid(name));
      const fails = (record: unknown, _ctx: unknown, out: Output<unknown>) => {
        out.emit(`of ${record}`);
        if (record === 2) throw new Error('two');
      };
      const both = a!
        .connect(b!)
        .process({ onLeft: fails, onRight: fails })
        .uid('both')
        .onError({ sideOutput: 'dead' });
      both.rebalance().sinkTo(sink());
      both
        .sideOutput<DeadLetter<number>>('dead')
        .rebalance()
        .map(({ record }) => record)
        .sinkTo(sink());
    });
    const bench = await open(graph);
    bench.feed(0, [1, 2]);
    bench.feed(1, [2, 3]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['of 1', 'of 3']);
    expect(bench.outputs[1]![0]!.queue).toHaveLength(0);
    bench.outputs[1]![0]!.flush();
    const [letters] = bench.outputs[1]![0]!.queue;
    expect(letters).toMatchObject({ count: 2, records: [{ record: 2 }, { record: 2 }, {}] });
    expect(bench.task.metrics().counters).toEqual({ deadLetters: 2, 'deadLetters:both': 2 });
  });

  it('puts aside a record whose key is none', async () => {
    const graph = draw((env) => {
      const [a, b] = ['a', 'b'].map((name) => env.from(source<unknown>(name)).uid(name));
      const key = (record: unknown) => record as number;
      a!
        .keyBy(key)
        .connect(b!.keyBy(key))
        .process(sides)
        .uid('both')
        .onError('drop')
        .rebalance()
        .sinkTo(sink());
    });
    const bench = await open(graph);
    bench.feed(1, [1, { no: 'key' }, 2]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['right 1', 'right 2']);
    expect(bench.task.metrics().counters).toMatchObject({ deadLetters: 1 });
  });

  it('names itself and the record when a callback throws', async () => {
    const onRight = () => {
      throw new RangeError('no');
    };
    const bench = await open(connected((a, b) => a.connect(b).process({ ...sides, onRight })));
    bench.feed(1, [5]);
    await bench.settle();
    expect(bench.failures).toEqual([
      expect.objectContaining({ name: 'RangeError', operator: 'both', record: '5' }),
    ]);
  });
});

describe('connected streams, run over and over', () => {
  const tick = stillTime();

  const splits = (count: number, from: number) =>
    Array.from({ length: count }, (_, p) =>
      Array.from({ length: 25 }, (__, i) => ({ k: (p + i) % 5, n: from + 100 * p + i })),
    );
  const [left, right] = [splits(3, 0), splits(2, 10_000)];

  it.each([
    ['aligned', [Number.POSITIVE_INFINITY]],
    ['overtaking', [0, 0, 4]],
  ])('give each record its side, once, after crashes and rescales: %s', async (_, alignments) => {
    let inFlight = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = seededRandom(seed);
      const published = new Published();
      const graph = draw((env) => {
        const a = env.from(
          testSource<{ k: number; n: number }>({ kind: 'a', splits: left, random }),
        );
        const b = env.from(
          testSource<{ k: number; n: number }>({ kind: 'b', splits: right, random }),
        );
        const key = ({ k }: { k: number }) => k;
        const tell =
          (side: string) =>
          (one: { k: number; n: number }, ctx: { key: number }, out: Output<string>) => {
            if (ctx.key !== one.k) throw new Error('another key');
            out.emit(`${side} ${one.n}`);
            out.emit(`${side} again ${one.n}`);
          };
        a.keyBy(key)
          .connect(b.keyBy(key))
          .process({ onLeft: tell('left'), onRight: tell('right') })
          .sinkTo(testSink('out', random))
          .uid('out');
      });
      let parallelism = 1 + (seed % 3);
      const cluster = await TaskCluster.start(graph, parallelism, random, published, {
        alignments,
        tick,
      });
      for (let steps = 0, crashes = 0; !cluster.done; steps += 1) {
        if (steps > 400_000) throw new Error(`seed ${seed}: the job does not end`);
        if (crashes < 4 && random.next() < 0.004) {
          crashes += 1;
          parallelism = 1 + ((parallelism + crashes) % 3);
          await cluster.deploy(parallelism);
        }
        await cluster.step();
      }
      const want = [
        ...left.flat().flatMap(({ n }) => [`left ${n}`, `left again ${n}`]),
        ...right.flat().flatMap(({ n }) => [`right ${n}`, `right again ${n}`]),
      ];
      expect([...published.rows.get('out')!].sort(), `seed ${seed}`).toEqual(want.sort());
      inFlight += cluster.inFlight.input + cluster.inFlight.output;
    }
    if (alignments.includes(0)) expect(inFlight).toBeGreaterThan(10);
  });
});
