/** Commits that fail or are cut off, and what becomes of the checkpoint behind them. */

import { expect, test } from 'vitest';
import { type Deferred, deferred } from '../../src/base/deferred.js';
import { HoldfastError } from '../../src/base/errors.js';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import { CheckpointDriver } from '../../src/job/checkpoint-driver.js';
import type { CheckpointEvent } from '../../src/job/job-types.js';
import { resolveOptions } from '../../src/job/options.js';
import type { SinkCommitter } from '../../src/job/sink-committer.js';
import { graphData } from '../../src/stream/graph-builder.js';
import { planJob } from '../../src/stream/planner.js';
import { draw, sink, source } from '../stream/graph-kit.js';

const plan = planJob(graphData(draw((env) => env.from(source()).sinkTo(sink()))), {
  slots: 1,
  keyGroups: 8,
});

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function stage() {
  const store = new MemoryStore();
  await store.acquire();
  const commits: Deferred<void>[] = [];
  const events: CheckpointEvent[] = [];
  const failures: string[] = [];
  let triggered = 0;
  const driver = new CheckpointDriver({
    plan,
    options: resolveOptions({
      parallelism: 1,
      checkpoint: { store, intervalMs: 3_600_000, tolerableFailures: 9 },
    }),
    store,
    run: 'run',
    committer: {
      commit: () => {
        const commit = deferred<void>();
        commits.push(commit);
        return commit.promise;
      },
    } as unknown as SinkCommitter,
    lastCheckpoint: 0,
    trigger: (_epochs, checkpoint) => {
      triggered = checkpoint;
    },
    abort: () => {},
    onEvent: (event) => events.push(event),
    onDurable: () => {},
    onCommitted: () => {},
    onGiveUp: ({ message }) => failures.push(message),
  });
  driver.up(0, 1);
  /** A checkpoint is asked for, and all tasks answer. */
  const take = async (epoch = 1): Promise<void> => {
    driver.request('manual').catch(() => {});
    for (const { index } of plan.vertices) {
      await driver.captured({
        kind: 'captured',
        epoch,
        incarnation: 1,
        slot: 0,
        vertex: index,
        instance: 0,
        checkpoint: triggered,
        sections: [],
        transactions: [],
        visible: [],
        sourceRecords: [],
        alignMs: 0,
        captureMs: 0,
      });
    }
    await settled();
  };
  return { store, driver, commits, events, failures, take };
}

test.each([
  ['is cut off by the death of its thread', 'ERR_HOLDFAST_WORKER_DIED', 0],
  ['fails', 'ERR_HOLDFAST_SINK', 1],
] as const)(
  'while a commit that %s is owed, no newer checkpoint becomes true',
  async (_, code, told) => {
    const { store, driver, commits, events, failures, take } = await stage();
    await take();
    await take();
    expect(commits).toHaveLength(1);
    commits[0]!.reject(new HoldfastError(code, 'no commit.'));
    await driver.settle();
    // What checkpoint 1 has promised can be made up for only by who goes back to checkpoint 1.
    expect(await store.list()).toEqual([1]);
    expect(driver.latest?.checkpoint).toBe(1);
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
    driver.up(0, 2);
    const again = take(2);
    await settled();
    commits[1]!.resolve();
    await again;
    await driver.settle();
    expect((await store.list())[0]).toBe(3);
    driver.close();
  },
);
