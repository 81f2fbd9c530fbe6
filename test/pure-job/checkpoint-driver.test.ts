/** Commits that fail or are cut off, and what becomes of the checkpoint behind them. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Deferred, deferred } from '../../src/base/deferred.js';
import { HoldfastError } from '../../src/base/errors.js';
import { sharedMs } from '../../src/base/shared-clock.js';
import { openCheckpointDirectory } from '../../src/checkpoint/directory/directory-store.js';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { CheckpointDriver } from '../../src/job/checkpoints/checkpoint-driver.js';
import { CheckpointStatisticsKeeper } from '../../src/job/checkpoints/checkpoint-statistics.js';
import { Commits } from '../../src/job/checkpoints/commits.js';
import type { CheckpointEvent, RunOptions } from '../../src/job/job-types.js';
import { resolveOptions } from '../../src/job/options.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import type { JobPlan } from '../../src/stream/graph/plan.js';
import { planJob } from '../../src/stream/graph/planner.js';
import type { CapturedPart, CheckpointBase } from '../../src/workloads/streams/stream-types.js';
import { s3Place } from '../checkpoint/s3-place.js';
import { temporaryDirectory } from '../checkpoint/samples.js';
import { draw, sink, source } from '../stream/graph-kit.js';

const planFor = (slots: number) =>
  planJob(graphData(draw((env) => env.from(source()).sinkTo(sink()))), {
    slots,
    keyGroups: 8,
  });
const plan = planFor(1);

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function stage(
  plan: JobPlan = planFor(1),
  store: CheckpointStore = new MemoryStore(),
  checkpoint: RunOptions['checkpoint'] = {},
) {
  await store.acquire();
  const commits: Deferred<void>[] = [];
  const events: CheckpointEvent[] = [];
  const failures: string[] = [];
  let triggered = 0;
  const bases: (number | undefined)[] = [];
  const aborted: number[] = [];
  const committer = {
    commit: () => {
      const commit = deferred<void>();
      commits.push(commit);
      return commit.promise;
    },
    recover: async () => {},
    recoverInWorkers: async () => {},
  };
  const ledger = new Commits({ store, committer, from: undefined });
  const driver = new CheckpointDriver({
    plan,
    options: resolveOptions({
      parallelism: 1,
      checkpoint: { store, intervalMs: 3_600_000, tolerableFailures: 9, ...checkpoint },
    }),
    store,
    run: 'run',
    commits: ledger,
    lastCheckpoint: 0,
    hosts: {
      async tellAll(method, args) {
        const [, checkpoint, base] = args as [unknown, number, CheckpointBase | undefined];
        if (method === 'abort') aborted.push(checkpoint);
        if (method !== 'trigger') return;
        triggered = checkpoint;
        bases.push(base?.checkpoint);
      },
    },
    tell: (told) => {
      if (told.kind === 'checkpoint-told') events.push(told.event);
      if (told.kind === 'checkpoints-failed') failures.push(told.failure.message);
    },
  });
  driver.up(0, 1);
  const captured = (epoch: number, vertex: number, instance: number): CapturedPart => ({
    kind: 'captured',
    epoch,
    incarnation: 1,
    slot: instance,
    vertex,
    instance,
    checkpoint: triggered,
    sections: [{ operator: 'o', name: 's', chunks: [new Uint8Array(100)] }],
    transactions: [],
    visible: [],
    sourceRecords: [],
    records: 0,
    watermarkMs: Number.NEGATIVE_INFINITY,
    alignMs: 0,
    captureMs: 2,
    cutMs: 1,
    cutAtMs: sharedMs(),
    overtaken: false,
    inFlightBytes: 0,
  });
  /** A checkpoint is asked for, and all tasks answer. */
  const take = async (epoch = 1): Promise<void> => {
    driver.request('manual').catch(() => {});
    for (const { index } of plan.vertices) await driver.captured(captured(epoch, index, 0));
    await settled();
  };
  return { store, driver, ledger, commits, events, failures, bases, aborted, take, captured };
}

test.each([
  ['is cut off by the death of its thread', 'ERR_HOLDFAST_WORKER_DIED', 0],
  ['fails', 'ERR_HOLDFAST_SINK', 1],
] as const)(
  'while a commit that %s is owed, no newer checkpoint becomes true',
  async (_, code, told) => {
    const { store, driver, ledger, commits, events, failures, take } = await stage();
    await take();
    await take();
    expect(commits).toHaveLength(1);
    commits[0]!.reject(new HoldfastError(code, 'no commit.'));
    await ledger.settle();
    // What checkpoint 1 has promised can be made up for only by who goes back to checkpoint 1.
    expect(await store.list()).toEqual([1]);
    expect(ledger.latest?.checkpoint).toBe(1);
    // The one whose commit failed is told of as well: it is over, and none hears of it again.
    const fates = events.map(({ checkpoint, kind }) => `${checkpoint} ${kind}`);
    expect(fates).toEqual([`1 ${told === 0 ? 'completed' : 'failed'}`, '2 failed']);
    const given = events.find(({ checkpoint }) => checkpoint === 2);
    expect(given).toMatchObject({
      checkpoint: 2,
      failure: { code: 'ERR_HOLDFAST_CHECKPOINT_FAILED', details: { owed: 1 } },
    });
    expect(failures).toHaveLength(told);

    driver.down(0);
    await ledger.recoverInWorkers(ledger.latest);
    driver.up(0, 2);
    const again = take(2);
    await settled();
    commits[1]!.resolve();
    await again;
    await ledger.settle();
    expect((await store.list())[0]).toBe(3);
    driver.close();
  },
);

test('statistics tell why, how long and how much, and a later process goes on with them', async () => {
  const { store, driver, ledger, commits, events, take } = await stage();
  await take();
  expect(driver.statistics.inProgress).toHaveLength(1);
  commits[0]!.resolve();
  await ledger.settle();
  const tasks = plan.vertices.length;
  const [{ statistics }] = events as [CheckpointEvent];
  expect(statistics).toMatchObject({
    checkpoint: 1,
    kind: 'manual',
    status: 'completed',
    tasksTotal: tasks,
    tasksAcknowledged: tasks,
  });
  for (const task of statistics.tasks) {
    const { startDelayMs, writeMs, acknowledgeMs } = task;
    expect(startDelayMs).toBeGreaterThanOrEqual(0);
    // Both begin with the trigger, and what is acknowledged was written before.
    expect(acknowledgeMs).toBeGreaterThanOrEqual(startDelayMs);
    expect(acknowledgeMs).toBeGreaterThanOrEqual(writeMs);
  }
  const given = driver.request('savepoint');
  given.catch(() => {});
  driver.down(0);
  await expect(given).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_FAILED' });
  expect(driver.statistics.history[1]).toMatchObject({
    kind: 'savepoint',
    status: 'failed',
    tasksAcknowledged: 0,
    phases: undefined,
  });
  expect(driver.statistics.inProgress).toEqual([]);
  driver.close();
  await ledger.settle();

  const next = new CheckpointStatisticsKeeper('run', store);
  await next.flush();
  expect(next.ofRun).toEqual({ completed: 1, failed: 1 });
  expect(next.history).toEqual(driver.statistics.history);
  expect(next.summary?.count).toBe(1);
});

test('a store that can neither give nor keep statistics is no failure', async () => {
  const store = new MemoryStore();
  store.readStatistics = () => Promise.reject(new Error('no'));
  store.writeStatistics = () => Promise.reject(new Error('no'));
  const keeper = new CheckpointStatisticsKeeper('run', store);
  keeper.triggered(1, 'periodic', 1);
  keeper.completed(1, 5, 1);
  await keeper.flush();
  expect(keeper.ofRun).toEqual({ completed: 1, failed: 0 });
});

test('those in flight at a time complete in order, and only one that begins alone builds on another', async () => {
  const overlapping = { maxConcurrent: 3, incremental: true };
  const { store, driver, ledger, commits, bases, take, captured } = await stage(
    plan,
    undefined,
    overlapping,
  );
  const answered: number[] = [];
  const request = () => driver.request('manual').then((id) => answered.push(id));
  const answer = async (checkpoint: number) => {
    for (const { index } of plan.vertices) {
      await driver.captured({ ...captured(1, index, 0), checkpoint });
    }
    await settled();
  };
  for (let asked = 0; asked < 3; asked += 1) request();
  for (const checkpoint of [3, 2]) await answer(checkpoint);
  expect(await store.list()).toEqual([]);
  await answer(1);
  // C1: the manifest of the second comes after the commit of the first.
  expect(await store.list()).toEqual([1]);
  for (const at of [0, 1, 2]) {
    commits[at]!.resolve();
    await settled();
  }
  await ledger.settle();
  expect(answered).toEqual([1, 2, 3]);
  await take();
  commits[3]!.resolve();
  await ledger.settle();
  expect(bases).toEqual([undefined, undefined, undefined, 3]);
  expect([ledger.isCommitted(4), ledger.isCommitted(5)]).toEqual([true, false]);
  driver.close();
});

test('a commit that is owed fails all that are in flight behind it', async () => {
  const { store, driver, ledger, commits, events, aborted, captured, take } = await stage(
    plan,
    undefined,
    {
      maxConcurrent: 3,
    },
  );
  const asked = [1, 2].map(() => driver.request('manual').catch(({ code }) => code));
  const last = take();
  for (const checkpoint of [1, 2]) {
    for (const { index } of plan.vertices) {
      await driver.captured({ ...captured(1, index, 0), checkpoint });
    }
  }
  await last;
  await settled();
  commits[0]!.reject(new HoldfastError('ERR_HOLDFAST_WORKER_DIED', 'no commit.'));
  await ledger.settle();
  expect(await store.list()).toEqual([1]);
  expect(aborted).toEqual([3, 2]);
  const fates = events.map(({ checkpoint, kind }) => `${checkpoint} ${kind}`);
  expect(fates).toEqual(['1 completed', '2 failed', '3 failed']);
  expect(await Promise.all(asked)).toEqual([1, 'ERR_HOLDFAST_CHECKPOINT_FAILED']);
  driver.close();
});

test.each([
  [
    'memory',
    async () => {
      const store = new MemoryStore();
      return { open: () => store, partFiles: async () => store.partFiles() };
    },
  ],
  [
    'a directory',
    async () => {
      const directory = await temporaryDirectory();
      return {
        open: () => openCheckpointDirectory(directory),
        partFiles: () => readdir(join(directory, 'parts')),
      };
    },
  ],
  ['S3', s3Place],
] as const)('C6: a checkpoint that was given up leaves no file in %s', async (_, make) => {
  const place = await make();
  const store = place.open();
  const wide = planFor(2);
  const { driver, ledger, captured } = await stage(wide, store);
  const given = driver.request('manual');
  given.catch(() => {});
  await driver.captured(captured(1, 0, 0));
  expect(await place.partFiles()).toHaveLength(1);
  // One part is durable, another is being written.
  const late = driver.captured(captured(1, 0, 1));
  driver.down(0);
  await late;
  await expect(given).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_FAILED' });
  driver.close();
  await ledger.settle();
  await store.close();
  expect(await place.partFiles()).toEqual([]);
});
