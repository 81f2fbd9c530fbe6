import { expect, test } from 'vitest';
import { fixedDelay, HoldfastError, type Job } from '../../dist/index.js';
import { fixture, Meter, nextRestart, runningAgain, temporaryFolder, until } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 2_000;

interface Started {
  readonly job: Job;
  readonly meter: Meter;
  /** How many commits are to fail, and how many have been begun. */
  readonly words: Int32Array;
  readonly failures: string[];
}

/** With a first checkpoint that was committed; from then on commits fail, or wait for ever. */
async function start(
  how: 'throw' | 'wait',
  times: number,
  parallelism = 2,
  timeoutMs = 600_000,
): Promise<Started> {
  const shared = new SharedArrayBuffer(8);
  const words = new Int32Array(shared);
  const meter = new Meter(COUNT / 2);
  const job = await run(fixture('commits'), {
    parallelism,
    args: { meter: meter.shared, count: COUNT, words: shared, how },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000, timeoutMs },
    restart: fixedDelay({ attempts: 3, delayMs: 0 }),
  });
  const failures: string[] = [];
  job.on('failure', ({ kind, code }) => failures.push(`${kind} ${code}`));
  await until(() => job.progress().sinkRecords === COUNT / 2, job);
  await job.checkpointNow();
  Atomics.store(words, 0, times);
  return { job, meter, words, failures };
}

async function refusal(promise: Promise<unknown>): Promise<HoldfastError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}

test('a commit that fails restarts the job, which commits again before anything else', async () => {
  const { job, meter, words, failures } = await start('throw', 1);
  const before = Atomics.load(words, 1);
  const again = runningAgain(job);
  const error = await refusal(job.checkpointNow());
  expect(error.code).toBe('ERR_HOLDFAST_SINK');
  expect(error.message).toContain("'far side'");
  expect(error.message).toContain('the far side says no');
  await again;
  expect(Atomics.load(words, 1)).toBe(before + 2);
  meter.raise(COUNT);
  expect((await job.finished).restarts).toBe(1);
  expect(failures).toEqual(['sink ERR_HOLDFAST_SINK']);
});

test('a commit that fails for ever ends the job with what the sink said', async () => {
  const { job } = await start('throw', 1_000);
  await refusal(job.checkpointNow());
  const error = await refusal(job.finished);
  expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
  expect(error.message).toContain("sink 'far side' could not commit checkpoint 2");
  expect(error.message).toContain('the far side says no');
});

for (const parallelism of [1, 2]) {
  test(`a thread that dies while it commits is one failure, of the thread (${parallelism} slots)`, async () => {
    const { job, meter, words, failures } = await start('wait', 1, parallelism);
    const before = Atomics.load(words, 1);
    const asked = job.checkpointNow();
    await until(() => Atomics.load(words, 1) > before, job);
    const [restarted, again] = [nextRestart(job), runningAgain(job)];
    job.kill(0, 'terminate');
    // It was durable before the commit began.
    const checkpoint = await asked;
    await again;
    expect(Atomics.load(words, 1)).toBe(before + 2);
    meter.raise(COUNT);
    expect(await restarted).toMatchObject({ cause: 'terminate', slot: 0, checkpoint });
    expect((await job.finished).restarts).toBe(1);
    expect(failures).toEqual(['thread-exit ERR_HOLDFAST_WORKER_DIED']);
  });
}

test('a thread that dies while it commits the last checkpoint: the job ends all the same', async () => {
  const { job, meter, words } = await start('wait', 0);
  job.once('status', (status) => {
    expect(status).toBe('finishing');
    Atomics.store(words, 0, 1);
  });
  const before = Atomics.load(words, 1);
  meter.raise(COUNT);
  await until(() => Atomics.load(words, 1) > before, job);
  job.kill(0, 'terminate');
  expect(await job.finished).toMatchObject({ status: 'finished', sourceRecords: COUNT });
  expect(Atomics.load(words, 1)).toBeGreaterThanOrEqual(before + 2);
});

test('a commit that never answers is given up, and tried again', async () => {
  const { job, meter, words } = await start('wait', 1, 2, 1_500);
  const again = runningAgain(job);
  const error = await refusal(job.checkpointNow());
  expect(error.code).toBe('ERR_HOLDFAST_SINK');
  expect(error.message).toContain('checkpoint.timeoutMs');
  await again;
  expect(Atomics.load(words, 0)).toBe(0);
  meter.raise(COUNT);
  expect((await job.finished).restarts).toBe(1);
});
