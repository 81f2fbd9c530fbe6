import { describe, expect, test } from 'vitest';
import { HoldfastError, type Job } from '../../dist/index.js';
import { lateOnes } from './fixtures/late.job.js';
import { fixture, Meter, runningAgain, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

async function refusal(act: () => unknown): Promise<HoldfastError> {
  try {
    await act();
  } catch (error) {
    expect(error).toBeInstanceOf(HoldfastError);
    return error as HoldfastError;
  }
  throw new Error('it was expected to be refused');
}

describe('looking at a running job', () => {
  const COUNT = 4_000;

  test('plan, progress, slots, metrics and collected rows tell what is so', async () => {
    const meter = new Meter(COUNT / 2);
    const statuses: string[] = [];
    const job = await run(fixture('counted'), {
      parallelism: 2,
      args: { meter: meter.shared, count: COUNT, splits: 2 },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    });
    job.on('status', (status) => statuses.push(status));
    expect(job.name).toBe('counted');
    expect(job.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(job.status).toBe('running');

    const plan = job.plan();
    expect(plan.graph.nodes.map(({ id, kind }) => `${kind} ${id}`)).toEqual([
      'source numbers',
      'operator totals',
      'sink out',
    ]);
    expect(plan.vertices.map(({ id, parallelism }) => `${id} × ${parallelism}`)).toEqual([
      'numbers × 2',
      'totals × 2',
    ]);
    expect(plan.edges.map(({ partition }) => partition)).toEqual(['hash']);
    expect(plan).toMatchObject({ slots: 2, keyGroups: 1024 });
    structuredClone(plan);

    await until(() => job.progress().sinkRecords === COUNT / 2, job);
    expect(job.progress()).toEqual({ sourceRecords: COUNT / 2, sinkRecords: COUNT / 2 });

    expect(job.collected('totals')).toEqual([]);
    const first = await job.checkpointNow();
    expect(job.collected('totals')).toHaveLength(COUNT / 2);
    const [second, third] = await Promise.all([job.checkpointNow(), job.checkpointNow()]);
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThanOrEqual(second);

    const metrics = await job.metrics();
    structuredClone(metrics);
    expect(metrics).toMatchObject({ status: 'running', restarts: 0, progress: job.progress() });
    expect(metrics.checkpoints).toMatchObject({ failed: 0, last: { kind: 'completed' } });
    expect(metrics.checkpoints.completed).toBeGreaterThanOrEqual(2);
    const of = (vertex: string) => metrics.operators.filter((entry) => entry.vertex === vertex);
    for (const vertex of ['numbers', 'totals']) {
      const instances = of(vertex);
      expect(instances.map(({ instance }) => instance).sort()).toEqual([0, 1]);
      const sum = (field: 'recordsIn' | 'recordsOut'): number =>
        instances.reduce((total, entry) => total + entry[field], 0);
      expect([sum('recordsIn'), sum('recordsOut')]).toEqual([COUNT / 2, COUNT / 2]);
      expect(instances.every(({ busyMs, blockedMs }) => busyMs > 0 && blockedMs >= 0)).toBe(true);
    }

    const before = job.slots();
    expect(before.map(({ slot, restarts }) => [slot, restarts])).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(new Set(before.map(({ threadId }) => threadId)).size).toBe(2);
    const again = runningAgain(job);
    job.kill(1, 'terminate');
    await again;
    const after = job.slots();
    expect(after[0]).toMatchObject({ threadId: before[0]!.threadId, restarts: 0 });
    expect(after[1]).toMatchObject({ slot: 1, restarts: 1 });
    expect(after[1]!.incarnation).toBeGreaterThan(before[1]!.incarnation);
    // What a checkpoint has shown stays, and nothing is shown twice.
    expect(job.collected('totals')).toHaveLength(COUNT / 2);

    meter.raise(COUNT);
    const result = await job.finished;
    expect(totalsProblems(result.collected['totals'] ?? [], COUNT)).toEqual([]);
    expect(statuses).toEqual(['restarting', 'running', 'finishing', 'finished']);
    expect(result).toMatchObject({ job: 'counted', run: job.id, restarts: 1, status: 'finished' });
  });

  test('after its end the job still answers, and refuses what is too late', async () => {
    const job = await run(fixture('counted'), {
      parallelism: 2,
      args: { count: COUNT },
      checkpoint: { directory: await temporaryFolder() },
    });
    const { collected } = await job.finished;
    expect(job.status).toBe('finished');
    expect(job.progress().sourceRecords).toBe(COUNT);
    expect(job.collected('totals')).toEqual(collected['totals']);
    expect(job.plan().graph.job).toBe('counted');
    const metrics = await job.metrics();
    expect(metrics.status).toBe('finished');
    const records = metrics.operators.filter(({ vertex }) => vertex === 'totals');
    expect(records.reduce((total, { recordsIn }) => total + recordsIn, 0)).toBe(COUNT);
    expect((await job.stop()).run).toBe(job.id);
    await job.cancel();
    expect(job.status).toBe('finished');
    expect((await refusal(() => job.checkpointNow())).code).toBe('ERR_HOLDFAST_NOT_RUNNING');
    expect((await refusal(() => job.kill(0, 'exit'))).code).toBe('ERR_HOLDFAST_NOT_RUNNING');
    const unknown = await refusal(() => job.collected('total'));
    expect(unknown.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(unknown.message).toContain("'totals'");
  });

  test('a checkpoint without a store, and a slot that is not there, are refused', async () => {
    const meter = new Meter(100);
    const job = await run(fixture('counted'), {
      parallelism: 1,
      args: { meter: meter.shared, count: COUNT },
    });
    const error = await refusal(() => job.checkpointNow());
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('checkpoint.directory');
    for (const slot of [1, -1, 0.5]) {
      const refused = await refusal(() => job.kill(slot, 'terminate'));
      expect(refused.message).toContain(`slot ${slot}`);
    }
    await job.cancel();
  });

  test('a job is canceled where the block that uses it is left, unless it has ended', async () => {
    let left: Job | undefined;
    {
      const meter = new Meter(100);
      await using job = await run(fixture('counted'), {
        parallelism: 1,
        args: { meter: meter.shared, count: COUNT },
      });
      left = job;
      expect(job.status).toBe('running');
    }
    expect(left.status).toBe('canceled');
    await expect(left.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    {
      await using job = await run(fixture('counted'), { parallelism: 1, args: { count: COUNT } });
      left = job;
      await job.finished;
    }
    expect(left.status).toBe('finished');
  });

  test('a checkpoint that is asked for while the job is down comes when it is up', async () => {
    const meter = new Meter(COUNT / 2);
    const job = await run(fixture('counted'), {
      parallelism: 2,
      args: { meter: meter.shared, count: COUNT },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    });
    const first = await job.checkpointNow();
    job.kill(0, 'terminate');
    await until(() => job.status === 'restarting', job);
    expect(await job.checkpointNow()).toBeGreaterThan(first);
    expect(job.status).toBe('running');
    meter.raise(COUNT);
    const { collected } = await job.finished;
    expect(totalsProblems(collected['totals'] ?? [], COUNT)).toEqual([]);
  });
});

describe('late records that go nowhere', () => {
  test('are counted, each once, through kills', async () => {
    const count = 8_000;
    const meter = new Meter();
    const job = await run(fixture('late'), {
      parallelism: 2,
      args: { meter: meter.shared, count },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    });
    for (const [slot, reached] of [2_000, 4_000, 6_000].entries()) {
      meter.raise(reached);
      await until(() => job.progress().sourceRecords === reached, job);
      await job.checkpointNow();
      meter.raise(reached + 400);
      await until(() => job.progress().sourceRecords > reached, job);
      const again = runningAgain(job);
      job.kill(slot % 2, 'terminate');
      await again;
    }
    meter.raise(count);
    const { collected } = await job.finished;
    const windows = new Map<string, number>();
    for (const row of collected['rows'] as {
      key: string;
      windowStart: number;
      records: number;
    }[]) {
      windows.set(`${row.key} ${row.windowStart}`, row.records);
    }
    const inWindows = [...windows.values()].reduce((total, records) => total + records, 0);
    const { operators } = await job.metrics();
    const late = operators.reduce(
      (total, { counters }) => total + (counters['lateRecords'] ?? 0),
      0,
    );
    expect(late).toBe(lateOnes(count, 1).length);
    expect(inWindows + late).toBe(count);
  });
});

describe('back-pressure', () => {
  test('a sink that takes nothing stops the source; memory and records on the way stay bounded', async () => {
    const dam = new SharedArrayBuffer(8);
    const words = new Int32Array(dam);
    const count = 2_000_000;
    const payloadChars = 200;
    const capacityBytes = 64 * 1024;
    const job = await run(fixture('dammed'), {
      parallelism: 2,
      args: { dam, count, payloadChars },
      channel: { capacityBytes },
      // A tenth of what the records take: a thread that kept them would die of it.
      slot: { resourceLimits: { maxOldGenerationSizeMb: 48 } },
    });
    const failures: unknown[] = [];
    job.on('failure', (failure) => failures.push(failure));
    // Until every source instance has been held up: not by time, but because nothing has room.
    const held = async (): Promise<boolean> => {
      const { operators } = await job.metrics();
      const sources = operators.filter(({ vertex }) => vertex === 'flood');
      return sources.length === 2 && sources.every(({ blockedMs }) => blockedMs > 50);
    };
    while (!(await held())) await new Promise((resolve) => setTimeout(resolve, 10));
    const { sourceRecords, sinkRecords } = job.progress();
    expect(sinkRecords).toBe(0);
    // Per edge: two queues inside threads (4 096 records, and what one batch adds), and two rings,
    // each with two batches before it, of a quarter of its size.
    const ringRecords = (capacityBytes * 1.5) / payloadChars;
    const bound = 2 * (2 * (4_096 + 512) + 2 * ringRecords) + 2 * 512;
    expect(sourceRecords).toBeLessThanOrEqual(bound);
    expect(sourceRecords).toBeGreaterThan(0);

    Atomics.store(words, 0, 1);
    await until(() => Atomics.load(words, 1) > 200_000, job);
    const { sourceRecords: emitted, sinkRecords: written } = job.progress();
    expect(emitted - written).toBeLessThanOrEqual(bound);
    expect(failures).toEqual([]);
    await job.cancel();
  });

  test('what was held up arrives in the end, all of it', async () => {
    const dam = new SharedArrayBuffer(8);
    const words = new Int32Array(dam);
    const count = 60_000;
    const job = await run(fixture('dammed'), {
      parallelism: 2,
      args: { dam, count, payloadChars: 50 },
      channel: { capacityBytes: 16 * 1024 },
    });
    await until(() => job.progress().sourceRecords > 200, job);
    Atomics.store(words, 0, 1);
    expect((await job.finished).sourceRecords).toBe(count);
    expect(Atomics.load(words, 1)).toBe(count);
  });
});
