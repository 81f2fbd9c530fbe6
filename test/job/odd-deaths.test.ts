/** Threads that die where no task of theirs has to do with it, and limits that no instance knows of. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type Failure,
  fixedDelay,
  type HoldfastError,
  type Job,
  noRestart,
} from '../../dist/index.js';
import { TROUBLED } from './fixtures/troubled.job.js';
import {
  fixture,
  Meter,
  nextRestart,
  runningAgain,
  temporaryFolder,
  totalsProblems,
  until,
} from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 200;

interface Listing {
  readonly meter: Meter;
  /** Threads that are yet to die of it. */
  readonly deaths: Int32Array;
  readonly args: Readonly<Record<string, unknown>>;
}

function listing(deaths: number): Listing {
  const meter = new Meter(COUNT);
  const shared = new SharedArrayBuffer(4);
  const word = new Int32Array(shared);
  word[0] = deaths;
  return { meter, deaths: word, args: { meter: meter.shared, count: COUNT, deaths: shared } };
}

const numbers = Array.from({ length: COUNT }, (_, n) => n);

async function failureOf(promise: Promise<unknown>): Promise<HoldfastError> {
  return await promise.then(
    () => expect.fail('it did not fail'),
    (error: HoldfastError) => error,
  );
}

test('a thread that was a spare is called by the slot that it has', async () => {
  const meter = new Meter(COUNT / 2);
  const job = await run(fixture('counted'), {
    parallelism: 1,
    args: { meter: meter.shared, count: COUNT },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 20 },
  });
  const told: string[] = [];
  job.on('failure', ({ message }) => told.push(message));
  for (let kill = 0; kill < 3; kill += 1) {
    const again = runningAgain(job);
    job.kill(0, 'exit');
    await again;
  }
  meter.raise(COUNT);
  await job.finished;
  expect(told).toHaveLength(3);
  for (const message of told) expect(message).toContain("thread 'holdfast-slot-0' ended by itself");
});

test('a thread that dies while it lists splits: another one is asked', async () => {
  const { args, deaths } = listing(1);
  const job = await run(fixture('deadly-listing'), {
    parallelism: 2,
    spares: 0,
    restart: fixedDelay({ attempts: 1, delayMs: 0 }),
    args,
  });
  const result = await job.finished;
  expect(result.collected['numbers']).toEqual(numbers);
  expect(deaths[0]).toBeLessThan(0);
});

test.each([
  ['of which all threads die', fixedDelay({ attempts: 9, delayMs: 0 }), '3 threads'],
  ['of which one dies, when nothing is to be restarted', noRestart(), 'the thread'],
])('a listing %s is the source’s failure', async (_, restart, told) => {
  const error = await failureOf(
    run(fixture('deadly-listing'), {
      parallelism: 2,
      spares: 0,
      restart,
      args: listing(99).args,
    }),
  );
  expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
  expect(error.message).toContain("source 'numbers' could not list its splits");
  expect(error.message).toContain(`${told} that called`);
  expect(error.cause).toMatchObject({ code: 'ERR_HOLDFAST_WORKER_DIED' });
});

test('a thread without tasks that dies is replaced, and nothing else happens', async () => {
  const { args, meter } = listing(0);
  meter.raise(COUNT / 2);
  const job = await run(fixture('deadly-listing'), { parallelism: 2, spares: 0, args });
  const failures: Failure[] = [];
  job.on('failure', (failure) => failures.push(failure));
  await until(() => job.progress().sinkRecords === COUNT / 2, job);
  const idle = idleSlot(job);
  const { incarnation } = job.slots()[idle]!;
  job.kill(idle, 'exit');
  await until(() => {
    const slot = job.slots()[idle]!;
    return slot.incarnation > incarnation && !['dead', 'starting'].includes(slot.verdict);
  }, job);
  meter.raise(COUNT);
  const result = await job.finished;
  expect(result.collected['numbers']).toEqual(numbers);
  expect(result.restarts).toBe(0);
  expect(failures).toEqual([]);
});

function idleSlot(job: Job): number {
  const busy = job.plan().regions.flatMap(({ slots }) => slots);
  return job.slots().findIndex(({ slot }) => !busy.includes(slot));
}

test('a thread that is killed in a native call is not waited for longer than for one that is asked', async () => {
  const meter = new Meter(TROUBLED);
  const file = join(await temporaryFolder(), 'go');
  const job = await run(fixture('troubled'), {
    parallelism: 2,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    restart: fixedDelay({ attempts: 1, delayMs: 0, resetTimeoutMs: 150 }),
    heartbeat: { intervalMs: 100, timeoutMs: 50_000 },
    args: {
      meter: meter.shared,
      count: 2 * TROUBLED,
      met: new SharedArrayBuffer(4),
      trouble: 'native',
      file,
    },
  });
  const failures: Failure[] = [];
  job.on('failure', (failure) => failures.push(failure));
  await until(() => job.progress().sourceRecords === TROUBLED, job);
  await job.checkpointNow();
  meter.raise(TROUBLED + 1);
  // From then on nothing comes from the thread.
  const slot = await silentSlot(job);
  const restarted = nextRestart(job);
  job.kill(slot, 'terminate');
  meter.raise(2 * TROUBLED);
  expect(await restarted).toMatchObject({ slot, cause: 'terminate', respawned: [slot] });
  const result = await job.finished;
  await writeFile(file, '');
  expect(totalsProblems(result.collected['totals']!, 2 * TROUBLED)).toEqual([]);
  expect(failures).toMatchObject([{ slot, code: 'ERR_HOLDFAST_WORKER_DIED' }]);
  expect(failures[0]!.message).toMatch(
    /^thread 'holdfast-.*' was ended: .* restart\.resetTimeoutMs \(150\)/,
  );
});

async function silentSlot(job: Job): Promise<number> {
  const silent = () => job.slots().findIndex(({ verdict }) => verdict === 'suspect');
  await until(() => silent() >= 0, job);
  return silent();
}

test('rows of all instances of a collect sink count towards its limit', async () => {
  const job = await run(fixture('many-rows'), { parallelism: 2, spares: 0 });
  const error = await failureOf(job.finished);
  expect(error.code).toBe('ERR_HOLDFAST_COLLECT_LIMIT');
  expect(error.message).toContain("collect('rows') holds 1000000 rows");
});
