import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type CheckpointEvent,
  type CheckpointStore,
  fixedDelay,
  HoldfastError,
  type Job,
  type JobResult,
  MemoryStore,
  noRestart,
  type RunOptions,
} from '../../dist/index.js';
import { places } from './fixtures/faltering.job.js';
import { fixture, Meter, runningAgain, temporaryFolder, totalsProblems, until } from './kit.js';
import { run, runGuarded } from './run-compiled.js';

/** What matters is where it breaks, and that there are records before and after. */
const COUNT = 2_000;

function expectTotals({ collected }: Pick<JobResult, 'collected'>): void {
  expect(totalsProblems(collected['totals'] ?? [], COUNT)).toEqual([]);
}

async function failureOf(ending: Promise<unknown>): Promise<HoldfastError> {
  const error = await ending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}

type Failing = 'nextEpoch' | 'writePart' | 'writeManifest' | 'readPart' | 'prune' | 'markFinished';

/** A store whose disk is full for the next so many calls of a method. */
function fullStore(): { store: CheckpointStore; fail(method: Failing, times: number): void } {
  const left = new Map<Failing, number>();
  const store = new MemoryStore();
  const checked = <A extends unknown[], R>(method: Failing, act: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      const times = left.get(method) ?? 0;
      if (times === 0) return await act.apply(store, args);
      left.set(method, times - 1);
      const error = new Error(`ENOSPC: no space left on device, ${method}`);
      throw Object.assign(error, { code: 'ENOSPC' });
    };
  };
  return {
    fail: (method, times) => void left.set(method, times),
    store: {
      location: 'a full disk',
      acquire: () => store.acquire(),
      nextEpoch: checked('nextEpoch', store.nextEpoch),
      writePart: checked('writePart', store.writePart),
      writeManifest: checked('writeManifest', store.writeManifest),
      list: () => store.list(),
      readManifest: (checkpoint) => store.readManifest(checkpoint),
      readPart: checked('readPart', store.readPart),
      discard: (parts) => store.discard(parts),
      prune: checked('prune', store.prune),
      markFinished: checked('markFinished', store.markFinished),
      readFinished: () => store.readFinished(),
      rewind: (checkpoint) => store.rewind(checkpoint),
      clear: () => store.clear(),
      close: () => store.close(),
    },
  };
}

describe('a store that cannot write', () => {
  const HOUR_MS = 3_600_000;

  async function start(
    checkpoint: RunOptions['checkpoint'],
    restart?: RunOptions['restart'],
  ): Promise<{ job: Job; meter: Meter; checkpoints: CheckpointEvent[] }> {
    const meter = new Meter(COUNT / 4);
    const job = await run(fixture('counted'), {
      parallelism: 2,
      args: { meter: meter.shared, count: COUNT, splits: 2 },
      checkpoint: { intervalMs: HOUR_MS, ...checkpoint },
      restart,
    });
    const checkpoints: CheckpointEvent[] = [];
    job.on('checkpoint', (event) => checkpoints.push(event));
    await until(() => job.progress().sourceRecords === COUNT / 4, job);
    return { job, meter, checkpoints };
  }

  for (const method of ['writePart', 'writeManifest'] as const) {
    test(`${method}: failures that are tolerated cost nothing but checkpoints`, async () => {
      const { store, fail } = fullStore();
      const { job, meter, checkpoints } = await start({ store, tolerableFailures: 2 }, noRestart());
      for (let round = 0; round < 3; round += 1) {
        for (let n = 0; n < 2; n += 1) {
          fail(method, 1);
          const error = await failureOf(job.checkpointNow());
          expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
          expect(error.message).toContain('ENOSPC');
        }
        // One that completes, and the count begins anew.
        meter.raise((COUNT / 4) * (round + 1));
        await job.checkpointNow();
      }
      const kinds = checkpoints.map(({ kind }) => kind).join(' ');
      expect(kinds).toBe('failed failed completed '.repeat(3).trim());
      meter.raise(COUNT);
      const result = await job.finished;
      expect(result.restarts).toBe(0);
      expectTotals(result);
    });

    test(`${method}: one too many restarts the job from the last checkpoint`, async () => {
      const { store, fail } = fullStore();
      const restart = fixedDelay({ attempts: 2, delayMs: 0 });
      const { job, meter } = await start({ store }, restart);
      const last = await job.checkpointNow();
      meter.raise(COUNT / 2);
      await until(() => job.progress().sourceRecords === COUNT / 2, job);
      fail(method, 1);
      const again = runningAgain(job);
      const restarted = new Promise((resolve) => job.once('restarted', resolve));
      await failureOf(job.checkpointNow());
      await again;
      meter.raise(COUNT);
      expect(await restarted).toMatchObject({ cause: 'checkpoint', checkpoint: last });
      const result = await job.finished;
      expect(result.restarts).toBe(1);
      expectTotals(result);
    });

    test(`${method}: a disk that stays full ends the job, and says so`, async () => {
      const { store, fail } = fullStore();
      const checkpoint = { store, intervalMs: 10 };
      fail(method, Number.POSITIVE_INFINITY);
      const meter = new Meter(COUNT);
      const job = await run(fixture('counted'), {
        parallelism: 2,
        args: { meter: meter.shared, count: COUNT + 1 },
        checkpoint,
        restart: fixedDelay({ attempts: 2, delayMs: 0 }),
      });
      const error = await failureOf(job.finished);
      expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
      expect(error.message).toContain('ENOSPC');
      expect(error.details).toMatchObject({ attempts: 2 });
    });

    test(`${method}: without restarts the failure itself ends it`, async () => {
      const { store, fail } = fullStore();
      const { job } = await start({ store }, noRestart());
      fail(method, 1);
      await failureOf(job.checkpointNow());
      const error = await failureOf(job.finished);
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(error.message).toContain('ENOSPC');
    });

    test(`${method}: the final checkpoint is tried again`, async () => {
      const { store, fail } = fullStore();
      const { job, meter, checkpoints } = await start(
        { store, tolerableFailures: 1, intervalMs: 50 },
        noRestart(),
      );
      await job.checkpointNow();
      job.on('status', (status) => {
        if (status === 'finishing') fail(method, 1);
      });
      meter.raise(COUNT);
      expectTotals(await job.finished);
      expect(checkpoints.filter(({ kind }) => kind === 'failed')).toHaveLength(1);
    });
  }

  for (const method of ['nextEpoch', 'readPart'] as const) {
    test(`${method} fails while the job comes back: it is tried again`, async () => {
      const { store, fail } = fullStore();
      const restart = fixedDelay({ attempts: 3, delayMs: 0 });
      const { job, meter } = await start({ store }, restart);
      await job.checkpointNow();
      fail(method, 1);
      const again = runningAgain(job);
      job.kill(1, 'terminate');
      await again;
      meter.raise(COUNT);
      const result = await job.finished;
      expect(result.restarts).toBe(1);
      expectTotals(result);
    });
  }

  test('old checkpoints that cannot be removed are no failure', async () => {
    const { store, fail } = fullStore();
    fail('prune', Number.POSITIVE_INFINITY);
    const { job, meter } = await start({ store }, noRestart());
    for (let n = 0; n < 5; n += 1) await job.checkpointNow();
    meter.raise(COUNT);
    expectTotals(await job.finished);
  });

  test('a run that cannot be marked as finished ends with an error', async () => {
    const { store, fail } = fullStore();
    fail('markFinished', 1);
    const { job, meter } = await start({ store }, noRestart());
    meter.raise(COUNT);
    const error = await failureOf(job.finished);
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(error.message).toContain('ENOSPC');
    expect(job.status).toBe('failed');
    // The last checkpoint is there: another run has nothing left to do, and says what came out.
    const again = await run(fixture('counted'), {
      parallelism: 2,
      args: { count: COUNT, splits: 2 },
      checkpoint: { store },
    });
    expectTotals(await again.finished);
    expectTotals({ collected: { totals: again.collected('totals') } });
  });
});

describe('threads that die where it hurts', () => {
  const arm = (word: SharedArrayBuffer, place: (typeof places)[number]): void => {
    Atomics.store(new Int32Array(word), 0, places.indexOf(place) + 1);
  };

  for (const how of ['exit', 'throw']) {
    for (const place of places) {
      if (how === 'throw' && place === 'build') continue; // No restart would help: see below.
      test(`while coming back (${how} in the ${place}): it comes back all the same`, async () => {
        const armed = new SharedArrayBuffer(4);
        const meter = new Meter(COUNT / 2);
        const job = await run(fixture('faltering'), {
          parallelism: 2,
          spares: 0,
          args: { armed, how, meter: meter.shared, count: COUNT, splits: 2 },
          checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
          restart: fixedDelay({ attempts: 3, delayMs: 0 }),
        });
        await until(() => job.progress().sourceRecords > COUNT / 4, job);
        await job.checkpointNow();
        const failures: string[] = [];
        job.on('failure', ({ message }) => failures.push(message));
        arm(armed, place);
        const again = runningAgain(job);
        job.kill(0, 'terminate');
        await again;
        meter.raise(COUNT);
        const result = await job.finished;
        expectTotals(result);
        expect(failures.length).toBeGreaterThanOrEqual(2);
        expect(new Int32Array(armed)[0]).toBe(0);
      });
    }
  }

  test('a build function that throws while coming back ends the job: it would throw again', async () => {
    const armed = new SharedArrayBuffer(4);
    const meter = new Meter(COUNT / 2);
    const job = await run(fixture('faltering'), {
      parallelism: 2,
      args: { armed, how: 'throw', meter: meter.shared, count: COUNT },
      restart: fixedDelay({ attempts: 3, delayMs: 0 }),
    });
    arm(armed, 'build');
    job.kill(0, 'terminate');
    const error = await failureOf(job.finished);
    expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(error.message).toContain('the build falters');
  });

  test('at the first start, before anything ran: the job does not start, and says why', async () => {
    const armed = new SharedArrayBuffer(4);
    arm(armed, 'build');
    const options = { parallelism: 2, args: { armed, how: 'exit', count: COUNT } };
    const error = await failureOf(run(fixture('faltering'), options));
    expect(error.code).toBe('ERR_HOLDFAST_WORKER_DIED');
    expect(error.message).toMatch(/exit.*9/);
  });

  test('at the first start, while its tasks are made: it is tried again', async () => {
    const armed = new SharedArrayBuffer(4);
    arm(armed, 'sink');
    const job = await run(fixture('faltering'), {
      parallelism: 2,
      args: { armed, how: 'exit', count: COUNT },
      restart: fixedDelay({ attempts: 3, delayMs: 0 }),
    });
    expectTotals(await job.finished);
    expect(new Int32Array(armed)[0]).toBe(0);
  });

  test('at the first start from a checkpoint: what that had shown is shown again, once', async () => {
    const armed = new SharedArrayBuffer(4);
    const meter = new Meter(COUNT / 2);
    const options = {
      parallelism: 2,
      args: { armed, how: 'exit', meter: meter.shared, count: COUNT, splits: 2 },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
      restart: fixedDelay({ attempts: 3, delayMs: 0 }),
    };
    const first = await run(fixture('faltering'), options);
    await until(() => first.progress().sinkRecords === COUNT / 2, first);
    await first.stop();
    arm(armed, 'sink');
    const job = await run(fixture('faltering'), options);
    expect(job.collected('totals')).toHaveLength(COUNT / 2);
    meter.raise(COUNT);
    expectTotals(await job.finished);
  });

  test('out of memory: the thread or the whole process comes back', async () => {
    const folder = await temporaryFolder();
    const gate = join(folder, 'gate');
    const job = await runGuarded(fixture('counted'), {
      parallelism: 2,
      args: { count: COUNT, gate },
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 50 },
      slot: { resourceLimits: { maxOldGenerationSizeMb: 64 } },
      output: 'events',
    });
    await until(() => job.progress().sourceRecords > 0);
    await job.checkpointNow();
    const causes: string[] = [];
    const back = new Promise<void>((resolve, reject) => {
      job.on('restarted', ({ cause }) => void resolve(void causes.push(cause)));
      job.on('process-restarted', ({ cause }) => void resolve(void causes.push(cause)));
      job.on('failure', () => void writeFile(gate, ''));
      job.on('process-died', () => void writeFile(gate, ''));
      job.finished.catch(reject);
    });
    job.kill(1, 'out-of-memory');
    await back;
    expectTotals(await job.finished);
    expect(causes).toHaveLength(1);
  });
});

test('a process that dies after its job finished: the result is told by the next one', async () => {
  const folder = await temporaryFolder();
  const job = await runGuarded(fixture('last-gasp'), {
    parallelism: 2,
    args: { count: COUNT, mark: join(folder, 'mark') },
    checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 50 },
  });
  const result = await job.finished;
  expect(result).toMatchObject({ status: 'finished', restarts: 1, sourceRecords: COUNT });
  const rows = result.collected['rows'] as number[];
  expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
});

describe('where to start from', () => {
  test('a checkpoint that is not there is told with those that are', async () => {
    const meter = new Meter(COUNT / 2);
    const options = {
      parallelism: 2,
      args: { meter: meter.shared, count: COUNT, splits: 2 },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    };
    const job = await run(fixture('counted'), options);
    const first = await job.checkpointNow();
    await until(() => job.progress().sourceRecords === COUNT / 2, job);
    await job.checkpointNow();
    await job.stop();
    const error = await failureOf(run(fixture('counted'), { ...options, restore: '999' }));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(error.message).toContain('999');
    expect(error.message).toContain(String(first));
    for (const restore of ['0', '-1', '1.5', 'newest', '']) {
      const refused = await failureOf(run(fixture('counted'), { ...options, restore }));
      expect(refused.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    // An older one, by its number: from there on, to the same end.
    meter.raise(COUNT);
    const again = await run(fixture('counted'), { ...options, restore: String(first) });
    expectTotals(await again.finished);
  });
});
