import { expect, test } from 'vitest';
import {
  type Failure,
  type Job,
  noRestart,
  type PressureEvent,
  type RunOptions,
} from '../../dist/index.js';
import { fixture, Meter, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

const STEP = 4_000;

interface Hoarding {
  readonly job: Job;
  readonly meter: Meter;
  readonly failures: Failure[];
  readonly pressures: PressureEvent[];
  readonly causes: string[];
  readonly warnings: object[];
}

async function start(count: number, options: RunOptions): Promise<Hoarding> {
  const meter = new Meter();
  const warnings: object[] = [];
  const nothing = (): void => {};
  const job = await run(fixture('hoarding'), {
    parallelism: 2,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    // Collecting a full heap may take long, and is not what is tested here.
    heartbeat: { intervalMs: 20, timeoutMs: 30_000 },
    logger: { debug: nothing, info: nothing, warn: (data) => warnings.push(data), error: nothing },
    ...options,
    args: { meter: meter.shared, count },
  });
  const started: Hoarding = { job, meter, failures: [], pressures: [], causes: [], warnings };
  job.on('failure', (failure) => started.failures.push(failure));
  job.on('pressure', (event) => started.pressures.push(event));
  job.on('restarted', ({ cause }) => started.causes.push(cause));
  return started;
}

/** Beats, so many of them, from all slots. */
async function beats(job: Job, count: number): Promise<void> {
  for (const { slot } of job.slots()) {
    for (let seen = 0; seen < count; seen += 1) {
      let ago = job.slots()[slot]!.lastBeatAgoMs;
      await until(() => {
        const before = ago;
        ago = job.slots()[slot]!.lastBeatAgoMs;
        return ago < before;
      }, job);
    }
  }
}

/** Raises the meter step by step, and waits for a restart that was announced. */
async function feed(hoarding: Hoarding, count: number): Promise<void> {
  const { job, meter, pressures, failures } = hoarding;
  for (let n = STEP; n <= count; n += STEP) {
    meter.raise(n);
    await until(() => job.progress().sourceRecords >= n, job);
    await beats(job, 4);
    const announced = () => pressures.filter(({ action }) => action === 'restarting').length;
    await until(() => failures.length === announced() && job.status !== 'restarting', job);
  }
}

test('a heap that stays full is reported once, and its thread dies of it', async () => {
  const hoarding = await start(1_000_000, {
    slot: { resourceLimits: { maxOldGenerationSizeMb: 48 }, heap: { reportAt: 0.75 } },
    restart: noRestart(),
  });
  const { job, pressures, failures, warnings } = hoarding;
  await expect(feed(hoarding, 1_000_000)).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_WORKER_OUT_OF_MEMORY',
  });
  await expect(job.finished).rejects.toThrow('maxOldGenerationSizeMb');
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({ kind: 'out-of-memory' });
  expect(pressures).toHaveLength(1);
  const { share, heapUsedBytes, heapLimitBytes } = pressures[0]!;
  expect(pressures[0]).toMatchObject({ action: 'reported', slot: failures[0]!.slot });
  expect(heapLimitBytes).toBe(48 * 2 ** 20);
  expect(share).toBe(heapUsedBytes / heapLimitBytes);
  expect(share).toBeGreaterThanOrEqual(0.75);
  expect(warnings).toContainEqual(pressures[0]);
});

test('its thread is restarted before it is full, and the result is exactly right', async () => {
  const count = 64_000;
  const hoarding = await start(count, {
    slot: {
      resourceLimits: { maxOldGenerationSizeMb: 48 },
      heap: { reportAt: 0.5, restartAt: 0.7 },
    },
  });
  const { job, meter, failures, pressures, causes } = hoarding;
  await feed(hoarding, count - STEP);
  meter.raise(count);
  const result = await job.finished;
  expect(totalsProblems(result.collected['totals']!, count)).toEqual([]);
  const actions = pressures.map(({ action }) => action);
  const restarts = actions.filter((action) => action === 'restarting').length;
  expect(restarts).toBeGreaterThanOrEqual(2);
  expect(actions[0]).toBe('reported');
  // Nothing but what was announced has failed.
  expect(causes).toEqual(Array.from({ length: restarts }, () => 'heap-pressure'));
  expect(failures).toHaveLength(restarts);
  for (const failure of failures) expect(failure.message).toContain('slot.heap.restartAt (0.7)');
  expect(result.restarts).toBe(restarts);
});

test('what a beat tells of the heap is of the part that a thread dies of', async () => {
  const { job, meter } = await start(10, {
    slot: { resourceLimits: { maxOldGenerationSizeMb: 100 } },
  });
  await beats(job, 1);
  for (const { heapUsedBytes, heapLimitBytes } of job.slots()) {
    expect(heapLimitBytes).toBe(100 * 2 ** 20);
    expect(heapUsedBytes).toBeGreaterThan(0);
    expect(heapUsedBytes).toBeLessThan(heapLimitBytes);
  }
  meter.raise(10);
  await job.finished;
});
