import { expect, test } from 'vitest';
import { fixedDelay } from '../../dist/index.js';
import {
  expectedWindows,
  fixture,
  nextRestart,
  shownWindows,
  temporaryFolder,
  totalsProblems,
  until,
} from './kit.js';
import { run } from './run-compiled.js';

/** As the rates: what matters is how long a job has, not how much it does. */
const COUNT = 24_000;

test('without a fault the windows equal a plain fold', async () => {
  const job = await run(fixture('windows'), { parallelism: 2, args: { count: COUNT } });
  const result = await job.finished;
  expect(result.status).toBe('finished');
  expect(result.sourceRecords).toBe(COUNT);
  expect(shownWindows(result.collected['windows'] ?? [])).toEqual(expectedWindows(COUNT));
});

for (const cause of ['terminate', 'throw', 'exit', 'hang'] as const) {
  test(`killed by ${cause} in mid-run, the result is that of a run without faults`, async () => {
    const directory = await temporaryFolder();
    const job = await run(fixture('windows'), {
      parallelism: 2,
      args: { count: COUNT, ratePerSecond: 20_000 },
      checkpoint: { directory, intervalMs: 50 },
      heartbeat: { intervalMs: 50, timeoutMs: 500 },
    });
    await job.checkpointNow();
    const restarted = nextRestart(job);
    job.kill(1, cause);
    const event = await restarted;
    expect(event.cause).toBe(cause);
    expect(event.slot).toBe(1);
    expect(event.respawned).toEqual([1]);
    expect(event.checkpoint).toBeGreaterThan(0);
    const result = await job.finished;
    expect(result.restarts).toBe(1);
    expect(shownWindows(result.collected['windows'] ?? [])).toEqual(expectedWindows(COUNT));
  });
}

test('many kills of both slots: every key counts on without a gap or a repeat', async () => {
  const directory = await temporaryFolder();
  const count = 30_000;
  const job = await run(fixture('totals'), {
    parallelism: 2,
    args: { count, ratePerSecond: 10_000 },
    checkpoint: { directory, intervalMs: 40 },
  });
  for (let i = 0; i < 8; i += 1) {
    await job.checkpointNow();
    const restarted = nextRestart(job);
    job.kill(i % 2, (['terminate', 'throw', 'exit'] as const)[i % 3]!);
    await restarted;
  }
  const result = await job.finished;
  expect(result.restarts).toBe(8);
  expect(totalsProblems(result.collected['totals'] ?? [], count)).toEqual([]);
});

test('both slots killed at once come back together', async () => {
  const directory = await temporaryFolder();
  const count = 10_000;
  const job = await run(fixture('totals'), {
    parallelism: 2,
    spares: 0,
    args: { count, ratePerSecond: 10_000 },
    checkpoint: { directory, intervalMs: 40 },
  });
  await job.checkpointNow();
  const restarted = nextRestart(job);
  job.kill(0, 'terminate');
  job.kill(1, 'terminate');
  await restarted;
  const result = await job.finished;
  expect(totalsProblems(result.collected['totals'] ?? [], count)).toEqual([]);
});

test('without checkpoints a restart begins anew, and sinks show each row once', async () => {
  const count = 10_000;
  const job = await run(fixture('totals'), {
    parallelism: 2,
    args: { count, ratePerSecond: 10_000 },
    restart: fixedDelay({ attempts: 3, delayMs: 0 }),
  });
  await until(() => job.progress().sourceRecords > 1_500, job);
  const restarted = nextRestart(job);
  job.kill(0, 'throw');
  expect((await restarted).checkpoint).toBeUndefined();
  const result = await job.finished;
  expect(totalsProblems(result.collected['totals'] ?? [], count)).toEqual([]);
});

test('a record that never comes back is found as a hang, with what to do about it', async () => {
  const directory = await temporaryFolder();
  const job = await run(fixture('stuck'), {
    parallelism: 2,
    args: { met: new SharedArrayBuffer(4) },
    checkpoint: { directory, intervalMs: 50 },
    heartbeat: { intervalMs: 50, timeoutMs: 400 },
  });
  const failures: string[] = [];
  job.on('failure', (failure) => failures.push(`${failure.code}: ${failure.message}`));
  const result = await job.finished;
  expect(result.restarts).toBe(1);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toContain('ERR_HOLDFAST_WORKER_HUNG');
  expect(failures[0]).toContain('heartbeat.timeoutMs');
});

test('a stopped job goes on where it stopped, with another parallelism, in order per key', async () => {
  const directory = await temporaryFolder();
  const count = 12_000;
  const options = { checkpoint: { directory, intervalMs: 50 } };
  let finished: readonly unknown[] | undefined;
  for (const parallelism of [1, 2, 3, 1]) {
    const last = parallelism === 1 && finished !== undefined;
    const job = await run(fixture('totals'), {
      ...options,
      parallelism,
      args: { count, ...(last ? {} : { ratePerSecond: 6_000 }) },
    });
    finished = [];
    if (last) {
      finished = (await job.finished).collected['totals'] ?? [];
      continue;
    }
    const from = job.progress().sourceRecords;
    await until(() => job.progress().sourceRecords > from + 1_500, job);
    expect((await job.stop()).status).toBe('stopped');
  }
  expect(totalsProblems(finished ?? [], count)).toEqual([]);
});

test('stop with drain fires the open windows; without, they stay in the checkpoint', async () => {
  const drained = await run(fixture('windows'), {
    parallelism: 2,
    args: { count: 1_000_000, ratePerSecond: 20_000 },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 50 },
  });
  await until(() => drained.progress().sourceRecords > 3_000, drained);
  const result = await drained.stop({ drain: true });
  expect(result.status).toBe('finished');
  const rows = result.collected['windows'] as readonly { readings: number }[];
  expect(rows.reduce((sum, row) => sum + row.readings, 0)).toBe(result.sourceRecords);
});
