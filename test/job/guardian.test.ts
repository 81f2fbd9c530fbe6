import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HoldfastError } from '../../dist/base/errors.js';
import type { GuardedJob, GuardedJobEvents } from '../../dist/guardian/guarded-job.js';
import { runGuarded as compileAndRun, type GuardedOptions } from '../../dist/guardian/guardian.js';
import {
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
} from '../../dist/supervisor/restart-strategy.js';
import { gone, isAlive, leftovers } from './leftovers.js';
import { runGuarded } from './run-compiled.js';

const paced = new URL('./fixtures/paced.job.ts', import.meta.url);
const mortal = new URL('./fixtures/mortal.job.ts', import.meta.url);
const beside = new URL('./fixtures/beside.job.ts', import.meta.url);
const resting = new URL('./fixtures/resting.job.ts', import.meta.url);
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

/** A job with these records emits half of them, and waits: whatever is done to it comes before its end. */
const held = (records: number) => ({ records, gate: join(folder, 'gate') });
/** @param records how many it may emit now; all of them when absent */
async function letGo(records?: number): Promise<void> {
  // Never seen half written: with nothing in it, it would let go of all.
  await writeFile(join(folder, 'next gate'), records === undefined ? '' : String(records));
  await rename(join(folder, 'next gate'), join(folder, 'gate'));
}

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

/** Every process that the job has had is gone, and so is what it had open. */
async function expectNothingLeft(
  pids: readonly (number | undefined)[],
  { staged = true } = {},
): Promise<void> {
  const checkpoints = join(folder, 'checkpoints');
  expect(await leftovers({ checkpoints, pids, ...(staged ? { out: out() } : {}) })).toEqual([]);
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
    await expectNothingLeft([]);
  });

  test('goes on from its newest checkpoint when its process is killed, twice', async () => {
    const job = await start({ args: held(20_000) });
    const pids: (number | undefined)[] = [];
    for (let i = 0; i < 2; i += 1) {
      await completed(job);
      pids.push(job.pid);
      const restarted = next(job, 'process-restarted');
      const died = next(job, 'process-died');
      job.killProcess();
      await died;
      await letGo(12_000 + i * 2_000); // it is told with the first output after it
      const [event] = await restarted;
      expect(event).toMatchObject({ cause: 'SIGKILL', signal: 'SIGKILL', pid: pids[i] });
      expect(event.checkpoint).toBeGreaterThan(1);
      expect(job.pid).not.toBe(pids[i]);
    }
    await letGo();
    expect(await job.finished).toMatchObject({
      status: 'finished',
      sourceRecords: 20_000,
      restarts: 2,
    });
    expect(await published()).toEqual(expectedRows(20_000));
    await expectNothingLeft(pids);
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
      args: held(3_000),
      restore: 'none',
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 60_000 },
      restart: fixedDelay({ attempts: 3, delayMs: 1 }),
    });
    job.killProcess();
    await letGo();
    expect(await job.finished).toMatchObject({ sourceRecords: 3_000, restarts: 1 });
    expect(await published()).toEqual(expectedRows(3_000));
  });

  test('kills of threads are answered within the process', async () => {
    const job = await start({ args: held(20_000) });
    const { pid } = job;
    await completed(job);
    const restarted = next(job, 'restarted');
    const failed = next(job, 'failure');
    job.kill(1, 'throw');
    await failed;
    await letGo(15_000); // it is told with the first output after it
    expect(await restarted).toMatchObject([{ cause: 'throw', slot: 1 }]);
    expect(job.pid).toBe(pid);
    await letGo();
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
    const job = await start({ args: held(20_000) });
    await completed(job);
    const stopped = await job.stop();
    expect(stopped.status).toBe('stopped');
    expect(stopped.sourceRecords).toBeLessThan(20_000);
    await expectNothingLeft([]);
    await letGo();
    const again = await start({ args: held(20_000) });
    expect(again.id).toBe(job.id);
    expect(await again.finished).toMatchObject({ status: 'finished', sourceRecords: 20_000 });
    expect(await published()).toEqual(expectedRows(20_000));
  });
});

describe('a process that dies', () => {
  const dying = (how: string, more: GuardedOptions = {}) =>
    start(
      {
        slot: { resourceLimits: { maxOldGenerationSizeMb: 64 } },
        restart: fixedDelay({ attempts: 2, delayMs: 1 }),
        // What V8 says when it gives up is not for this terminal.
        output: 'events',
        ...more,
        args: { how, met: join(folder, 'met'), ...more.args },
      },
      mortal,
    );

  test('of a heap that one allocation overflows is another’s to replace', async () => {
    // On a busy machine the heap takes its time to overflow; that is no hang.
    const job = await dying('heap', { heartbeat: { timeoutMs: 50_000 } });
    const { pid } = job;
    const restarted = next(job, 'process-restarted');
    const result = await job.finished;
    expect((await restarted)[0]).toMatchObject({ cause: 'SIGABRT', attempt: 1 });
    expect(result).toMatchObject({ status: 'finished', restarts: 1, sourceRecords: 2_000 });
    expect(result.collected['hundreds']).toHaveLength(20);
    await expectNothingLeft([pid]);
  });

  test('of the same record each time ends the job, however many checkpoints there are ahead of it', async () => {
    const checkpoint = { directory: join(folder, 'checkpoints'), intervalMs: 10 };
    const job = await dying('kill', { checkpoint, args: { met: undefined } });
    await expect(job.finished).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_RESTART_BUDGET',
      details: { signal: 'SIGKILL', attempts: 2 },
    });
  });

  test('process.exit in the job’s code ends a thread only', async () => {
    const deaths: unknown[] = [];
    const job = await dying('exit');
    job.on('process-died', (death) => deaths.push(death));
    const result = await job.finished;
    expect(deaths).toEqual([]);
    expect(result).toMatchObject({ status: 'finished', restarts: 1, sourceRecords: 2_000 });
    expect(result.collected['hundreds']).toHaveLength(20);
  });

  test('between the finished mark and its report has its rows told by the next one', async () => {
    const job = await dying('end');
    const { pid } = job;
    const result = await job.finished;
    expect(result).toMatchObject({
      status: 'finished',
      run: job.id,
      restarts: 1,
      sourceRecords: 2_000,
    });
    const rows = result.collected['hundreds'] as { key: string; n: number }[];
    const hundreds = [100, 200, 300, 400];
    const expected = [0, 1, 2, 3, 4].flatMap((k) => hundreds.map((n) => `key-${k} ${n}`));
    expect(rows.map(({ key, n }) => `${key} ${n}`).sort()).toEqual(expected);
    await expectNothingLeft([pid]);
  });

  // A fixed delay and none: 'the end of a guarded job', below.
  test.each([
    ['failure rate', failureRate({ failures: 1, intervalMs: 60_000, delayMs: 1 })],
    ['exponential back-off', exponentialBackoff({ initialMs: 1, maxAttempts: 1 })],
  ])('again and again is given up (%s), with its last death', async (_, restart) => {
    const job = await dying('kill', {
      restart,
      args: { met: undefined, at: 0 },
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 60_000 },
    }).then(
      (running) => failureOf(running),
      (error) => error as HoldfastError,
    );
    const code = 'ERR_HOLDFAST_RESTART_BUDGET';
    expect(job).toMatchObject({ code, details: { signal: 'SIGKILL', attempts: 1 } });
    expect(job.message).toMatch(/SIGKILL.*memory/);
    await expectNothingLeft([]);
  });

  test('is not given up while checkpoints complete between its deaths', async () => {
    const job = await start({
      restart: fixedDelay({ attempts: 1, delayMs: 1 }),
      args: held(20_000),
    });
    for (let i = 0; i < 3; i += 1) {
      // Another process must have come further than the one before it, and have kept that.
      const records = (i + 1) * 3_000;
      await letGo(records);
      while (job.progress().sourceRecords < records) await sleep(5);
      await completed(job);
      await completed(job); // that began when all of them had been read
      const died = next(job, 'process-died');
      job.killProcess();
      await died;
    }
    await letGo();
    expect(await job.finished).toMatchObject({ status: 'finished', restarts: 3 });
    expect(await published()).toEqual(expectedRows(20_000));
  });

  describe('of one record, while others go on', () => {
    /** How often it dies until the job ends by itself; too many deaths end it otherwise. */
    async function deathsOf(args: Record<string, unknown>, attempts: number): Promise<number> {
      const job = await start(
        {
          restart: fixedDelay({ attempts, delayMs: 0 }),
          checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 10 },
          args,
        },
        beside,
      );
      let deaths = 1; // The last one is told by the error.
      job.on('process-died', () => {
        deaths += 1;
        if (deaths > 10) void job.cancel();
      });
      const error = await failureOf(job);
      expect(error).toMatchObject({
        code: 'ERR_HOLDFAST_RESTART_BUDGET',
        details: { signal: 'SIGKILL', attempts },
      });
      return deaths;
    }

    test.each([
      ['a split', { apart: 'splits', behind: true }],
      ['a source', { apart: 'sources' }],
      ['a region', { apart: 'regions' }],
    ])('ends with the budget when the record comes behind a pause: %s', async (_, where) => {
      expect(await deathsOf({ ...where, at: 2 }, 1)).toBe(2);
    });

    test('ends in the midst of fast reading as well, if a few deaths later', async () => {
      const deaths = await deathsOf({ apart: 'splits', at: 30_123, fast: true }, 1);
      expect(deaths).toBeGreaterThanOrEqual(2);
    });
  });

  test('again and again, but with progress in between, is never given up, whatever rests', async () => {
    const LIVES = 4;
    const RESTING = 3;
    await letGo(64);
    const job = await start(
      {
        restart: fixedDelay({ attempts: 1, delayMs: 0 }),
        checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 10 },
        args: { gate: join(folder, 'gate') },
      },
      resting,
    );
    const attempts: number[] = [];
    job.on('process-restarted', ({ attempt }) => attempts.push(attempt));
    let kept = 0;
    job.on('checkpoint', (event) => {
      if (event.kind === 'completed') kept = event.sourceRecords;
    });
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) {
        expect(job.status).not.toBe('failed');
        await sleep(1);
      }
    };
    for (let life = 0; life < LIVES; life += 1) {
      // All that any process may have read by now is in a checkpoint; then it dies on its way further.
      const allowed = life * 2_000 + 64;
      await letGo(allowed);
      await until(() => kept === allowed + RESTING);
      await letGo(allowed + 1_000);
      await until(() => job.progress().sourceRecords >= allowed + RESTING + life * 200);
      const died = next(job, 'process-died');
      job.killProcess();
      await died;
    }
    await job.stop();
    expect(attempts).toEqual(Array.from({ length: LIVES }, () => 1));
  });

  test('does not keep a stop waiting for the delay of its restart', async () => {
    const job = await start({
      restart: fixedDelay({ attempts: 1, delayMs: 3_600_000 }),
      args: held(20_000),
    });
    await completed(job);
    const died = next(job, 'process-died');
    job.killProcess();
    await died;
    expect(await job.stop()).toMatchObject({ status: 'stopped', restarts: 1 });
    await expectNothingLeft([]);
    await letGo();
    await (await start({ args: held(20_000) })).finished;
    expect(await published()).toEqual(expectedRows(20_000));
  });

  test('does not keep a cancel waiting either', async () => {
    const job = await start({ restart: fixedDelay({ delayMs: 3_600_000 }), args: { rate: 1_000 } });
    await completed(job);
    const died = next(job, 'process-died');
    job.killProcess();
    await died;
    await job.cancel();
    expect(await failureOf(job)).toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    // What it had staged is the next run's to commit or to drop.
    await expectNothingLeft([], { staged: false });
  });
});

describe('the end of a guarded job', () => {
  test('a spent budget: the last death is the cause', async () => {
    const job = await start({ restart: fixedDelay({ attempts: 1, delayMs: 5 }) }, deadly).then(
      (running) => failureOf(running),
      (error) => error as HoldfastError,
    );
    expect(job).toMatchObject({ code: 'ERR_HOLDFAST_RESTART_BUDGET', details: { attempts: 1 } });
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
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_PROCESS_DIED',
      details: { signal: 'SIGKILL' },
    });
    expect(error.details['attempts']).toBeUndefined();
    expect(error.message).toMatch(/SIGKILL.*memory/);
    await expectNothingLeft([]);
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
    {
      await using running = job;
      expect(['starting', 'running']).toContain(running.status);
    }
    expect(await failureOf(job)).toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    await expectNothingLeft([pid], { staged: false });
    expect(job.status).toBe('canceled');
  });

  test('canceled while the job is compiled: whatever the compiler says of that', async () => {
    const controller = new AbortController();
    const reason = new Error('not today');
    const nowhere = new URL('./nowhere.job.ts', import.meta.url);
    const failed = expect(
      compileAndRun(nowhere, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED', cause: reason });
    controller.abort(reason);
    await failed;
    await expect(runGuarded(paced, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_CANCELED',
      cause: reason,
    });
  });

  test('a listener that throws is an uncaught error of the caller, and no end of the job', async () => {
    const script = `
      import { runGuarded } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      const uncaught = new Set();
      process.on('uncaughtException', (error) => uncaught.add(error.message));
      const job = await runGuarded(new URL(${JSON.stringify(mortal.href)}), {
        parallelism: 1,
        checkpoint: { directory: process.argv[1], intervalMs: 30 },
        restart: { kind: 'fixed-delay', attempts: 2, delayMs: 1, resetTimeoutMs: 500 },
        args: { how: 'kill', met: process.argv[2] },
      });
      for (const name of ['status', 'checkpoint', 'progress', 'process-died', 'process-restarted']) {
        job.on(name, () => { throw new Error(name); });
      }
      const { restarts, status } = await job.finished;
      console.log(JSON.stringify({ restarts, status, uncaught: [...uncaught].sort() }));
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script, join(folder, 'checkpoints'), join(folder, 'met')],
      { timeout: 30_000 },
    );
    expect(JSON.parse(stdout)).toEqual({
      restarts: 1,
      status: 'finished',
      uncaught: ['checkpoint', 'process-died', 'process-restarted', 'progress', 'status'],
    });
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

  test('no orphan: the job’s process ends with its guardian, and lets the directory go', async () => {
    const script = fileURLToPath(new URL('./fixtures/guard-and-tell.mjs', import.meta.url));
    const checkpoints = join(folder, 'checkpoints');
    const temporary = join(folder, 'tmp');
    await mkdir(temporary);
    const guardian = spawn(process.execPath, [script, out(), checkpoints], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: temporary },
    });
    const [chunk] = await once(guardian.stdout, 'data');
    const pid = Number(String(chunk).trim());
    expect(isAlive(pid)).toBe(true);
    while (!existsSync(join(checkpoints, 'manifests', '0000000002.json'))) await sleep(5);
    guardian.kill('SIGKILL');
    await gone(pid);
    expect(await leftovers({ checkpoints, temporary, marker: temporary, pids: [pid] })).toEqual([]);
    // At once, and from where it was.
    const again = await start({ args: { records: 3_000 }, parallelism: 1 });
    expect(await again.finished).toMatchObject({ status: 'finished', sourceRecords: 3_000 });
    expect(await published()).toEqual(expectedRows(3_000));
    await expectNothingLeft([]);
  });
});

describe('what a guarded run refuses', () => {
  test.each([
    [{ logger: console }, /option logger .*an object with methods.*events/],
    [{ print: () => {} }, /option print .*a function.*'print' event/],
    [{ checkpoint: { store: {} } }, /option checkpoint\.store: .*checkpoint\.directory/],
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
