/** Splits that are found while a job runs, acknowledged when a checkpoint is complete; sources that wait for each other. */

import { expect, test } from 'vitest';
import type { Job } from '../../dist/index.js';
import {
  ACKNOWLEDGED,
  ALLOWED,
  IS_ALL,
  PASSED_MS,
  PER_SPLIT,
  STEP_MS,
  THERE,
} from './fixtures/growing.job.js';
import { fixture, Meter, runningAgain, temporaryFolder, until } from './kit.js';
import { run } from './run-compiled.js';

const SPLITS = 8;

test('splits that come while the job runs are read once each, through kills and a rescale', async () => {
  const directory = await temporaryFolder();
  const shared = new SharedArrayBuffer(4 * (ACKNOWLEDGED + SPLITS));
  const words = new Int32Array(shared);
  const set = (word: number, value: number) => Atomics.store(words, word, value);
  const acknowledged = (splits: number) =>
    Array.from({ length: splits }, (_, i) => Atomics.load(words, ACKNOWLEDGED + i));
  const start = (parallelism: number): Promise<Job> =>
    run(fixture('growing'), {
      parallelism,
      args: { words: shared },
      checkpoint: { directory, intervalMs: 3_600_000 },
    });
  const untilRead = (job: Job, records: number) =>
    until(() => job.progress().sourceRecords >= records, job);

  set(THERE, 2);
  set(ALLOWED, 50);
  const first = await start(2);
  await untilRead(first, 2 * 50);
  set(THERE, 4);
  await untilRead(first, 4 * 50);
  expect(acknowledged(4)).toEqual([0, 0, 0, 0]);
  await first.checkpointNow();
  await until(() => acknowledged(4).every((at) => at === 50), first);
  set(THERE, 5);
  set(ALLOWED, 70);
  await untilRead(first, 5 * 70);
  // Read, and in no checkpoint.
  expect(acknowledged(5)).toEqual([50, 50, 50, 50, 0]);
  for (const slot of [0, 1]) {
    const again = runningAgain(first);
    first.kill(slot, 'terminate');
    await again;
  }
  // The fifth was in no checkpoint: it is found again.
  await untilRead(first, 5 * 70);
  await first.stop();
  await first.finished;

  set(THERE, SPLITS);
  set(ALLOWED, PER_SPLIT);
  const second = await start(3);
  await untilRead(second, SPLITS * PER_SPLIT);
  // All have ended, and their ends are in no checkpoint but the last.
  expect(acknowledged(SPLITS).every((at) => at < PER_SPLIT)).toBe(true);
  set(IS_ALL, 1);
  const { collected, sourceRecords } = await second.finished;
  expect(acknowledged(SPLITS)).toEqual(Array.from({ length: SPLITS }, () => PER_SPLIT));
  expect(sourceRecords).toBe(SPLITS * PER_SPLIT);
  const expected = Array.from(
    { length: SPLITS * PER_SPLIT },
    (_, i) => `${i % SPLITS}.${Math.floor(i / SPLITS)}`,
  );
  expect([...collected['rows']!].sort()).toEqual(expected.sort());
});

test('time goes on without instances that have no split, through kills and rescales', async () => {
  const directory = await temporaryFolder();
  const shared = new SharedArrayBuffer(4 * (ACKNOWLEDGED + SPLITS));
  const words = new Int32Array(shared);
  const set = (word: number, value: number) => Atomics.store(words, word, value);
  const passed = (job: Job, records: number) =>
    // The last window waits for a record behind it.
    until(() => Atomics.load(words, PASSED_MS) >= (records - 10) * STEP_MS, job);
  const start = (parallelism: number): Promise<Job> =>
    run(fixture('growing'), {
      parallelism,
      args: { words: shared, windowed: true },
      checkpoint: { directory, intervalMs: 20 },
    });

  set(THERE, 1);
  set(ALLOWED, 60);
  const first = await start(3);
  await passed(first, 60);
  for (const slot of [0, 1, 2]) {
    const again = runningAgain(first);
    first.kill(slot, 'terminate');
    await again;
  }
  set(ALLOWED, 90);
  await passed(first, 90);
  await first.stop();
  await first.finished;

  const second = await start(4);
  set(ALLOWED, 120);
  await passed(second, 120);
  await second.stop();
  await second.finished;

  const third = await start(2);
  set(ALLOWED, PER_SPLIT);
  await passed(third, PER_SPLIT);
  set(IS_ALL, 1);
  const { collected, counters } = await third.finished;
  expect(counters['lateRecords'] ?? 0).toBe(0);
  expect([...collected['rows']!].sort()).toEqual(
    Array.from({ length: PER_SPLIT / 10 }, (_, i) => `0: 10 from ${i * 10 * STEP_MS}`).sort(),
  );
});

test.each([1, 2])(
  'a source with a drift bound is read no further ahead of the other, on %i slots',
  async (parallelism) => {
    const count = 3_000;
    const batchMs = 64 * 100;
    const meter = new Meter(0);
    const ahead = new SharedArrayBuffer(4);
    const job = await run(fixture('growing'), {
      parallelism,
      args: { meter: meter.shared, ahead, count },
    });
    const rows = () => job.progress().sourceRecords;
    for (let allowed = 100; allowed <= count; allowed += 100) {
      meter.raise(allowed);
      // Both get on: the slow one as far as it may, the other as far as that lets it.
      await until(() => rows() >= 2 * allowed - 200, job);
    }
    const { collected } = await job.finished;
    expect(collected['rows']).toHaveLength(2 * count);
    // It is asked for each batch.
    expect(Atomics.load(new Int32Array(ahead), 0)).toBeLessThanOrEqual(1_000 + batchMs);
  },
);
