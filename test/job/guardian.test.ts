import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HoldfastError } from '../../dist/base/errors.js';
import type { GuardedJob, GuardedJobEvents } from '../../dist/job/guarded-job.js';
import { type GuardedOptions, runGuarded } from '../../dist/job/guardian.js';
import { fixedDelay, noRestart } from '../../dist/supervisor/restart-strategy.js';

const paced = new URL('./fixtures/paced.job.ts', import.meta.url);
const deadly = new URL('./fixtures/deadly.job.ts', import.meta.url);

let folder = '';
const started: GuardedJob[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-guardian-'));
});
afterEach(async () => {
  for (const job of started.splice(0)) await job.cancel();
  await rm(folder, { recursive: true, force: true });
});

const out = () => join(folder, 'out');

async function start(options: GuardedOptions, url = paced): Promise<GuardedJob> {
  const job = await runGuarded(url, {
    parallelism: 2,
    checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 30 },
    ...options,
    args: { out: out(), ...options.args },
  });
  started.push(job);
  return job;
}

function next<E extends keyof GuardedJobEvents>(
  job: GuardedJob,
  event: E,
  wanted: (...args: GuardedJobEvents[E]) => boolean = () => true,
): Promise<GuardedJobEvents[E]> {
  return new Promise((resolve) => {
    const listener = (...args: GuardedJobEvents[E]): void => {
      if (!wanted(...args)) return;
      job.off(event, listener);
      resolve(args);
    };
    job.on(event, listener);
  });
}

const completed = (job: GuardedJob) =>
  next(job, 'checkpoint', (event) => event.kind === 'completed' && event.checkpoint > 1);

/** Rows that readers of the folder see, as sorted lines. */
async function published(): Promise<readonly string[]> {
  const names = (await readdir(out()).catch(() => [])).filter((name) => !name.startsWith('.'));
  const texts = await Promise.all(names.map((name) => readFile(join(out(), name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter((line) => line !== '')).sort();
}

/** What `paced.job.ts` publishes for so many records. */
function expectedRows(records: number): readonly string[] {
  const rows: string[] = [];
  for (let k = 0; k < 7; k += 1) {
    const inKey = Math.floor((records - 1 - k) / 7) + 1;
    for (let n = 100; n <= inKey; n += 100) rows.push(JSON.stringify({ key: `key-${k}`, n }));
  }
  return rows.sort();
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(10);
}

const failureOf = (job: GuardedJob): Promise<HoldfastError> =>
  job.finished.then(
    () => expect.fail('it finished'),
    (error) => error as HoldfastError,
  );

describe('a guarded job', () => {
  test('runs to its end like any other', async () => {
    const job = await start({ args: { records: 20_000 } });
    expect(job).toMatchObject({ name: 'paced' });
    expect(await job.finished).toMatchObject({
      status: 'finished',
      sourceRecords: 20_000,
      restarts: 0,
      run: job.id,
    });
    expect(await published()).toEqual(expectedRows(20_000));
    expect(job.pid).toBeUndefined();
  });

  test('goes on from its newest checkpoint when its process is killed, twice', async () => {
    const job = await start({ args: { records: 20_000, rate: 8_000 } });
    const pids: (number | undefined)[] = [];
    for (let i = 0; i < 2; i += 1) {
      await completed(job);
      pids.push(job.pid);
      const restarted = next(job, 'process-restarted');
      job.killProcess();
      const [event] = await restarted;
      expect(event).toMatchObject({ cause: 'SIGKILL', signal: 'SIGKILL', pid: pids[i] });
      expect(event.checkpoint).toBeGreaterThan(1);
      expect(job.pid).not.toBe(pids[i]);
    }
    expect(await job.finished).toMatchObject({
      status: 'finished',
      sourceRecords: 20_000,
      restarts: 2,
    });
    expect(await published()).toEqual(expectedRows(20_000));
  });

  test('is exact when its process dies at the very end, whenever that is', async () => {
    for (let round = 0; round < 4; round += 1) {
      const job = await start({ args: { records: 3_000 }, restore: 'none' });
      const final = next(job, 'checkpoint', (event) => event.kind === 'completed' && event.final);
      void final.then(async () => {
        await sleep(round * 3);
        job.killProcess();
      });
      expect(await job.finished).toMatchObject({ status: 'finished', sourceRecords: 3_000 });
      expect(await published()).toEqual(expectedRows(3_000));
      await rm(out(), { recursive: true });
    }
  });

  test('starts as it was told to when a process dies before its first checkpoint', async () => {
    const first = await start({ args: { records: 1_000 } });
    await first.finished;
    await rm(out(), { recursive: true });
    const job = await start({
      args: { records: 3_000, rate: 4_000 },
      restore: 'none',
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 60_000 },
      restart: fixedDelay({ attempts: 3, delayMs: 1 }),
    });
    job.killProcess();
    expect(await job.finished).toMatchObject({ sourceRecords: 3_000, restarts: 1 });
    expect(await published()).toEqual(expectedRows(3_000));
  });

  test('kills of threads are answered within the process', async () => {
    const job = await start({ args: { records: 20_000, rate: 8_000 } });
    const { pid } = job;
    await completed(job);
    const restarted = next(job, 'restarted');
    job.kill(1, 'throw');
    expect(await restarted).toMatchObject([{ cause: 'throw', slot: 1 }]);
    expect(job.pid).toBe(pid);
    expect(await job.finished).toMatchObject({ sourceRecords: 20_000, restarts: 1 });
    expect(await published()).toEqual(expectedRows(20_000));
  });

  test('takes a checkpoint when asked, and tells progress and slots', async () => {
    const job = await start({
      args: { rate: 5_000 },
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 60_000 },
    });
    expect(await job.checkpointNow()).toBe(1);
    expect(await job.checkpointNow()).toBe(2);
    await next(job, 'progress', ({ sourceRecords }) => sourceRecords > 0);
    expect(job.progress().sourceRecords).toBeGreaterThan(0);
    expect(job.slots().map(({ slot }) => slot)).toEqual([0, 1]);
  });

  test('stops with a last checkpoint, and another run goes on from there', async () => {
    const job = await start({ args: { records: 20_000, rate: 8_000 } });
    await completed(job);
    const stopped = await job.stop();
    expect(stopped.status).toBe('stopped');
    expect(stopped.sourceRecords).toBeLessThan(20_000);
    const again = await start({ args: { records: 20_000 } });
    expect(again.id).toBe(job.id);
    expect(await again.finished).toMatchObject({ status: 'finished', sourceRecords: 20_000 });
    expect(await published()).toEqual(expectedRows(20_000));
  });
});

describe('the end of a guarded job', () => {
  test('a spent budget: the last death is the cause', async () => {
    const job = await start({ restart: fixedDelay({ attempts: 2, delayMs: 5 }) }, deadly).then(
      (running) => failureOf(running),
      (error) => error as HoldfastError,
    );
    expect(job).toMatchObject({ code: 'ERR_HOLDFAST_RESTART_BUDGET', details: { attempts: 2 } });
    expect(job.cause).toMatchObject({
      code: 'ERR_HOLDFAST_PROCESS_DIED',
      details: { signal: 'SIGKILL' },
    });
  });

  test('without restarts: the first death', async () => {
    const error = await start({ restart: noRestart() }, deadly).then(
      (running) => failureOf(running),
      (thrown) => thrown as HoldfastError,
    );
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_PROCESS_DIED' });
    expect(error.message).toContain('SIGKILL');
  });

  test('the job’s own failure is no reason for another process', async () => {
    const deaths: unknown[] = [];
    const error = await start({ args: { how: 'throw' }, restart: noRestart() }, deadly).then(
      (running) => {
        running.on('process-died', (death) => deaths.push(death));
        return failureOf(running);
      },
      (thrown) => thrown as HoldfastError,
    );
    expect(deaths).toEqual([]);
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
    expect(error.message).toContain('record 500 is poison');
    expect((error.cause as Error).name).toBe('RangeError');
    expect((error.cause as Error).stack).toContain('deadly.job.ts:');
  });

  test('canceled: its process is gone', async () => {
    const job = await start({ args: { rate: 1_000 } });
    const pid = job.pid ?? 0;
    await job.cancel();
    expect(await failureOf(job)).toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    expect(isAlive(pid)).toBe(false);
    expect(job.status).toBe('canceled');
  });

  test('canceled through a signal', async () => {
    const controller = new AbortController();
    const job = await start({ args: { rate: 1_000 }, signal: controller.signal });
    controller.abort();
    expect(await failureOf(job)).toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
  });

  test('a finished run is not run again', async () => {
    await (await start({ args: { records: 500 } })).finished;
    await expect(start({ args: { records: 500 } })).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_ALREADY_FINISHED',
    });
  });

  test('no orphan: the job’s process ends with its guardian', async () => {
    const script = fileURLToPath(new URL('./fixtures/guard-and-tell.mjs', import.meta.url));
    const guardian = spawn(process.execPath, [script, out()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = await once(guardian.stdout, 'data');
    const pid = Number(String(chunk).trim());
    expect(isAlive(pid)).toBe(true);
    guardian.kill('SIGKILL');
    await gone(pid);
  });
});

describe('what a guarded run refuses', () => {
  test.each([
    [{ logger: console }, /option logger .*an object with methods.*events/],
    [{ print: () => {} }, /option print .*a function.*'print' event/],
    [{ checkpoint: { store: {} } }, /option checkpoint\.store .*checkpoint\.directory/],
    [{ args: { deep: [{ f: () => 1 }] } }, /option args\.deep\.0\.f .*a function/],
    [{ args: { weak: new WeakMap() } }, /plain data/],
    [{ paralelism: 2 }, /parallelism/],
    [{ parallelism: 0 }, /parallelism/],
  ])('%o', async (options, message) => {
    const refused = runGuarded(paced, options as GuardedOptions);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_HOLDFAST_BAD_OPTION' });
    await expect(refused).rejects.toThrow(message);
  });

  test('a job module that is not there', async () => {
    await expect(runGuarded(new URL('./nowhere.job.ts', import.meta.url))).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_JOB_MODULE',
    });
    expect(existsSync(out())).toBe(false);
  });
});
