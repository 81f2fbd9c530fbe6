/**
 * The promise of the whole once more, over real channels as small as can be, with barriers that
 * overtake what is in flight: at once, after a time, or not at all, drawn anew at each start.
 */

import { describe, expect, it } from 'vitest';
import type { Element } from '../../src/channels/element.js';
import { StoredFrames } from '../../src/channels/element-frames.js';
import { count } from '../../src/stream/api/aggregations.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import { decodeChannel } from '../../src/stream/task/channel-state.js';
import { RestoredChannels } from '../../src/stream/task/restored-channels.js';
import { TaskInputs } from '../../src/stream/task/task-inputs.js';
import { simulate } from './exactly-once-job.js';
import { draw, sink, source } from './graph-kit.js';
import { stillTime } from './still-time.js';
import { barrier, TaskBench, watermark } from './task-bench.js';
import { batchOf, contents, TestChannel, testSink } from './task-kit.js';

const tick = stillTime();

/** Against hanging; a busy machine may need much of it. */
const DEADLINE_MS = 180_000;
const UNALIGNED = [0];
const MIXED = [0, 4, 40, Number.POSITIVE_INFINITY];

describe('what is published is what a run without faults publishes', () => {
  it(
    'with barriers that overtake, whatever the order of turns',
    async () => {
      let inFlight = 0;
      for (let seed = 1; seed <= 5; seed += 1) {
        const run = await simulate(seed, { crashes: 0, rescales: false, alignments: UNALIGNED });
        inFlight += run.inFlight.input;
      }
      expect(inFlight).toBeGreaterThan(20);
    },
    DEADLINE_MS,
  );

  it(
    'with checkpoints that build on others, crashes and rescales',
    async () => {
      const kept = { deltas: 0, inFlight: 0 };
      for (let seed = 5_001; seed <= 5_008; seed += 1) {
        const rescales = seed % 2 === 0;
        const alignments = rescales ? UNALIGNED : MIXED;
        const chaos = { crashes: 4, rescales, incremental: true, alignments, tick };
        const { deltas, inFlight } = await simulate(seed, chaos);
        kept.deltas += deltas;
        kept.inFlight += inFlight.input + inFlight.output;
      }
      expect(kept.deltas).toBeGreaterThan(50);
      expect(kept.inFlight).toBeGreaterThan(20);
    },
    DEADLINE_MS,
  );

  it(
    'with crashes and aborted checkpoints',
    async () => {
      const kept = { input: 0, output: 0 };
      for (let seed = 1_001; seed <= 1_007; seed += 1) {
        const chaos = { crashes: 6, rescales: false, alignments: UNALIGNED };
        const { inFlight } = await simulate(seed, chaos);
        kept.input += inFlight.input;
        kept.output += inFlight.output;
      }
      expect(kept.input).toBeGreaterThan(20);
      expect(kept.output).toBeGreaterThan(20);
    },
    DEADLINE_MS,
  );

  it(
    'with another parallelism after each crash',
    async () => {
      let replays = 0;
      for (let seed = 2_001; seed <= 2_007; seed += 1) {
        const chaos = { crashes: 6, rescales: true, alignments: UNALIGNED };
        replays += (await simulate(seed, chaos)).replays;
      }
      expect(replays).toBeGreaterThan(15);
    },
    DEADLINE_MS,
  );

  it(
    'with barriers that wait, for a time or for ever, from one start to the next',
    async () => {
      let inFlight = 0;
      for (let seed = 3_001; seed <= 3_008; seed += 1) {
        const chaos = { crashes: 6, rescales: seed % 2 === 0, alignments: MIXED, tick };
        inFlight += (await simulate(seed, chaos)).inFlight.output;
      }
      expect(inFlight).toBeGreaterThan(10);
    },
    DEADLINE_MS,
  );
});

/** Two inputs and an output to another task; each record becomes several. */
function spread(fn: (n: number) => unknown[]): Graph {
  return draw((env) => {
    env
      .from(source<number>('a'))
      .union(env.from(source<number>('b')))
      .flatMap(fn)
      .name('spread')
      .rebalance()
      .map((n) => n)
      .sinkTo(sink());
  });
}

const announced = (bench: TaskBench, input: number, checkpoint: number, urgent = true): void => {
  bench.inputs[input]!.announce(checkpoint, urgent);
};

describe('a task that does not wait', () => {
  it('brings the record under way to an end in full outputs, and takes its part behind it', async () => {
    const bench = await TaskBench.open(
      spread((n) => Array(20).fill(n)),
      { vertex: 'spread', capacityRecords: 3, alignedTimeoutMs: 0 },
    );
    bench.feed(0, [1, 2], barrier(1), [3]);
    bench.feed(1, [10]);
    await bench.settle();
    expect(bench.gate.closed).toBe(true);
    announced(bench, 0, 1);
    expect(bench.task.runnable).toBe(false); // The driver has not told of it.
    bench.trigger(1);
    await bench.settle();
    const out = bench.outputs[0]![0]!;
    expect(out.announced).toMatchObject({ checkpoint: 1, urgent: true });
    expect(contents(out)).toEqual([...Array(20).fill(1), 'barrier 1']);
    expect(bench.captured).toEqual([]);
    // Until the other producer has announced, its channel is recorded, held back or not.
    bench.feed(1, barrier(1), [11]);
    announced(bench, 1, 1);
    await bench.settle();
    expect(bench.captured).toHaveLength(1);
    const next = await TaskBench.open(
      spread((n) => [n]),
      { vertex: 'spread', capacityRecords: 1_000, restored: bench.restorable() },
    );
    next.feed(0, [3]);
    await next.settle();
    expect(contents(next.outputs[0]![0]!)).toEqual([2, 10, 3]);
  });

  it('waits for a time before it does not', async () => {
    const bench = await TaskBench.open(
      spread((n) => [n]),
      { vertex: 'spread', alignedTimeoutMs: 50 },
    );
    bench.trigger(1);
    bench.feed(0, barrier(1), [2]);
    bench.feed(1, [10]);
    await bench.settle();
    const out = bench.outputs[0]![0]!;
    expect(contents(out)).toEqual([10]);
    expect(bench.task.flushDue(performance.now())).toBe(50);
    tick(50);
    expect(bench.task.runnable).toBe(true);
    await bench.settle();
    expect(contents(out)).toEqual(['barrier 1', 2]);
    bench.feed(1, [11], barrier(1), [12]);
    await bench.settle();
    expect(bench.captured).toHaveLength(1);
    expect(bench.captured[0]!.alignMs).toBe(50);
    const next = await TaskBench.open(
      spread((n) => [n]),
      { vertex: 'spread', restored: bench.restorable() },
    );
    await next.settle();
    expect(contents(next.outputs[0]![0]!)).toEqual([11]);
  });

  it('holds what it records once that is much, until its producer announces', () => {
    const channels = [new TestChannel(), new TestChannel()];
    const inputs = new TaskInputs({
      inputs: channels.map((channel, from) => ({
        channel,
        operator: 'sum',
        port: 0,
        input: 0,
        from,
      })),
      instance: 0,
      mode: 'exactly-once',
      alignedTimeoutMs: 0,
      restored: new RestoredChannels({
        restored: [],
        placeOf: () => 0,
        inputOf: () => ({ partition: 'rebalance' }),
        ownsGroup: () => true,
        formerOwner: () => undefined,
        isRescaled: false,
      }),
      replayedBarrier: undefined,
      recordedBytesMax: 150,
    });
    const records = [1, 2, 3, 4].map((record) => batchOf([{ record }]));
    channels[1]!.queue.push(...records, barrier(1) as Element);
    channels[0]!.queue.push(barrier(1));
    channels[0]!.announce(1, true);
    expect(inputs.isOvertaken(1, 0)).toBe(true);
    inputs.overtake(1, undefined, 0);
    const taken: unknown[] = [];
    for (let element = inputs.take(); element !== undefined; element = inputs.take()) {
      taken.push(element.kind);
    }
    // The other input's barrier is taken, and records up to the limit.
    expect(taken).toContain('barrier');
    expect(taken.filter((kind) => kind === 'batch').length).toBeLessThan(4);
    expect([inputs.ready, inputs.recordable, inputs.recorded]).toEqual([false, false, false]);
    channels[1]!.announce(1, true);
    expect(inputs.recordable).toBe(true);
    expect(inputs.record()).toBe(true);
    expect([inputs.ready, inputs.recorded]).toEqual([true, true]);
    const [section, ...others] = inputs.takeRecorded();
    expect([section!.name, others]).toEqual(['~input:0:1:0', []]);
    const stored = new StoredFrames();
    const kept = decodeChannel(section!.chunks[0]!).frames.map((frame) => {
      const element = stored.decode(frame);
      return element.kind === 'batch' ? element.records[0] : element.kind;
    });
    expect(kept).toEqual([1, 2, 3, 4]);
  });

  it('forgets what is given up, though it stays announced', async () => {
    const bench = await TaskBench.open(
      spread((n) => [n]),
      { vertex: 'spread', alignedTimeoutMs: 0 },
    );
    bench.feed(0, [1], barrier(1), [2]);
    bench.trigger(1);
    bench.abort(1);
    announced(bench, 0, 1);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([1, 2]);
    // While it is recording, too.
    bench.trigger(2);
    bench.feed(0, barrier(2));
    announced(bench, 0, 2);
    await bench.settle();
    bench.abort(2);
    bench.feed(1, [10], barrier(2), [11]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['barrier 2', 10, 11]);
    expect(bench.captured).toEqual([]);
  });

  it('declines when a record in flight cannot be kept, and goes on', async () => {
    const bench = await TaskBench.open(
      spread(() => []),
      { vertex: 'spread', alignedTimeoutMs: 0 },
    );
    bench.trigger(1);
    bench.feed(0, [() => 1], barrier(1));
    for (const input of [0, 1]) announced(bench, input, 1);
    await bench.settle();
    const code = 'ERR_HOLDFAST_UNTRANSFERABLE_RECORD';
    expect(bench.declined).toMatchObject([{ checkpoint: 1, failure: { code } }]);
    expect(bench.failures).toEqual([]);
    expect(bench.task.metrics().recordsIn).toBe(1);
  });

  it('divides a firing that frees its keys, and fires the rest after a restore, once', async () => {
    const graph = draw((env) => {
      env
        .from(source<{ k: number; at: number }>())
        .withTimestamps((one) => one.at, { outOfOrdernessMs: 0 })
        .keyBy((one) => one.k)
        .window(tumbling(10))
        .aggregate({ records: count() })
        .name('windows')
        .rebalance()
        .sinkTo(testSink('rows'));
    });
    const open = (restored?: ReturnType<TaskBench['restorable']>) =>
      TaskBench.open(graph, {
        vertex: 'windows',
        capacityRecords: 4,
        alignedTimeoutMs: 0,
        ...(restored === undefined ? {} : { restored }),
      });
    const keys = (rows: unknown[]): unknown[] =>
      rows.flatMap((row) => (typeof row === 'object' ? [(row as { key: number }).key] : []));
    const bench = await open();
    const { queue } = bench.inputs[0]!;
    for (let k = 0; k < 10; k += 1) {
      const record = { k, at: 5 };
      const groups = Uint16Array.of(1);
      queue.push({
        kind: 'batch',
        records: [record],
        timestamps: Float64Array.of(5),
        behind: undefined,
        groups,
        count: 1,
      });
    }
    bench.feed(0, watermark(9), barrier(1));
    await bench.settle();
    expect(bench.gate.closed).toBe(true);
    bench.trigger(1);
    announced(bench, 0, 1);
    await bench.settle();
    const before = contents(bench.outputs[0]![0]!);
    const cut = before.indexOf('barrier 1');
    expect(cut).toBeGreaterThan(2);
    expect(cut).toBeLessThan(10);
    const fired = keys(before.slice(0, cut));
    const next = await open(bench.restorable());
    const after: unknown[] = [];
    for (let i = 0; i < 10; i += 1) {
      await next.settle();
      next.task.flushDue(Number.MAX_VALUE);
      after.push(...keys(contents(next.outputs[0]![0]!)));
    }
    expect([...fired, ...after].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
