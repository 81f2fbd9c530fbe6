import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Failure, fixedDelay, type Job, type RunOptions } from '../../dist/index.js';
import { TROUBLED, type Trouble } from './fixtures/troubled.job.js';
import { fixture, Meter, nextRestart, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 1_500;

interface Watched {
  readonly job: Job;
  readonly meter: Meter;
  readonly failures: Failure[];
}

/** All records up to the one that brings trouble, so that a checkpoint can hold them. */
async function start(options: Pick<RunOptions, 'args' | 'heartbeat'>): Promise<Watched> {
  const meter = new Meter(TROUBLED);
  const job = await run(fixture('troubled'), {
    parallelism: 2,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    restart: fixedDelay({ attempts: 1, delayMs: 0 }),
    ...options,
    args: { meter: meter.shared, count: COUNT, met: new SharedArrayBuffer(4), ...options.args },
  });
  const failures: Failure[] = [];
  job.on('failure', (failure) => failures.push(failure));
  await until(() => job.progress().sourceRecords === TROUBLED, job);
  await job.checkpointNow();
  return { job, meter, failures };
}

async function finishes({ job, meter }: Watched, restarts: number): Promise<void> {
  meter.raise(COUNT);
  const result = await job.finished;
  expect(totalsProblems(result.collected['totals']!, COUNT)).toEqual([]);
  expect(result.restarts).toBe(restarts);
}

describe('a hang', () => {
  async function isFound(
    trouble: Trouble,
    heartbeat?: RunOptions['heartbeat'],
    file?: string,
  ): Promise<string> {
    const watched = await start({ heartbeat, args: { trouble, file } });
    const { job, meter, failures } = watched;
    const before = job.slots();
    const restarted = nextRestart(job);
    meter.raise(TROUBLED + 1);
    const { slot, respawned } = await restarted;
    await finishes(watched, 1);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ kind: 'hung', code: 'ERR_HOLDFAST_WORKER_HUNG', slot });
    // It alone was replaced.
    expect(respawned).toEqual([slot]);
    for (const { slot: each, incarnation } of job.slots()) {
      const grown = incarnation > before[each]!.incarnation;
      expect(grown, `slot ${each} has another thread`).toBe(each === slot);
    }
    return failures[0]!.message;
  }

  test('in a loop is found, and its thread replaced once', async () => {
    await isFound('loop');
  });

  test('in a regular expression too', async () => {
    await isFound('regex');
  });

  test('in a wait of its own too', async () => {
    await isFound('wait');
  });

  test('in a native call: its thread cannot be ended, and nobody waits for it', async () => {
    // The call comes back when this file is there: after the job's end, or the test hangs.
    const file = join(await temporaryFolder(), 'go');
    await isFound('native', undefined, file);
    await writeFile(file, '');
  });

  test('that gives signs of life is one at the limit of a busy thread', async () => {
    const heartbeat = { intervalMs: 50, timeoutMs: 500, busyLimitMs: 800 };
    expect(await isFound('lively loop', heartbeat)).toContain('heartbeat.busyLimitMs (800)');
  });

  test('of a thread that has nothing to do is found', async () => {
    const watched = await start({});
    const restarted = nextRestart(watched.job);
    watched.job.kill(1, 'hang');
    watched.meter.raise(TROUBLED + 1);
    expect(await restarted).toMatchObject({ cause: 'hang', slot: 1, respawned: [1] });
    await finishes(watched, 1);
    expect(watched.failures).toHaveLength(1);
    expect(watched.failures[0]).toMatchObject({ kind: 'hung', slot: 1 });
    // What it advises is there.
    expect(watched.failures[0]!.message).toContain("alive() of 'holdfast'");
  });
});

describe('no hang', () => {
  test('is a slow record that gives signs of life, however long without a limit', async () => {
    const heartbeat = { intervalMs: 50, timeoutMs: 500 };
    const watched = await start({ heartbeat, args: { livelyMs: 2_000 } });
    watched.meter.raise(TROUBLED + 1);
    await until(() => watched.job.slots().some(({ verdict }) => verdict === 'busy'), watched.job);
    await finishes(watched, 0);
    expect(watched.failures).toEqual([]);
  });

  test('is a slow job with default settings', async () => {
    const meter = new Meter();
    const job = await run(fixture('troubled'), {
      parallelism: 2,
      args: { meter: meter.shared, count: 20, splits: 2, slowMs: 50, longMs: 800 },
    });
    const failures: Failure[] = [];
    job.on('failure', (failure) => failures.push(failure));
    meter.raise(20);
    const result = await job.finished;
    expect(failures).toEqual([]);
    expect(totalsProblems(result.collected['totals']!, 20)).toEqual([]);
  });

  test('is seen by a supervisor that was itself blocked for twice the timeout', async () => {
    const watched = await start({ args: { slowMs: 2, longMs: 2 } });
    watched.meter.raise(COUNT);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
    await finishes(watched, 0);
    expect(watched.failures).toEqual([]);
  });
});

test('what is shown of a thread: alive, idle, suspect, and alive again', async () => {
  const watched = await start({ args: { trouble: 'loop', slowMs: 1, longMs: 1 } });
  const { job, meter } = watched;
  const shown = (verdict: string) =>
    until(() => job.slots().some((slot) => slot.verdict === verdict), job);
  await shown('idle');
  const restarted = nextRestart(job);
  meter.raise(TROUBLED + 1);
  await shown('suspect');
  await restarted;
  meter.raise(COUNT);
  await shown('alive');
  await finishes(watched, 1);
});
