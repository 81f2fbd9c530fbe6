/** Splits that come while the job runs, and readers that hear of checkpoints. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TimestampOptions } from '../../src/stream/api/timestamp-options.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import type { Source, SourceReader, SourceSplit } from '../../src/stream/source.js';
import { SourceAlignment } from '../../src/stream/task/source-alignment.js';
import { describeHolder } from '../../src/stream/task/time-holder.js';
import { draw, sink } from './graph-kit.js';
import { type BenchOptions, TaskBench } from './task-bench.js';
import { contents } from './task-kit.js';

type Found = readonly SourceSplit[] | undefined;

/** Three records for each split, numbered by the split's number; a test says what is found. */
class Growing {
  readonly asked: {
    readonly give: (found: unknown) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  readonly opened: string[] = [];
  readonly heard: string[] = [];
  readonly closed: string[] = [];
  /** Each reader gives its records, then ends. */
  bounded = true;

  source(options: { readonly discovers?: boolean } = {}): Source<number> {
    const discover = (): Promise<Found> =>
      new Promise((resolve, reject) => {
        this.asked.push({ give: (found) => resolve(found as Found), fail: reject });
      });
    return {
      kind: 'growing',
      bounded: this.bounded,
      splits: async () => [],
      open: async (split, position) => this.#reader(split, position),
      ...(options.discovers === false ? {} : { discover }),
    };
  }

  found(...numbers: readonly number[]): void {
    this.asked.at(-1)!.give(numbers.map(split));
  }

  #reader(split: SourceSplit, position: unknown): SourceReader<number> {
    this.opened.push(split.id);
    const first = 10 * Number(split.id.slice('split '.length));
    let next = (position as number | undefined) ?? 0;
    let start = next;
    return {
      poll: () => {
        start = next;
        if (next === 3) return this.bounded ? undefined : new Promise(() => {});
        next += 1;
        return { records: [first + start] };
      },
      position: (taken) => start + taken,
      describe: () => split.id,
      committed: (checkpoint, at) => this.heard.push(`${split.id}: ${checkpoint} at ${String(at)}`),
      close: () => void this.closed.push(split.id),
    };
  }
}

const split = (number: number): SourceSplit => ({ id: `split ${number}` });
const reading = (source: Source<number>, narrow = true): Graph =>
  draw((env) => {
    const stream = env.from(source).name('numbers');
    (narrow ? stream.parallelism(1) : stream)
      .rebalance()
      .map((n) => n)
      .sinkTo(sink());
  });
const open = (source: Source<number>, options: Partial<BenchOptions> = {}): Promise<TaskBench> =>
  TaskBench.open(reading(source, options.slots === undefined), {
    vertex: 'numbers',
    capacityRecords: 1_000,
    ...options,
  });
const read = (bench: TaskBench): unknown[] =>
  bench.outputs[0]!.flatMap((channel) => contents(channel)).filter(Number.isInteger);

describe('splits that are discovered', () => {
  it('are read from then on, each once, and hold the end back until there will be no more', async () => {
    const growing = new Growing();
    const bench = await open(growing.source(), { splits: 1 });
    await bench.settle();
    expect(read(bench)).toEqual([0, 1, 2]);
    expect(bench.ended).toBe(0);
    growing.found(0, 1);
    await bench.settle();
    growing.found(2, 0, 1);
    await bench.settle();
    expect(read(bench)).toEqual([10, 11, 12, 20, 21, 22]);
    expect(growing.opened).toEqual(['split 0', 'split 1', 'split 2']);
    expect(bench.ended).toBe(0);
    growing.asked.at(-1)!.give(undefined);
    await bench.settle();
    expect(bench.ended).toBe(1);
    expect(growing.asked).toHaveLength(3);
  });

  it('are in the next snapshot: a restore reads on, and takes none of them for new', async () => {
    const growing = new Growing();
    const bench = await open(growing.source(), { splits: 1 });
    await bench.settle();
    growing.found(1, 2);
    while (bench.lease.sourceRecords < 4) {
      bench.task.run(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    bench.trigger(1);
    bench.task.run(0);
    const all = contents(bench.outputs[0]![0]!);
    const before = all.slice(0, all.indexOf('barrier 1')).filter(Number.isInteger);
    const again = new Growing();
    const next = await open(again.source(), { restored: bench.restorable() });
    again.found(0, 1, 2, 3);
    await next.settle();
    expect([...before, ...read(next)]).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]);
    expect(again.opened).not.toContain('split 0');
    expect(next.lease.sourceRecords).toBe(12);
  });

  it('belong to one instance each, before and after a change of parallelism', async () => {
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
    const life = async (
      slots: number,
      known: BenchOptions['restored'],
      found: readonly number[],
    ) => {
      const rows: unknown[] = [];
      const parts: NonNullable<BenchOptions['restored']>[number]['sections'][number][] = [];
      for (let instance = 0; instance < slots; instance += 1) {
        const growing = new Growing();
        const options: Partial<BenchOptions> =
          known === undefined ? { splits: 2 } : { restored: known };
        const bench = await open(growing.source(), { slots, instance, ...options });
        await bench.settle();
        growing.found(...found);
        await bench.settle();
        rows.push(...read(bench));
        bench.trigger(1);
        await bench.settle();
        for (const { sections } of bench.restorable()) parts.push(...sections);
      }
      return { rows: rows as number[], restored: [{ operator: 'numbers', sections: parts }] };
    };
    const first = await life(3, undefined, numbers.slice(0, 5));
    expect(first.rows.toSorted((a, b) => a - b)).toEqual(
      numbers.slice(0, 5).flatMap((n) => [10 * n, 10 * n + 1, 10 * n + 2]),
    );
    const second = await life(2, first.restored, numbers);
    expect(second.rows.toSorted((a, b) => a - b)).toEqual(
      numbers.slice(5).flatMap((n) => [10 * n, 10 * n + 1, 10 * n + 2]),
    );
  });

  it('of a source that did not discover before are dealt anew, or the start is refused', async () => {
    const captured: { instance: number; name: string; bytes: Uint8Array }[] = [];
    for (const instance of [0, 1]) {
      const bench = await open(new Growing().source({ discovers: false }), {
        slots: 2,
        instance,
        splits: 6,
      });
      bench.trigger(1);
      bench.task.run(0);
      for (const { sections } of bench.restorable()) captured.push(...sections);
    }
    const restored = [{ operator: 'numbers', sections: captured }];
    const source = () => new Growing().source();
    const starts = [0, 1].map((instance) =>
      open(source(), { slots: 2, instance, restored }).then(
        () => 'started',
        (error: unknown) => (error as { code: string; message: string }).message,
      ),
    );
    // By number split 1 is instance 1's, by its id it is not: one of them at least has a stranger.
    expect(await Promise.all(starts)).toContainEqual(
      expect.stringMatching(/had no discover\(\).*another parallelism than 2/),
    );
    const rows: unknown[] = [];
    for (const instance of [0, 1, 2]) {
      const bench = await open(source(), { slots: 3, instance, restored });
      await bench.settle();
      rows.push(...read(bench));
    }
    expect(rows).toHaveLength(18);
    expect(new Set(rows).size).toBe(18);
  });

  it.each<[string, (growing: Growing) => void, RegExp]>([
    ['a failure', ({ asked }) => asked[0]!.fail(new Error('no listing')), /no listing/],
    [
      'no array',
      ({ asked }) => asked[0]!.give('all'),
      /discover\(\) of source 'numbers' gave the string "all"/,
    ],
    [
      'a split without an id',
      ({ asked }) => asked[0]!.give([{ path: 'x' }]),
      /discover\(\) of source 'numbers' gave a split without an id/,
    ],
    ['one id twice', (growing) => growing.found(4, 4), /two splits with the id 'split 4'/],
  ])('that are %s fail the source', async (_, act, message) => {
    const growing = new Growing();
    const bench = await open(growing.source(), { splits: 1 });
    await bench.settle();
    act(growing);
    await bench.settle();
    expect(bench.failures).toMatchObject([{ kind: 'source', operator: 'numbers' }]);
    expect(bench.failures[0]!.message).toMatch(message);
  });

  it('are nobody’s any more once the task is closed', async () => {
    const growing = new Growing();
    const bench = await open(growing.source(), { splits: 1 });
    await bench.settle();
    await bench.task.close();
    const { woken } = bench;
    growing.found(1);
    await bench.settle();
    expect([bench.woken, growing.opened, growing.asked.length]).toEqual([woken, ['split 0'], 1]);
  });
});

describe('an instance without a split', () => {
  const timed = (source: Source<number>, options?: TimestampOptions): Graph =>
    draw((env) => {
      env
        .from(source)
        .name('numbers')
        .parallelism(1)
        .withTimestamps((n) => n, options)
        .rebalance()
        .map((n) => n)
        .sinkTo(sink());
    });
  const said = (bench: TaskBench): unknown[] =>
    contents(bench.outputs[0]![0]!).filter((element) => typeof element === 'string');
  let nowMs = 0;
  beforeEach(() => {
    nowMs = 1_000;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  });
  afterEach(() => vi.restoreAllMocks());
  /** Lets as much time pass, and looks every 100 ms. */
  const pass = async (bench: TaskBench, ms: number): Promise<void> => {
    await bench.settle();
    for (let passed = 0; passed < ms; passed += 100) {
      nowMs += 100;
      bench.task.flushDue(nowMs);
      await bench.settle();
    }
  };

  it('is idle after a while, like a split that never spoke, until it has one', async () => {
    const growing = new Growing();
    growing.bounded = false;
    const graph = timed(growing.source(), { idleAfterMs: 1_000 });
    const bench = await TaskBench.open(graph, { vertex: 'numbers', splits: 0 });
    await pass(bench, 900);
    expect(said(bench)).toEqual([]);
    expect(bench.task.flushDue(nowMs)).toBe(2_000);
    await pass(bench, 100);
    expect(said(bench)).toEqual(['idle, silent']);
    // What is found is not its own, or nothing: it stays idle.
    growing.found();
    await pass(bench, 2_000);
    expect(said(bench)).toEqual([]);
    growing.found(1);
    await pass(bench, 100);
    expect(said(bench)).toEqual(['watermark -Infinity', 'watermark 11']);
    await pass(bench, 2_000);
    expect(said(bench)).toEqual(['idle']);
  });

  it('holds time for a split that says nothing as soon as it has it', async () => {
    let give: (found: Found) => void = () => {};
    const source: Source<number> = {
      kind: 'mute',
      splits: async () => [],
      discover: () =>
        new Promise((resolve) => {
          give = resolve;
        }),
      open: async () => ({
        poll: () => new Promise(() => {}),
        position: () => 0,
        describe: () => 'nowhere',
        close: () => {},
      }),
    };
    const graph = timed(source, { idleAfterMs: 1_000 });
    const bench = await TaskBench.open(graph, { vertex: 'numbers', splits: 0 });
    await pass(bench, 1_200);
    expect(said(bench)).toEqual(['idle, silent']);
    give([split(1)]);
    await bench.settle();
    expect(said(bench)).toEqual(['watermark -Infinity']);
    await pass(bench, 1_200);
    expect(said(bench)).toEqual(['idle, silent']);
  });

  it('is idle again when all its splits have ended, and its time counts no more', async () => {
    const growing = new Growing();
    const graph = timed(growing.source(), { idleAfterMs: 1_000 });
    const bench = await TaskBench.open(graph, { vertex: 'numbers', splits: 1 });
    await pass(bench, 100);
    expect(said(bench)).toEqual(['watermark 1']);
    await pass(bench, 1_200);
    expect(said(bench)).toEqual(['idle, silent']);
    bench.trigger(1);
    await bench.settle();
    const next = await TaskBench.open(graph, { vertex: 'numbers', restored: bench.restorable() });
    await pass(next, 100);
    expect(said(next)).toEqual(['watermark 1']);
    await pass(next, 1_200);
    expect(said(next)).toEqual(['idle, silent']);
  });

  it('holds time for ever without that option, and is named for it', async () => {
    const growing = new Growing();
    let other: SourceAlignment | undefined;
    const bench = await TaskBench.open(timed(growing.source()), {
      vertex: 'numbers',
      splits: 0,
      alignment: () => {
        const tasks = ['numbers', 'others'].map((operator) => {
          return { operator, instances: 1, isSource: true };
        });
        const shared = SourceAlignment.memoryFor(tasks);
        const view = (operator: string) =>
          new SourceAlignment({ shared, tasks, operator, instance: 0, ring: () => {} });
        other = view('others');
        return view;
      },
    });
    await bench.settle();
    other!.tellTime(1_000);
    // It keeps no other from being read.
    expect(other!.mayDrift(5_000, 1)).toBe(true);
    await pass(bench, 60_000);
    expect(said(bench)).toEqual([]);
    expect(bench.holders).toMatchObject([
      { operator: 'numbers', split: undefined, sources: ['numbers'], timeMs: undefined },
    ]);
    expect(describeHolder(bench.holders[0]!, 0)).toBe(
      "a split of source 'numbers' (instance 0, which has none)",
    );
    growing.asked.at(-1)!.give(undefined);
    await bench.settle();
    expect(said(bench)).toEqual(['watermark Infinity', 'end']);
    expect(bench.task.metrics().holder).toBeUndefined();
  });
});

describe('a reader that wants to know', () => {
  it('hears of complete checkpoints with its position in them, and never of given-up ones', async () => {
    const growing = new Growing();
    growing.bounded = false;
    const bench = await open(growing.source({ discovers: false }), { splits: 2 });
    await bench.settle();
    bench.trigger(1);
    await bench.settle();
    bench.trigger(2);
    await bench.settle();
    bench.trigger(3);
    await bench.settle();
    expect(growing.heard).toEqual([]);
    bench.committed(1);
    expect(growing.heard).toEqual(['split 0: 1 at 3', 'split 1: 1 at 3']);
    bench.committed(3);
    expect(growing.heard.slice(2)).toEqual(['split 0: 3 at 3', 'split 1: 3 at 3']);
    // 2 was given up, or is over; what is told twice is heard once.
    bench.committed(2);
    bench.committed(3);
    expect(growing.heard).toHaveLength(4);
  });

  it('hears of the first complete checkpoint with its end in it, and is closed then', async () => {
    const growing = new Growing();
    const bench = await open(growing.source(), { splits: 1 });
    bench.task.run(0);
    bench.trigger(1);
    await bench.settle();
    bench.trigger(2);
    await bench.settle();
    growing.found(1);
    await bench.settle();
    bench.trigger(3);
    await bench.settle();
    expect([growing.heard, growing.closed]).toEqual([[], []]);
    bench.committed(2);
    await bench.settle();
    expect(growing.heard).toEqual(['split 0: 2 at 3']);
    expect(growing.closed).toEqual(['split 0']);
    growing.asked.at(-1)!.give(undefined);
    await bench.settle();
    expect(bench.ended).toBe(1);
    bench.trigger(4);
    await bench.settle();
    bench.committed(4);
    expect(growing.heard.slice(1)).toEqual(['split 1: 4 at 3']);
    expect(growing.closed).toEqual(['split 0', 'split 1']);
    await bench.task.close();
    expect(growing.closed).toHaveLength(2);
  });

  it('makes room at its end for those that read, and then hears of nothing', async () => {
    const growing = new Growing();
    const source = growing.source({ discovers: false });
    const bench = await open(source, { splits: 4, maxOpenSplits: 2 });
    await bench.settle();
    expect(growing.closed).toEqual(['split 0', 'split 1']);
    bench.trigger(1);
    await bench.settle();
    bench.committed(1);
    expect(growing.heard).toEqual(['split 2: 1 at 3', 'split 3: 1 at 3']);
    expect(growing.closed).toEqual(['split 0', 'split 1', 'split 2', 'split 3']);
  });

  it('is closed with the task when no checkpoint has come', async () => {
    const growing = new Growing();
    const bench = await open(growing.source({ discovers: false }), { splits: 2 });
    await bench.settle();
    expect(growing.closed).toEqual([]);
    await bench.task.close();
    expect(growing.closed).toEqual(['split 0', 'split 1']);
  });

  it('fails the task when it throws', async () => {
    const source: Source<number> = {
      kind: 'deaf',
      splits: async () => [],
      open: async () => ({
        poll: () => new Promise(() => {}),
        position: () => 0,
        describe: () => 'nowhere',
        committed: () => {
          throw new Error('no acknowledgement');
        },
        close: () => {},
      }),
    };
    const bench = await open(source, { splits: 1 });
    await bench.settle();
    bench.trigger(1);
    await bench.settle();
    bench.committed(1);
    await bench.settle();
    expect(bench.failures).toMatchObject([
      { kind: 'source', operator: 'numbers', message: 'no acknowledgement' },
    ]);
  });
});

describe('an event time of the source itself', () => {
  const given = (...times: readonly number[]): Source<number> => ({
    kind: 'timed',
    bounded: true,
    splits: async () => [],
    open: async () => {
      let done = false;
      return {
        poll: () => {
          if (done) return undefined;
          done = true;
          return { records: times.map((_, i) => i), timestamps: Float64Array.from(times) };
        },
        position: () => 0,
        describe: (index) => `line ${index + 1}`,
        close: () => {},
      };
    },
  });

  it.each([8.64e15 + 2, -8.65e15, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'that no Date holds is refused, with the record: %d',
    async (time) => {
      const bench = await open(given(5, time, 7), { splits: 1 });
      await bench.settle();
      expect(read(bench)).toEqual([0]);
      expect(bench.failures).toMatchObject([
        {
          kind: 'source',
          code: 'ERR_HOLDFAST_NO_TIMESTAMP',
          operator: 'numbers',
          position: 'line 2',
          message: expect.stringContaining(`gave ${time} as the event time of a record (line 2)`),
        },
      ]);
    },
  );

  it('may be the first and the last that a Date holds, and none', async () => {
    const bench = await open(given(8.64e15, -8.64e15, Number.NaN), { splits: 1 });
    await bench.settle();
    expect(bench.failures).toEqual([]);
    expect(read(bench)).toEqual([0, 1, 2]);
  });
});

describe('who keeps time waiting', () => {
  /** Two splits that stand at different times, and then rest. */
  const resting: Source<{ t: number }> = {
    kind: 'resting',
    splits: async () => [],
    open: async ({ id }) => {
      let left = id === 'split 0' ? [{ t: 100 }] : [{ t: 500 }, { t: 600 }];
      return {
        poll: () => {
          const records = left;
          left = [];
          return records.length > 0 ? { records } : new Promise(() => {});
        },
        position: () => 0,
        describe: () => id,
        close: () => {},
      };
    },
  };
  const timedBy = (options?: TimestampOptions) =>
    draw((env) => {
      env
        .from(resting)
        .name('numbers')
        .parallelism(1)
        .withTimestamps(({ t }) => t, options)
        .rebalance()
        .map(({ t }) => t)
        .sinkTo(sink());
    });
  const timed = timedBy();

  it('is told as well where it will be idle, but not yet, and no longer once it is', async () => {
    const guarded = timedBy({ idleAfterMs: 30_000, maxFutureMs: 1_000 });
    const bench = await TaskBench.open(guarded, { vertex: 'numbers', splits: 2 });
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now');
    try {
      for (let ms = 0; ms <= 80_000; ms += 1_000) {
        clock.mockReturnValue(now + ms);
        await bench.settle();
        bench.task.flushDue(now + ms);
      }
      expect(bench.holders).toMatchObject([{ operator: 'numbers', split: 'split 0', timeMs: 99 }]);
      expect(bench.task.metrics().holder).toBeUndefined();
    } finally {
      clock.mockRestore();
    }
  });

  it('is told after 10 s, once for each wait, with where it stands', async () => {
    const bench = await TaskBench.open(timed, { vertex: 'numbers', splits: 2 });
    await bench.settle();
    const now = performance.now();
    bench.task.flushDue(now);
    expect(bench.holders).toEqual([]);
    bench.task.flushDue(now + 10_001);
    expect(bench.holders).toMatchObject([{ operator: 'numbers', split: 'split 0', timeMs: 99 }]);
    expect(bench.holders[0]!.heldMs).toBeGreaterThanOrEqual(10_000);
    bench.task.flushDue(now + 60_000);
    expect(bench.holders).toHaveLength(1);
    expect(bench.task.metrics().holder).toMatchObject({ split: 'split 0', timeMs: 99 });
  });
});
