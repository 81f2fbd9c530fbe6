import { describe, expect, it } from 'vitest';
import { count } from '../../src/stream/api/aggregations.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import type { Sink, SinkContext, SinkWriter } from '../../src/stream/sink.js';
import type { Source, SourceReader } from '../../src/stream/source.js';
import { draw, sink, source } from './graph-kit.js';
import { barrier, end, idle, silent, TaskBench, watermark } from './task-bench.js';
import { contents, testSink, testSource } from './task-kit.js';

/** All that has come out since it was asked last. */
async function saidBy(bench: TaskBench): Promise<unknown[]> {
  await bench.settle();
  bench.task.flushDue(Number.MAX_VALUE);
  return contents(bench.outputs[0]![0]!);
}

/** Two inputs, a map, and an output to another task. */
function relay(fn: (n: number) => unknown = (n) => n): Graph {
  return draw((env) => {
    env
      .from(source<number>('a'))
      .union(env.from(source<number>('b')))
      .map(fn)
      .name('relay')
      .rebalance()
      .map((n) => n)
      .sinkTo(sink());
  });
}

const relayed = (options: Partial<Parameters<typeof TaskBench.open>[1]> = {}, graph = relay()) =>
  TaskBench.open(graph, { vertex: 'relay', ...options });

describe('time', () => {
  it('is the least of the inputs, and never goes back', async () => {
    const bench = await relayed();
    bench.feed(0, watermark(50));
    expect(await saidBy(bench)).toEqual([]);
    bench.feed(1, watermark(30), watermark(20));
    expect(await saidBy(bench)).toEqual(['watermark 30']);
    bench.feed(1, watermark(90));
    expect(await saidBy(bench)).toEqual(['watermark 50']);
    // The end of the slower input lets time go on; it cannot turn it back.
    bench.feed(0, end);
    expect(await saidBy(bench)).toEqual(['watermark 90']);
    expect(bench.task.metrics().watermarkMs).toBe(90);
  });

  it('ends when all inputs have: last watermark, end, and barriers still pass', async () => {
    const bench = await relayed();
    bench.feed(0, [1, 2], end);
    await bench.settle();
    expect(bench.ended).toBe(0);
    bench.feed(1, [3], end, barrier(1));
    bench.feed(0, barrier(1));
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([
      1,
      2,
      3,
      'watermark Infinity',
      'end',
      'barrier 1',
    ]);
    expect(bench.ended).toBe(1);
    expect(bench.captured).toHaveLength(1);
  });

  it('goes on without an idle input, and waits for one that returns, where it stands', async () => {
    const bench = await relayed();
    bench.feed(0, watermark(50));
    bench.feed(1, watermark(20), idle);
    expect(await saidBy(bench)).toEqual(['watermark 50']);
    bench.feed(1, [7]);
    expect(await saidBy(bench)).toEqual([7]);
    bench.feed(0, watermark(90));
    expect(await saidBy(bench)).toEqual([]);
    bench.feed(1, watermark(70));
    expect(await saidBy(bench)).toEqual(['watermark 70']);
    bench.feed(1, watermark(95));
    expect(await saidBy(bench)).toEqual(['watermark 90']);
  });

  it('stays where it is when all inputs are idle, and says its time again for one that returns', async () => {
    const bench = await relayed();
    bench.feed(0, watermark(50), idle);
    bench.feed(1, watermark(20));
    expect(await saidBy(bench)).toEqual(['watermark 20']);
    bench.feed(1, idle);
    expect(await saidBy(bench)).toEqual(['idle']);
    bench.feed(1, [8]);
    expect(await saidBy(bench)).toEqual(['watermark 20', 8]);
  });

  it('does not wait for an input that never spoke and is the last to be idle', async () => {
    const bench = await relayed();
    bench.feed(0, watermark(50), idle);
    bench.feed(1, silent);
    expect(await saidBy(bench)).toEqual(['watermark 50', 'idle']);
  });

  it('does not wait for an idle input whose time is that of what is over behind it', async () => {
    const bench = await relayed();
    bench.feed(1, watermark(70), idle);
    bench.feed(0, watermark(20));
    expect(await saidBy(bench)).toEqual(['watermark 20']);
    bench.feed(0, silent);
    expect(await saidBy(bench)).toEqual(['watermark 70', 'idle']);
    // It has not lost its own time: from now on time waits for it where it stands.
    bench.feed(0, [7]);
    expect(await saidBy(bench)).toEqual(['watermark 70', 7]);
    bench.feed(1, watermark(90));
    expect(await saidBy(bench)).toEqual([]);
  });

  it('says it when only inputs that are over have brought its time', async () => {
    const bench = await relayed();
    bench.feed(1, silent);
    bench.feed(0, watermark(20));
    expect(await saidBy(bench)).toEqual(['watermark 20']);
    bench.feed(0, watermark(Number.POSITIVE_INFINITY), end);
    expect(await saidBy(bench)).toEqual(['idle, silent']);
  });

  it('says again that it is idle, with what an idle input says later', async () => {
    const bench = await relayed();
    bench.feed(1, watermark(70), idle);
    await saidBy(bench);
    bench.feed(0, watermark(20));
    await saidBy(bench);
    bench.feed(0, idle);
    expect(await saidBy(bench)).toEqual(['idle']);
    bench.feed(0, silent);
    expect(await saidBy(bench)).toEqual(['watermark 70', 'idle']);
    bench.feed(1, silent);
    expect(await saidBy(bench)).toEqual(['idle, silent']);
    bench.feed(1, silent);
    expect(await saidBy(bench)).toEqual([]);
  });

  it('does not come to an end of time with one input when the other is idle', async () => {
    const bench = await relayed();
    bench.feed(1, watermark(20), idle);
    bench.feed(0, watermark(50));
    expect(await saidBy(bench)).toEqual(['watermark 50']);
    bench.feed(0, watermark(Number.POSITIVE_INFINITY));
    expect(await saidBy(bench)).toEqual([]);
    bench.feed(0, end);
    expect(await saidBy(bench)).toEqual(['idle']);
    bench.feed(1, [7], watermark(Number.POSITIVE_INFINITY), end);
    expect(await saidBy(bench)).toEqual(['watermark 50', 7, 'watermark Infinity', 'end']);
  });

  it('goes on where it was after a restore', async () => {
    const before = await relayed();
    for (const input of [0, 1]) before.feed(input, watermark(40), barrier(1));
    await before.settle();
    const bench = await relayed({ restored: before.restorable() });
    for (const input of [0, 1]) bench.feed(input, watermark(35));
    expect(await saidBy(bench)).toEqual(['watermark 40']);
    for (const input of [0, 1]) bench.feed(input, watermark(41));
    expect(await saidBy(bench)).toEqual(['watermark 41']);
  });
});

describe('snapshots', () => {
  it('hold an input from its barrier to the last one, and keep order', async () => {
    const bench = await relayed();
    bench.feed(0, [1], barrier(1), [2]);
    bench.feed(1, [10]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([1, 10]);
    expect(bench.captured).toEqual([]);
    bench.feed(1, [11], barrier(1), [12]);
    await bench.settle();
    const [first, second, ...rest] = contents(bench.outputs[0]![0]!);
    expect([first, second]).toEqual([11, 'barrier 1']);
    expect(rest.toSorted()).toEqual([12, 2]);
    expect(bench.captured.map(({ checkpoint }) => checkpoint)).toEqual([1]);
  });

  it('hold nothing in at-least-once mode', async () => {
    const bench = await relayed({ mode: 'at-least-once' });
    bench.feed(0, [1], barrier(1), [2]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([1, 2]);
    bench.feed(1, barrier(1));
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['barrier 1']);
  });

  it('the thread’s phase tells of alignment and capture, as user code finds it and afterwards', async () => {
    const seen: string[] = [];
    let durable = (): void => {};
    const slow: Sink<number> = {
      kind: 'slow',
      open: () => ({
        write: (n) => void seen.push(`${n} ${bench.block.phase}`),
        prepare: () => {
          seen.push(`prepare ${bench.block.phase}`);
          return new Promise((resolve) => {
            durable = () => resolve({});
          });
        },
        close() {},
      }),
    };
    const graph = draw((env) => {
      env.from(source<number>()).rebalance().sinkTo(slow).uid('slow');
    });
    const bench: TaskBench = await TaskBench.open(graph, { vertex: 'slow', slots: 2 });
    bench.feed(0, [1], barrier(1));
    await bench.settle();
    expect(bench.block.phase).toBe('aligning');
    bench.feed(1, [2], barrier(1));
    await bench.settle();
    // The driver's word is missing: nothing is taken.
    expect(bench.block.phase).toBe('aligning');
    bench.trigger(1);
    await bench.settle();
    expect(bench.block.phase).toBe('capturing');
    bench.feed(0, [3]);
    await bench.settle();
    expect(bench.block.phase).toBe('capturing');
    durable();
    await bench.settle();
    bench.feed(1, [4]);
    await bench.settle();
    expect(bench.block.phase).toBe('running');
    expect(seen).toEqual([
      '1 running',
      '2 aligning',
      'prepare capturing',
      '3 running',
      '4 running',
    ]);
  });

  it('an abort lets held inputs go, and its late barrier does nothing', async () => {
    const bench = await relayed();
    bench.feed(0, barrier(1), [2]);
    await bench.settle();
    bench.abort(1);
    await bench.settle();
    bench.feed(1, barrier(1), [3]);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([2, 3]);
    expect(bench.captured).toEqual([]);
  });

  it('a failed capture declines the checkpoint, and the task goes on', async () => {
    const graph = draw((env) => {
      env
        .from(source<number>())
        .keyBy((n) => n)
        .reduce((_, n) => ({ n, fn: () => n }) as never)
        .name('reduce')
        .sinkTo({ kind: 'out', open: () => ({ write: () => {}, close: () => {} }) });
    });
    const bench = await TaskBench.open(graph, { vertex: 'reduce', records: 'trusted' });
    bench.feed(0, [1, 1], barrier(1), [1]);
    bench.trigger(1);
    await bench.settle();
    expect(bench.declined).toMatchObject([
      {
        checkpoint: 1,
        failure: { kind: 'checkpoint', operator: 'reduce', code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE' },
      },
    ]);
    expect(bench.failures).toEqual([]);
    expect(bench.task.metrics().recordsIn).toBe(3);
  });

  it('what may build on another snapshot waits for the word on which', async () => {
    const graph = draw((env) => {
      env
        .from(source<number>())
        .keyBy((n) => n)
        .aggregate({ records: count() })
        .name('count')
        .rebalance()
        .sinkTo(testSink('out'));
    });
    const keys = Array.from({ length: 40 }, (_, i) => i);
    for (const incremental of [true, false]) {
      const bench = await TaskBench.open(graph, {
        vertex: 'count',
        incremental,
        capacityRecords: 1_000,
      });
      const builtOn = () =>
        bench.captured.map(({ sections }) => sections.find(({ name }) => name === 'rows')!.on);
      bench.feed(0, keys, barrier(1), [1]);
      await bench.settle();
      const seen = bench.task.metrics().recordsIn;
      expect([seen, builtOn().length]).toEqual(incremental ? [40, 0] : [41, 1]);
      bench.trigger(1);
      bench.feed(0, barrier(2), [2]);
      await bench.settle();
      bench.trigger(2, 1);
      await bench.settle();
      expect(bench.task.metrics().recordsIn).toBe(42);
      expect(builtOn()).toEqual(incremental ? [undefined, 1] : [undefined, undefined]);
      // Without a base it holds everything; the one after it may build on it, and not on an older one.
      for (const [checkpoint, base] of [
        [3, undefined],
        [4, 3],
        [5, 2],
      ] as const) {
        bench.feed(0, [3], barrier(checkpoint));
        bench.trigger(checkpoint, base);
        await bench.settle();
      }
      expect(builtOn().slice(2)).toEqual(
        incremental ? [undefined, 3, undefined] : [undefined, undefined, undefined],
      );
    }
  });

  it('a task with sinks waits for the driver, who tells of aborts first', async () => {
    const calls: string[] = [];
    const graph = draw((env) => {
      env
        .from(source<number>())
        .rebalance()
        .map((n) => n)
        .name('head')
        .sinkTo(
          sink('log', {
            open: () => ({
              write: (n) => calls.push(`write ${n}`),
              prepare: (checkpoint) => {
                calls.push(`prepare ${checkpoint}`);
                return undefined;
              },
              abort: (checkpoint) => calls.push(`abort ${checkpoint}`),
              close: () => {},
            }),
          }),
        );
    });
    const bench = await TaskBench.open(graph, { vertex: 'head' });
    bench.feed(0, [1], barrier(1), [2]);
    bench.trigger(1);
    await bench.settle();
    bench.feed(0, barrier(2), [3]);
    await bench.settle();
    expect(calls).toEqual(['write 1', 'prepare 1', 'write 2']);
    bench.abort(1);
    bench.trigger(2);
    await bench.settle();
    expect(calls).toEqual(['write 1', 'prepare 1', 'write 2', 'abort 1', 'prepare 2', 'write 3']);
    // A checkpoint that is given up while the driver's word is missing is forgotten.
    bench.feed(0, barrier(3), [4]);
    await bench.settle();
    bench.abort(3);
    await bench.settle();
    expect(calls.slice(-2)).toEqual(['abort 3', 'write 4']);
  });
});

describe('checkpoints that overlap', () => {
  /** A sink whose promises of `prepare` are settled by hand. */
  function slowSink(calls: string[]) {
    const durable = new Map<number, () => void>();
    const slow = sink<number>('slow', {
      open: () => ({
        write: (n) => calls.push(`write ${n}`),
        prepare: (checkpoint) => {
          calls.push(`prepare ${checkpoint}`);
          return new Promise((resolve) => {
            durable.set(checkpoint, () => resolve(undefined));
          });
        },
        abort: (checkpoint) => calls.push(`abort ${checkpoint}`),
        close: () => {},
      }),
    });
    return { slow, durable: (checkpoint: number) => durable.get(checkpoint)!() };
  }

  it('a task completes its part of one before it takes that of the next', async () => {
    const calls: string[] = [];
    const { slow, durable } = slowSink(calls);
    const graph = draw((env) => {
      env
        .from(source<number>())
        .rebalance()
        .map((n) => n)
        .name('head')
        .sinkTo(slow);
    });
    const bench = await TaskBench.open(graph, { vertex: 'head', incremental: true });
    bench.feed(0, [1], barrier(1), [2], barrier(2), [3], barrier(3), [4]);
    for (const checkpoint of [1, 2, 3]) bench.trigger(checkpoint);
    await bench.settle();
    // Nothing from behind the second barrier, which is held back with its part.
    expect(calls).toEqual(['write 1', 'prepare 1', 'write 2']);
    expect(bench.captured).toEqual([]);
    durable(1);
    await bench.settle();
    expect(calls.slice(3)).toEqual(['prepare 2', 'write 3']);
    expect(bench.captured.map(({ checkpoint }) => checkpoint)).toEqual([1]);
    bench.abort(3);
    bench.abort(2);
    await bench.settle();
    // The barrier of the third is dead by now, and no part of it is taken.
    expect(calls.slice(5)).toEqual(['abort 3', 'abort 2', 'write 4']);
    bench.feed(0, barrier(4));
    bench.trigger(4);
    await bench.settle();
    durable(4);
    await bench.settle();
    expect(bench.captured.map(({ checkpoint }) => checkpoint)).toEqual([1, 4]);
  });

  it('a source goes on meanwhile, and takes its parts in order', async () => {
    const calls: string[] = [];
    const { slow, durable } = slowSink(calls);
    const graph = draw((env) => {
      env
        .from(testSource({ splits: [[1, 2, 3, 4]] }))
        .name('head')
        .sinkTo(slow);
    });
    const bench = await TaskBench.open(graph, { vertex: 'head', splits: 1 });
    for (const checkpoint of [1, 2, 3]) bench.trigger(checkpoint);
    await bench.settle();
    expect(calls).toEqual(['prepare 1', 'write 1', 'write 2', 'write 3', 'write 4']);
    expect(bench.ended).toBe(1);
    for (const checkpoint of [1, 2, 3]) {
      durable(checkpoint);
      await bench.settle();
      expect(bench.captured.at(-1)).toMatchObject({ checkpoint });
    }
    expect(calls.slice(5)).toEqual(['prepare 2', 'prepare 3']);
    const read = bench.captured.flatMap(({ sourceRecords }) => sourceRecords);
    expect(read.map(({ records }) => records)).toEqual([0, 4, 4]);
  });

  it('each is told what it may build on', async () => {
    const graph = draw((env) => {
      env
        .from(source<number>())
        .keyBy((n) => n)
        .aggregate({ records: count() })
        .name('count')
        .rebalance()
        .sinkTo(testSink('out'));
    });
    const keys = Array.from({ length: 40 }, (_, i) => i);
    const options = { vertex: 'count', incremental: true, capacityRecords: 1_000 };
    const bench = await TaskBench.open(graph, options);
    bench.feed(0, keys, barrier(1));
    bench.trigger(1);
    await bench.settle();
    bench.trigger(2, 1);
    bench.trigger(3);
    bench.feed(0, [1], barrier(2), [2], barrier(3), [3], barrier(4));
    await bench.settle();
    // Checkpoint 2 is complete and 3 was given up: its cut has taken the place of 2's.
    bench.abort(3);
    bench.trigger(4, 2);
    await bench.settle();
    bench.feed(0, [4], barrier(5));
    bench.trigger(5, 4);
    await bench.settle();
    const builtOn = bench.captured.map(
      ({ sections }) => sections.find(({ name }) => name === 'rows')!.on,
    );
    expect(builtOn).toEqual([undefined, 1, undefined, undefined, 4]);
  });
});

describe('pausing', () => {
  it('stops after any record when time is up, and loses nothing', async () => {
    const graph = draw((env) => {
      env
        .from(source<number>())
        .rebalance()
        .flatMap((n) => [n, n + 0.25, n + 0.5])
        .name('head')
        .flatMap(function* (n) {
          yield n;
          yield -n;
        })
        .rebalance()
        .map((n) => n)
        .sinkTo(sink());
    });
    const bench = await TaskBench.open(graph, { vertex: 'head', capacityRecords: 1_000 });
    bench.feed(0, [1, 2, 3], barrier(1), [4], end);
    let runs = 0;
    while (bench.task.runnable) {
      bench.task.run(0);
      runs += 1;
    }
    const expected = (n: number) => [n, n + 0.25, n + 0.5].flatMap((m) => [m, -m]);
    expect(contents(bench.outputs[0]![0]!)).toEqual([
      ...[1, 2, 3].flatMap(expected),
      'barrier 1',
      ...expected(4),
      'watermark Infinity',
      'end',
    ]);
    expect(runs).toBeGreaterThan(20);
  });

  it('stops while an output is full, and a snapshot does not fall into a half-done record', async () => {
    const graph = draw((env) => {
      env
        .from(source<number>())
        .rebalance()
        .flatMap((n) => [n, n, n, n, n, n, n, n])
        .name('head')
        .rebalance()
        .map((n) => n)
        .sinkTo(sink());
    });
    const bench = await TaskBench.open(graph, { vertex: 'head', capacityRecords: 3 });
    const output = bench.outputs[0]![0]!;
    bench.feed(0, [7], barrier(1));
    await bench.settle();
    expect(bench.gate.closed).toBe(true);
    expect(bench.task.run(Number.POSITIVE_INFINITY)).toBe(false);
    expect(output.queue).toHaveLength(2);
    output.queue.length = 0;
    await bench.settle();
    expect(contents(output)).toEqual([7, 7, 'barrier 1']);
    expect(bench.task.metrics().blockedMs).toBeGreaterThan(0);
  });

  it('does nothing any more when the epoch is over', async () => {
    const bench = await relayed();
    bench.feed(0, [1, 2, 3]);
    bench.task.run(0);
    bench.lease.revoke();
    expect(bench.task.runnable).toBe(false);
    expect(bench.task.run(Number.POSITIVE_INFINITY)).toBe(false);
    expect(contents(bench.outputs[0]![0]!)).toEqual([1]);
  });

  it('a record under way when the epoch ends is the last one', async () => {
    const seen: number[] = [];
    const bench: TaskBench = await relayed(
      { capacityRecords: 1_000 },
      relay((n) => {
        seen.push(n);
        if (n === 40) bench.lease.revoke();
        return n;
      }),
    );
    bench.feed(
      0,
      Array.from({ length: 300 }, (_, i) => i),
    );
    bench.task.run(Number.POSITIVE_INFINITY);
    // The epoch is looked at with the clock: every 32 records at least.
    expect(seen.length).toBeGreaterThan(40);
    expect(seen.length).toBeLessThanOrEqual(73);
  });

  it('publishes a partial batch when it has waited long enough', async () => {
    const bench = await relayed({ bufferTimeoutMs: 5 });
    const output = bench.outputs[0]![0]!;
    bench.feed(0, [1]);
    await bench.settle();
    const now = performance.now();
    const due = bench.task.flushDue(now - 1_000);
    expect(due).toBeLessThanOrEqual(now + 5);
    expect(output.queue).toEqual([]);
    expect(bench.task.flushDue(due!)).toBe(undefined);
    expect(output.queue).toHaveLength(1);
  });
});

describe('sources', () => {
  const reading = (given: Source<number>, narrow = true) =>
    draw((env) => {
      const stream = env.from(given).name('numbers');
      (narrow ? stream.parallelism(1) : stream)
        .rebalance()
        .map((n) => n)
        .sinkTo(sink());
    });
  const open = (
    given: Source<number>,
    options: Partial<Parameters<typeof TaskBench.open>[1]> = {},
  ) => TaskBench.open(reading(given), { vertex: 'numbers', capacityRecords: 1_000, ...options });

  it('read their splits in order, then end, and go on answering triggers', async () => {
    const bench = await open(testSource({ splits: [[1, 2], [], [3, 4, 5]] }), { splits: 3 });
    await bench.settle();
    bench.trigger(1);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([
      1,
      2,
      3,
      4,
      5,
      'watermark Infinity',
      'end',
      'barrier 1',
    ]);
    expect(bench.ended).toBe(1);
    expect(bench.captured[0]).toMatchObject({
      sourceRecords: [{ operator: 'numbers', instance: 0, records: 5 }],
    });
    expect(bench.lease.sourceRecords).toBe(5);
  });

  it('deal splits by instance', async () => {
    const graph = reading(testSource({ splits: [[1], [2], [3]] }), false);
    for (const [instance, expected] of [
      [0, [1, 3]],
      [1, [2]],
    ] as const) {
      const bench = await TaskBench.open(graph, {
        vertex: 'numbers',
        slots: 2,
        instance,
        splits: 3,
      });
      await bench.settle();
      const read = bench.outputs[0]!.flatMap((channel) => contents(channel)).filter(
        Number.isInteger,
      );
      expect(read.toSorted()).toEqual(expected);
    }
  });

  it('go on after a restore with exactly the next record, wherever they were', async () => {
    const splits = [
      [1, 2, 3, 4, 5, 6],
      [7, 8],
    ];
    for (let taken = 0; taken <= 8; taken += 1) {
      const bench = await open(testSource({ splits, batchRecords: 4 }), { splits: 2 });
      const read: unknown[] = [];
      for (let turns = 0; read.length < taken; turns += 1) {
        if (turns > 100) throw new Error('the source stands still');
        bench.task.run(0);
        await new Promise((resolve) => setImmediate(resolve));
        read.push(...contents(bench.outputs[0]![0]!).filter(Number.isInteger));
      }
      bench.trigger(1);
      // Time is up at once: the barrier comes before the next record.
      bench.task.run(0);
      const more = contents(bench.outputs[0]![0]!);
      const cut = more.indexOf('barrier 1');
      read.push(...more.slice(0, cut).filter(Number.isInteger));
      const next = await open(testSource({ splits }), { restored: bench.restorable() });
      await next.settle();
      const rest = contents(next.outputs[0]![0]!).filter(Number.isInteger);
      expect([...read, ...rest]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(next.lease.sourceRecords).toBe(8);
    }
  });

  it('rest while a poll is pending, and wake their thread', async () => {
    let settle: (records: readonly number[] | undefined) => void = () => {};
    const slow: Source<number> = {
      kind: 'slow',
      splits: async () => [],
      open: async () =>
        ({
          poll: () =>
            new Promise((resolve) => {
              settle = (records) => resolve(records === undefined ? undefined : { records });
            }),
          position: (taken) => taken,
          describe: () => 'somewhere',
          close: () => {},
        }) satisfies SourceReader<number>,
    };
    const bench = await open(slow, { splits: 1 });
    await bench.settle();
    expect(bench.task.runnable).toBe(false);
    const woken = bench.woken;
    settle([5]);
    await bench.settle();
    expect(bench.woken).toBeGreaterThan(woken);
    bench.trigger(1);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([5, 'barrier 1']);
    settle(undefined);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['watermark Infinity', 'end']);
  });

  it('stop without advancing time, but still take snapshots', async () => {
    const bench = await open(testSource({ splits: [[1, 2, 3, 4, 5, 6]] }), { splits: 1 });
    bench.task.run(0);
    await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 3; i += 1) bench.task.run(0);
    bench.stopSources(false);
    await bench.settle();
    const read = contents(bench.outputs[0]![0]!);
    expect(read.length).toBeLessThan(6);
    bench.trigger(1);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['barrier 1']);
    expect(bench.ended).toBe(0);
    const next = await open(testSource({ splits: [[1, 2, 3, 4, 5, 6]] }), {
      restored: bench.restorable(),
    });
    await next.settle();
    const rest = contents(next.outputs[0]![0]!).filter(Number.isInteger);
    expect([...read, ...rest]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('drain: time ends now, and what was not read is not taken for read', async () => {
    const bench = await open(testSource({ splits: [[1, 2, 3]] }), { splits: 1 });
    bench.stopSources(true);
    await bench.settle();
    bench.trigger(1);
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual(['watermark Infinity', 'end', 'barrier 1']);
    expect(bench.ended).toBe(1);
    const next = await open(testSource({ splits: [[1, 2, 3]] }), { restored: bench.restorable() });
    await next.settle();
    expect(contents(next.outputs[0]![0]!).filter(Number.isInteger)).toEqual([1, 2, 3]);
  });

  it('that the checkpoint does not know are an error, not an empty input', async () => {
    await expect(
      open(testSource({ splits: [[1]] }), { restored: [{ operator: 'numbers', sections: [] }] }),
    ).rejects.toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
  });

  it('send malformed input to the side output', async () => {
    const bad = { source: 's', line: 2, text: '{', error: 'malformed' };
    const given = { splits: [[1, bad, 2]], rejectTag: 'bad' };
    const graph = draw((env) => {
      const stream = env.from(testSource<number>(given)).name('numbers').parallelism(1);
      stream
        .rebalance()
        .map((n) => n)
        .sinkTo(sink());
      stream
        .sideOutput('bad')
        .rebalance()
        .map((n) => n)
        .sinkTo(sink());
    });
    const bench = await TaskBench.open(graph, { vertex: 'numbers', splits: 1 });
    await bench.settle();
    expect(bench.outputs.map(([channel]) => contents(channel!))).toEqual([
      [1, 2, 'watermark Infinity', 'end'],
      [bad, 'watermark Infinity', 'end'],
    ]);
  });

  it('that fail say where', async () => {
    const failing = testSource<number>({
      splits: [[1, 2, 3, 4]],
      batchRecords: 2,
      failAt: { split: 0, record: 2 },
    });
    const bench = await open(failing, { splits: 1 });
    await bench.settle();
    expect(contents(bench.outputs[0]![0]!)).toEqual([1, 2]);
    expect(bench.failures).toMatchObject([
      {
        kind: 'source',
        operator: 'numbers',
        instance: 0,
        position: 'split 0',
        message: 'cannot be read',
      },
    ]);
    expect(bench.task.runnable).toBe(false);
    expect(bench.task.run(Number.POSITIVE_INFINITY)).toBe(false);
  });

  describe('of one’s own that give nonsense fail as what they are, at once or later', () => {
    const polling = (poll: () => unknown): Source<number> => ({
      kind: 'odd',
      splits: async () => [],
      open: async () =>
        ({ poll, position: () => 0, describe: () => 'somewhere', close() {} }) as never,
    });
    const batches: readonly (readonly [what: string, batch: unknown, message: RegExp])[] = [
      ['null', null, /gave null: it must give \{ records/],
      ['an array', [1, 2], /gave an array: it must give/],
      ['no records', {}, /gave an object: it must give/],
      ['records that are none', { records: { length: 2 } }, /gave an object: it must give/],
      ['too few timestamps', { records: [1, 2], timestamps: new Float64Array(1) }, /2 records/],
      ['timestamps that are none', { records: [1], timestamps: 7 }, /Float64Array/],
      ['rejected that is none', { records: [1], rejected: true }, /rejected/],
    ];
    for (const [what, batch, message] of batches) {
      for (const answer of ['at once', 'later']) {
        it(`${what}, ${answer}`, async () => {
          const poll = () => (answer === 'later' ? Promise.resolve(batch) : batch);
          const bench = await open(polling(poll), { splits: 1 });
          await bench.settle();
          expect(bench.failures).toMatchObject([
            { kind: 'source', operator: 'numbers', code: 'ERR_HOLDFAST_SOURCE' },
          ]);
          expect(bench.failures[0]?.message).toMatch(message);
          expect(bench.failures[0]?.message).toContain("poll() of source 'numbers'");
          expect(contents(bench.outputs[0]![0]!)).toEqual([]);
        });
      }
    }

    it('no reader', async () => {
      for (const reader of [undefined, null, {}, { poll() {}, position() {}, describe() {} }]) {
        const odd: Source<number> = {
          kind: 'odd',
          splits: async () => [],
          open: async () => reader as never,
        };
        const bench = await open(odd, { splits: 1 });
        await bench.settle();
        expect(bench.failures).toMatchObject([{ kind: 'source', code: 'ERR_HOLDFAST_SOURCE' }]);
        expect(bench.failures[0]?.message).toMatch(
          /open\(\) of source 'numbers' gave .* no method/,
        );
      }
    });

    it('a batch that throws when it is looked at', async () => {
      const batch = {
        get records(): never {
          throw new RangeError('not to be looked at');
        },
      };
      const bench = await open(
        polling(() => Promise.resolve(batch)),
        { splits: 1 },
      );
      await bench.settle();
      expect(bench.failures).toMatchObject([{ kind: 'source', name: 'RangeError' }]);
    });
  });
});

describe('sinks', () => {
  const plain: SinkWriter<number> = { write: () => {}, close: () => {} };

  function into(writer: SinkWriter<number>, note: (context: SinkContext) => void = () => {}) {
    const given: Sink<number> = {
      kind: 'given',
      commit: async () => {},
      open: async (context) => {
        note(context);
        return writer;
      },
    };
    return draw((env) => {
      env
        .from(source<number>())
        .rebalance()
        .map((n) => n)
        .name('head')
        .sinkTo(given)
        .uid('sink');
    });
  }

  it('that are full stop the task until they say otherwise', async () => {
    const written: number[] = [];
    let full = false;
    const writer: SinkWriter<number> = {
      ...plain,
      write: (n) => {
        written.push(n);
        full = n === 2;
      },
    };
    Object.defineProperty(writer, 'full', { get: () => full });
    const bench = await TaskBench.open(into(writer), { vertex: 'head' });
    bench.feed(0, [1, 2, 3, 4], barrier(1));
    bench.trigger(1);
    await bench.settle();
    expect(written).toEqual([1, 2]);
    expect(bench.task.runnable).toBe(false);
    full = false;
    await bench.settle();
    expect(written).toEqual([1, 2, 3, 4]);
    expect(bench.captured).toHaveLength(1);
    expect(bench.firstOutputs).toBe(1);
    expect(bench.lease.sinkRecords).toBe(4);
  });

  it('get their state back; after a rescale instance 0 gets all of it', async () => {
    const state = new Uint8Array([1, 2, 3]);
    const kept = into({
      ...plain,
      prepare: async () => ({ state: [state], visible: ['row'], transaction: { a: 1 } }),
    });
    const bench = await TaskBench.open(kept, { vertex: 'head' });
    bench.feed(0, barrier(1));
    bench.trigger(1);
    await bench.settle();
    expect(bench.captured).toMatchObject([
      {
        transactions: [{ operator: 'sink', instance: 0, transaction: { a: 1 } }],
        visible: [{ operator: 'sink', instance: 0, rows: ['row'] }],
      },
    ]);
    // The writer's own memory is not given away.
    const chunk = bench.captured[0]!.sections.find(({ name }) => name === 'state')!.chunks[0]!;
    expect(chunk).toEqual(state);
    expect(chunk.buffer).not.toBe(state.buffer);
    const restored = bench.restorable();
    const seen: unknown[] = [];
    const graph = into({ ...plain, visible: () => ['old row'] }, (context) =>
      seen.push(context.restored),
    );
    const again = await TaskBench.open(graph, { vertex: 'head', restored });
    expect(again.visible).toEqual([{ operator: 'sink', rows: ['old row'] }]);
    for (const instance of [0, 1]) {
      await TaskBench.open(graph, { vertex: 'head', slots: 2, instance, restored });
    }
    const all = [{ instance: 0, bytes: state }];
    expect(seen).toEqual([all, all, []]);
  });

  it('that cannot prepare fail the task: their rows would be lost', async () => {
    for (const prepare of [
      () => Promise.reject(new Error('disk full')),
      () => {
        throw new Error('disk full');
      },
    ]) {
      const bench = await TaskBench.open(into({ ...plain, prepare }), { vertex: 'head' });
      bench.feed(0, barrier(1));
      bench.trigger(1);
      await bench.settle();
      expect(bench.failures).toMatchObject([
        { kind: 'sink', operator: 'sink', message: 'disk full' },
      ]);
      expect(bench.declined).toEqual([]);
    }
  });

  it('that fail later are heard, also before the task is open', async () => {
    let fail: (error: unknown) => void = () => {};
    const graph = into(plain, (context) => {
      fail = context.fail;
    });
    const bench = await TaskBench.open(graph, { vertex: 'head' });
    fail(new Error('disk gone'));
    fail(new Error('and again'));
    expect(bench.failures).toMatchObject([
      { kind: 'sink', operator: 'sink', message: 'disk gone' },
    ]);
    const early = into(plain, (context) => context.fail(new Error('no disk')));
    await expect(TaskBench.open(early, { vertex: 'head' })).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_SINK',
      message: expect.stringContaining('no disk') as string,
    });
    await bench.task.close();
    fail(new Error('too late to matter'));
    expect(bench.failures).toHaveLength(1);
  });
});

describe('failures', () => {
  it('of user code name the operator and the record', async () => {
    const graph = draw((env) => {
      env
        .from(testSource<number>({ splits: [[1, 2, 3]] }))
        .map((n) => n)
        .filter((n) => {
          if (n === 3) throw new TypeError('three is bad');
          return true;
        })
        .name('picky')
        .map((n) => n)
        .sinkTo(testSink('out'));
    });
    const bench = await TaskBench.open(graph, { vertex: 'testSource', splits: 1 });
    await bench.settle();
    expect(bench.failures).toMatchObject([
      {
        kind: 'user-code',
        operator: 'picky',
        instance: 0,
        position: 'split 0, record 2',
        name: 'TypeError',
        message: 'three is bad',
      },
    ]);
  });

  it('in a task without a source tell the number of the record', async () => {
    const bench = await relayed(
      {},
      relay((n) => {
        if (n === 9) throw new Error('nine');
        return n;
      }),
    );
    bench.feed(0, [1, 2], [3, 9]);
    await bench.settle();
    expect(bench.failures).toMatchObject([{ operator: 'relay', position: 'record 4' }]);
  });

  it('of a key selector are those of the operator that asked for the key', async () => {
    const graph = (key: (n: number) => never) =>
      draw((env) => {
        env
          .from(testSource<number>({ splits: [[1]] }))
          .keyBy(key)
          .aggregate({ n: count() })
          .name('counts')
          .sinkTo(testSink('out'));
      });
    for (const [key, code] of [
      [() => ({}), 'ERR_HOLDFAST_UNSUPPORTED_KEY'],
      [() => Promise.resolve(1), 'ERR_HOLDFAST_ASYNC_CALLBACK'],
    ] as const) {
      const bench = await TaskBench.open(graph(key as never), { vertex: 'testSource', splits: 1 });
      await bench.settle();
      expect(bench.failures).toMatchObject([{ code, operator: 'counts', kind: 'user-code' }]);
    }
  });
});

describe('routing', () => {
  it('hash: a key has one instance; broadcast: all; rebalance: in turn', async () => {
    const graph = draw((env) => {
      const stream = env.from(testSource<number>({ splits: [[0, 1, 2, 3, 4, 5]] })).parallelism(1);
      stream
        .keyBy((n) => n % 3)
        .reduce((_, n) => n)
        .uid('keyed')
        .sinkTo(sink('a'));
      stream
        .rebalance()
        .map((n) => n)
        .sinkTo(sink('b'));
      stream
        .broadcast()
        .map((n) => n)
        .sinkTo(sink('c'));
    });
    const bench = await TaskBench.open(graph, {
      vertex: 'testSource',
      slots: 2,
      splits: 1,
      capacityRecords: 1_000,
    });
    await bench.settle();
    const [hashed, dealt, all] = bench.outputs.map((channels) =>
      channels.map((channel) => {
        const batches = channel.queue.filter((element) => element.kind === 'batch');
        const groups = batches.flatMap(({ groups }) => [...groups!]);
        return { records: contents(channel).filter(Number.isInteger) as number[], groups };
      }),
    );
    for (const { records } of all!) expect(records).toEqual([0, 1, 2, 3, 4, 5]);
    expect(dealt!.map(({ records }) => records)).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ]);
    const groupOfKey = new Map<number, number>();
    for (const { records, groups } of hashed!) {
      for (const [i, n] of records.entries()) {
        expect(groups[i]).toBe(groupOfKey.get(n % 3) ?? groups[i]);
        expect(groups[i]).toBeGreaterThan(0);
        groupOfKey.set(n % 3, groups[i]!);
      }
      expect(records).toEqual(records.toSorted());
    }
    expect(hashed!.flatMap(({ records }) => records).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(bench.task.metrics()).toMatchObject({
      vertex: 'testSource',
      recordsIn: 6,
      recordsOut: 18,
    });
  });
});

describe('records that cannot travel', () => {
  it('are an error of the operator that made them, also when only a flush finds out', async () => {
    const bench = await relayed();
    bench.outputs[0]![0]!.flush = () => {
      throw new Error('untransferable');
    };
    bench.feed(0, [1]);
    await bench.settle();
    expect(bench.failures).toEqual([]);
    expect(bench.task.flushDue(Number.MAX_VALUE)).toBe(undefined);
    expect(bench.failures).toMatchObject([{ operator: 'relay', message: 'untransferable' }]);
  });
});
