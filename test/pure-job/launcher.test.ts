/** Launches that overtake each other, on threads and stores that answer when the test says so. */

import { expect, test } from 'vitest';
import { type Deferred, deferred } from '../../src/base/deferred.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import type { CheckpointDriver } from '../../src/job/checkpoints/checkpoint-driver.js';
import type { SinkCommitter } from '../../src/job/checkpoints/sink-committer.js';
import { Launcher, prepareTimeoutMs } from '../../src/job/driver/launcher.js';
import { resolveOptions } from '../../src/job/options.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import type { StreamPool } from '../../src/workloads/streams/stream-types.js';
import { draw, sink, source } from '../stream/graph-kit.js';

const plan = planJob(graphData(draw((env) => env.from(source()).sinkTo(sink()))), {
  slots: 1,
  keyGroups: 8,
});

/** Lets everything happen that needs nobody's word. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Stage {
  readonly launcher: Launcher;
  /** What was done, in order. */
  readonly log: string[];
  /** Calls of `nextEpoch` that wait to be answered. */
  readonly epochs: Deferred<number>[];
  readonly deploys: Deferred<undefined>[];
  recovering: number;
}

function stage(): Stage {
  const log: string[] = [];
  const epochs: Deferred<number>[] = [];
  const deploys: Deferred<undefined>[] = [];
  const held = <T>(calls: Deferred<T>[]): Promise<T> => {
    const call = deferred<T>();
    calls.push(call);
    return call.promise;
  };
  const link = {
    block: { shared: new SharedArrayBuffer(8) },
    async call(method: string, args: readonly [unknown]) {
      if (method === 'deploy') {
        log.push(`deploy ${(args[0] as { epoch: number }).epoch}`);
        return await held(deploys);
      }
      log.push(`${method} ${String(args[0])}`);
      return undefined;
    },
  };
  const result: Stage = {
    log,
    epochs,
    deploys,
    recovering: 0,
    launcher: new Launcher({
      plan,
      options: resolveOptions({ parallelism: 1 }),
      run: 'run',
      slots: {
        ensure: async () => false,
        link: () => link,
        incarnation: () => 1,
      } as unknown as StreamPool,
      store: { nextEpoch: () => held(epochs) } as unknown as CheckpointStore,
      committer: {
        async recover() {
          result.recovering += 1;
          expect(result.recovering).toBe(1);
          await settled();
          result.recovering -= 1;
        },
      } as unknown as SinkCommitter,
      checkpoints: {
        settle: async () => {},
        inTurn: <T>(act: () => Promise<T>) => act(),
        latest: undefined,
      } as unknown as CheckpointDriver,
    }),
  };
  return result;
}

function launch({ launcher }: Stage, stale: () => boolean) {
  const request = {
    region: plan.regions[0]!,
    splits: {},
    reached: {},
    stale,
    onEpoch: () => {},
    onDeployed: () => {},
  };
  return launcher.launch(request);
}

test('a launch that was overtaken has let go of store and sinks before the next one has them', async () => {
  const it = stage();
  let overtaken = false;
  const first = launch(it, () => overtaken);
  await settled();
  overtaken = true;
  const second = launch(it, () => false);
  await settled();
  expect(it.epochs).toHaveLength(1);
  it.epochs[0]!.resolve(1);
  expect((await first).kind).toBe('stale');
  await settled();
  it.epochs[1]!.resolve(2);
  await settled();
  it.deploys[0]!.resolve(undefined);
  expect((await second).kind).toBe('running');
  expect(it.log).toEqual(['deploy 2', 'start 2']);
});

test('what fails in one part of a launch does not leave the others alone with the next launch', async () => {
  const it = stage();
  const first = launch(it, () => false);
  await settled();
  it.epochs[0]!.reject(new Error('EIO'));
  expect(await first).toMatchObject({ kind: 'failed', failure: { message: 'EIO' } });
  expect(it.recovering).toBe(0);
});

test('a launch that is stale when its turn comes leaves everything as it is', async () => {
  const it = stage();
  const first = launch(it, () => false);
  let overtaken = false;
  const second = launch(it, () => overtaken);
  overtaken = true;
  await settled();
  it.epochs[0]!.resolve(1);
  expect((await second).kind).toBe('stale');
  await it.launcher.settle();
  expect(it.epochs).toHaveLength(1);
  it.deploys[0]!.resolve(undefined);
  await first;
});

test.each([
  [{}, 540_000],
  [{ timeoutMs: 10 }, 9],
  [{ timeoutMs: 1_000, tolerableFailures: 2 }, 2_900],
  [{ timeoutMs: 2_000_000_000, tolerableFailures: 3 }, 2_147_483_647],
])('with %j a sink may take %i ms to prepare', (checkpoint, expected) => {
  const options = resolveOptions({ checkpoint: { directory: 'x', ...checkpoint } });
  expect(prepareTimeoutMs(options.checkpoint)).toBe(expected);
});
