/** What the tests of whole jobs share: fixtures, temporary folders, independent folds. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import type { Job, JobResult, JobStatus, RestartedEvent } from '../../dist/index.js';
import { reading } from './fixtures/windows.job.js';
import { run } from './run-compiled.js';

export const fixture = (name: string): URL => new URL(`./fixtures/${name}.job.ts`, import.meta.url);

const folders: string[] = [];

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  await Promise.all(
    folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })),
  );
});

/** The windows job as a plain fold: text rows, sorted. */
export function expectedWindows(count: number): readonly string[] {
  const windows = new Map<string, { n: number; total: number; highest: number }>();
  for (let i = 0; i < count; i += 1) {
    const { sensor, time, value } = reading(i);
    const id = `${sensor} ${Math.floor(time / 60_000) * 60_000}`;
    const known = windows.get(id) ?? { n: 0, total: 0, highest: Number.NEGATIVE_INFINITY };
    known.n += 1;
    known.total += value;
    known.highest = Math.max(known.highest, value);
    windows.set(id, known);
  }
  return [...windows]
    .map(([id, { n, total, highest }]) => `${id} ${n} ${(total / n).toFixed(6)} ${highest}`)
    .sort();
}

export interface WindowRow {
  readonly key: string;
  readonly windowStart: number;
  readonly readings: number;
  readonly mean: number;
  readonly highest: number;
}

export function shownWindows(rows: readonly unknown[]): readonly string[] {
  return (rows as readonly WindowRow[])
    .map(
      (row) =>
        `${row.key} ${row.windowStart} ${row.readings} ${row.mean.toFixed(6)} ${row.highest}`,
    )
    .sort();
}

export interface TotalRow {
  readonly key: string;
  readonly records: number;
  readonly total: number;
}

/** Problems in the rows of the totals job: none when each key counts 1, 2, 3… up to its share. */
export function totalsProblems(rows: readonly unknown[], count: number, keys = 50): string[] {
  const expected = new Map<string, { records: number; total: number }>();
  for (let i = 0; i < count; i += 1) {
    const key = `key-${(Math.imul(i, 0x9e3779b1) >>> 0) % keys}`;
    const known = expected.get(key) ?? { records: 0, total: 0 };
    expected.set(key, { records: known.records + 1, total: known.total + i });
  }
  const problems: string[] = [];
  const seen = new Map<string, TotalRow>();
  for (const row of rows as readonly TotalRow[]) {
    const before = seen.get(row.key)?.records ?? 0;
    if (row.records !== before + 1) problems.push(`${row.key}: ${row.records} after ${before}`);
    seen.set(row.key, row);
  }
  for (const [key, { records, total }] of expected) {
    const last = seen.get(key);
    if (last?.records !== records || last.total !== total) {
      problems.push(`${key}: ended at ${JSON.stringify(last)}, not ${records}, ${total}`);
    }
  }
  return problems;
}

/** The next restart of the job, or the failure that ended it. */
export function nextRestart(job: Job): Promise<RestartedEvent> {
  return new Promise((resolve, reject) => {
    job.once('restarted', resolve);
    job.finished.catch(reject);
  });
}

export async function until(condition: () => boolean, job?: Job): Promise<void> {
  let ended: unknown;
  job?.finished.catch((error: unknown) => {
    ended = error;
  });
  while (!condition()) {
    if (ended !== undefined) throw ended;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A word that `metered` sources look at: so many records may be emitted. */
export class Meter {
  readonly shared = new SharedArrayBuffer(4);
  readonly #word = new Int32Array(this.shared);

  constructor(records = 0) {
    this.raise(records);
  }

  raise(records: number): void {
    Atomics.store(this.#word, 0, records);
  }
}

/** Settles when the job, having failed, runs again: with output or without. */
export function runningAgain(job: Job): Promise<void> {
  return new Promise((resolve, reject) => {
    const onStatus = (status: JobStatus): void => {
      if (status !== 'running') return;
      job.off('status', onStatus);
      resolve();
    };
    job.on('status', onStatus);
    job.finished.catch(reject);
  });
}

/** A job of `metered` sources, with a checkpoint every 20 ms where nobody says otherwise. */
export function startMetered(
  name: string,
  { count, splits }: { readonly count: number; readonly splits: number },
  directory: string,
  parallelism: number,
  meter: Meter,
  checkpoint: object = { intervalMs: 20 },
): Promise<Job> {
  return run(fixture(name), {
    parallelism,
    checkpoint: { directory, ...checkpoint },
    args: { count, splits, meter: meter.shared },
  });
}

export type Kill = readonly [slot: number, cause: Parameters<Job['kill']>[1]];

/**
 * Lets a metered job run to its end, and kills it on the way: each time with records since the last
 * completed checkpoint, and more to come.
 */
export async function throughKills(
  job: Job,
  meter: Meter,
  count: number,
  kills: readonly Kill[],
): Promise<JobResult> {
  const share = Math.floor(count / (kills.length + 1));
  for (const [i, [slot, cause]] of kills.entries()) {
    const half = i * share + Math.floor(share / 2);
    meter.raise(half);
    await until(() => job.progress().sourceRecords >= half, job);
    await job.checkpointNow();
    meter.raise((i + 1) * share);
    await until(() => job.progress().sourceRecords > half, job);
    const again = runningAgain(job);
    job.kill(slot, cause);
    await again;
  }
  meter.raise(count);
  const result = await job.finished;
  expect(result.restarts).toBe(kills.length);
  expect(result.sourceRecords).toBe(count);
  return result;
}

/**
 * Lets a metered job read each third of its input in another number of slots: it is stopped behind a third, and gone on
 * from.
 * @param start begins, or goes on, with so many slots
 * @param isKilled there is a checkpoint at the half of each third, and of all but the last a kill behind it
 * @returns what the last third came to
 */
export async function throughThirds(
  count: number,
  start: (parallelism: number, meter: Meter) => Promise<Job>,
  isKilled = false,
): Promise<JobResult> {
  let result: JobResult | undefined;
  for (const [i, parallelism] of [2, 3, 1].entries()) {
    const third = ((i + 1) * count) / 3;
    const half = third - count / 6;
    const isLast = i === 2;
    const meter = new Meter(isKilled ? half : third);
    const job = await start(parallelism, meter);
    if (isKilled) {
      await until(() => job.progress().sourceRecords >= half, job);
      await job.checkpointNow();
      meter.raise(third);
      if (!isLast) {
        await until(() => job.progress().sourceRecords > half, job);
        const again = runningAgain(job);
        job.kill(i, 'terminate');
        await again;
      }
    }
    if (!isLast) {
      await until(() => job.progress().sourceRecords >= third, job);
      await job.stop();
    }
    result = await job.finished;
    expect(result.status).toBe(isLast ? 'finished' : 'stopped');
  }
  return result!;
}
