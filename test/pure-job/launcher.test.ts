/** Launches that overtake each other, on threads and stores that answer when the test says so. */

import { expect, test } from 'vitest';
import { type Deferred, deferred } from '../../src/base/deferred.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { Commits } from '../../src/job/checkpoints/commits.js';
import type { LauncherTold } from '../../src/job/driver/driver-events.js';
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
  readonly told: LauncherTold[];
  /** Rounds before this one are stale. */
  round: number;
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
  const store = { nextEpoch: () => held(epochs) } as unknown as CheckpointStore;
  const committer = {
    async commit() {},
    async recover() {
      result.recovering += 1;
      expect(result.recovering).toBe(1);
      await settled();
      result.recovering -= 1;
    },
    async recoverInWorkers() {},
  };
  const result: Stage = {
    log,
    epochs,
    deploys,
    told: [],
    round: 1,
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
      store,
      commits: new Commits({ store, committer, from: undefined }),
      isStale: (_, round) => round < result.round,
      tell: (event) => result.told.push(event),
    }),
  };
  return result;
}

function launch({ launcher, round }: Stage): Promise<void> {
  return launcher.launch({ region: plan.regions[0]!, round, reached: {} });
}

const kindsOf = ({ told }: Stage): string[] => told.map(({ kind }) => kind);

test('a launch that was overtaken has let go of store and sinks before the next one has them', async () => {
  const it = stage();
  const first = launch(it);
  await settled();
  it.round = 2;
  const second = launch(it);
  await settled();
  expect(it.epochs).toHaveLength(1);
  it.epochs[0]!.resolve(1);
  await first;
  expect(it.told).toEqual([]);
  await settled();
  it.epochs[1]!.resolve(2);
  await settled();
  it.deploys[0]!.resolve(undefined);
  await second;
  expect(kindsOf(it)).toEqual(['deploying', 'deployed', 'launched']);
  expect(it.log).toEqual(['deploy 2', 'start 2']);
});

test('what fails in one part of a launch does not leave the others alone with the next launch', async () => {
  const it = stage();
  const first = launch(it);
  await settled();
  it.epochs[0]!.reject(new Error('EIO'));
  await first;
  expect(it.told).toMatchObject([{ kind: 'launch-failed', failure: { message: 'EIO' } }]);
  expect(it.recovering).toBe(0);
});

test('a launch that is stale when its turn comes leaves everything as it is', async () => {
  const it = stage();
  const first = launch(it);
  const second = it.launcher.launch({ region: plan.regions[0]!, round: 0, reached: {} });
  await settled();
  it.epochs[0]!.resolve(1);
  await second;
  await it.launcher.settle();
  expect(it.epochs).toHaveLength(1);
  it.deploys[0]!.resolve(undefined);
  await first;
  expect(kindsOf(it)).toEqual(['deploying', 'deployed', 'launched']);
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
