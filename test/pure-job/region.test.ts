/** A region whose threads answer when the test says so, by the test's own clock. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Deferred, deferred } from '../../src/base/deferred.js';
import type { CheckpointDriver } from '../../src/job/checkpoints/checkpoint-driver.js';
import type { Launched, Launcher, LaunchRequest } from '../../src/job/driver/launcher.js';
import { Progress } from '../../src/job/driver/progress.js';
import { Region } from '../../src/job/driver/region.js';
import { Supervision } from '../../src/job/driver/supervision.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import type { StreamPool } from '../../src/workloads/streams/stream-types.js';
import { draw, sink, source } from '../stream/graph-kit.js';

const plan = planJob(graphData(draw((env) => env.from(source()).sinkTo(sink()))), {
  slots: 2,
  keyGroups: 8,
});
const failure = { kind: 'user-code', name: 'Error', message: 'broken' } as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** All that can happen by itself has happened: every timer and every promise of the next minute. */
const settled = async (): Promise<void> => {
  await vi.advanceTimersByTimeAsync(60_000);
};

async function until(condition: () => boolean): Promise<void> {
  for (let ms = 0; !condition(); ms += 1) {
    if (ms > 60_000) throw new Error('it does not come to pass');
    await vi.advanceTimersByTimeAsync(1);
  }
}

function stage() {
  const fences: { readonly slot: number; readonly done: Deferred<void> }[] = [];
  const launches: { readonly request: LaunchRequest; readonly done: Deferred<Launched> }[] = [];
  const restart = fixedDelay({ attempts: 9, delayMs: 0 });
  const region: Region = new Region({
    plan: plan.regions[0]!,
    job: plan,
    progress: new Progress([[0]]),
    resetTimeoutMs: restart.resetTimeoutMs,
    slots: {
      refillSpares() {},
      isAlive: () => true,
      fence(slot: number) {
        const done = deferred<void>();
        fences.push({ slot, done });
        return done.promise;
      },
    } as unknown as StreamPool,
    launcher: {
      prefetch() {},
      launch(request: LaunchRequest) {
        const done = deferred<Launched>();
        launches.push({ request, done });
        request.onEpoch({ epoch: launches.length, leases: new Map(), checkpoint: undefined });
        return done.promise;
      },
    } as unknown as Launcher,
    checkpoints: { up() {}, down() {} } as unknown as CheckpointDriver,
    mapFailure: (one) => one,
    supervise: (event) => supervision.region(0, event),
    onLaunchFailed() {},
    onDown() {},
    onRunning() {},
    onRestarted() {},
    onGivenUp(error) {
      throw error;
    },
    isFirstLaunch: () => false,
  });
  const supervision = new Supervision({
    groups: [{ name: undefined, strategy: 'one-for-one', restart, regions: [0] }],
    launch: (_region, attempt) => void region.launch(attempt),
    stop: () => region.stop(undefined),
    onRestarting() {},
    onGivenUp(given) {
      throw new Error(given.message);
    },
    onEnded() {},
  });
  return { region, supervision, fences, launches };
}

async function running(it: ReturnType<typeof stage>): Promise<void> {
  it.region.prepare({});
  it.supervision.start();
  await until(() => it.launches.length === 1);
  it.launches[0]!.done.resolve({ kind: 'running', manifest: undefined, respawned: [] });
  await until(() => it.region.isUp);
}

test('a failed slot whose thread lives is fenced like the others, before anything is launched', async () => {
  const it = stage();
  await running(it);
  it.region.failed({ slot: 1, failure });
  await settled();
  expect(it.fences.map(({ slot }) => slot).sort()).toEqual([0, 1]);
  for (const { slot, done } of it.fences) if (slot === 0) done.resolve();
  await settled();
  expect(it.launches).toHaveLength(1);
  for (const { done } of it.fences) done.resolve();
  await until(() => it.launches.length === 2);
  it.supervision.close();
  it.region.close();
});

test('no launch overtakes a fence that may yet end its thread', async () => {
  const it = stage();
  await running(it);
  it.region.failed({ slot: 1, failure });
  // Not of the slot's own making, and counted as its: a commit that failed, say.
  it.region.failed({ slot: 0, failure });
  await settled();
  expect(it.launches).toHaveLength(1);
  for (const { done } of it.fences) done.resolve();
  await until(() => it.launches.length === 2);
  it.launches[1]!.done.resolve({ kind: 'running', manifest: undefined, respawned: [0] });
  await until(() => it.region.isUp);
  it.supervision.close();
  it.region.close();
});
