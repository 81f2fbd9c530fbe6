/** Savepoints: taken while the job runs or at its stop, moved, started from with other parallelism. */

import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HoldfastError, type Job, MemoryStore, type RunOptions } from '../../dist/index.js';
import { fixture, Meter, temporaryFolder, totalsProblems, until } from './kit.js';
import { run, runGuarded } from './run-compiled.js';

const COUNT = 12_000;

interface Stage {
  readonly job: Job;
  readonly meter: Meter;
}

async function start(options: RunOptions, records = COUNT / 2): Promise<Stage> {
  const meter = new Meter(records);
  const job = await run(fixture('counted'), {
    parallelism: 2,
    spares: 0,
    ...options,
    args: { count: COUNT, splits: 2, meter: meter.shared },
  });
  return { job, meter };
}

async function worked({ job }: Stage, records: number): Promise<void> {
  await until(() => job.progress().sourceRecords >= records, job);
}

async function code(ending: Promise<unknown>): Promise<string | undefined> {
  const error = await ending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof HoldfastError ? error.code : String(error);
}

/** Starts from a savepoint and runs to the end: the rows are those of one run without a break. */
async function finishFrom(savepoint: string, parallelism = 2): Promise<void> {
  const directory = await temporaryFolder();
  const it = await start({ parallelism, restore: savepoint, checkpoint: { directory } }, COUNT);
  const result = await it.job.finished;
  expect(totalsProblems(result.collected['totals'] ?? [], COUNT)).toEqual([]);
  expect(result.sourceRecords).toBe(COUNT);
}

describe('a savepoint', () => {
  test('is taken while the job runs on, may be moved, outlives the directory it came from', async () => {
    const folder = await temporaryFolder();
    const directory = join(folder, 'checkpoints');
    const it = await start({ checkpoint: { directory, intervalMs: 20 } });
    await worked(it, COUNT / 4);
    const checkpoint = await it.job.savepoint(join(folder, 'here'));
    expect(checkpoint).toBeGreaterThan(0);
    it.meter.raise(COUNT);
    const result = await it.job.finished;
    expect(totalsProblems(result.collected['totals'] ?? [], COUNT)).toEqual([]);
    await rm(directory, { recursive: true });
    await rename(join(folder, 'here'), join(folder, 'there'));
    await finishFrom(join(folder, 'there'));
  });

  test.each([1, 3, 5])('is started from with %i slots', async (parallelism) => {
    const folder = await temporaryFolder();
    const store = new MemoryStore();
    const it = await start({ checkpoint: { store, intervalMs: 3_600_000 } });
    await worked(it, COUNT / 2);
    const savepoint = join(folder, 'savepoint');
    await it.job.savepoint(savepoint);
    await it.job.cancel();
    await finishFrom(savepoint, parallelism);
  });

  test('is what a stop leaves behind', async () => {
    const folder = await temporaryFolder();
    const savepoint = join(folder, 'savepoint');
    const it = await start({ checkpoint: { directory: join(folder, 'cp') } });
    await worked(it, COUNT / 2);
    const result = await it.job.stop({ savepoint });
    expect(result.status).toBe('stopped');
    await finishFrom(savepoint);
  });

  test('of a drained job shows its rows, and has nothing left to run', async () => {
    const folder = await temporaryFolder();
    const savepoint = join(folder, 'savepoint');
    const it = await start({ checkpoint: { directory: join(folder, 'cp') } });
    await worked(it, COUNT / 2);
    const { collected, sourceRecords } = await it.job.stop({ savepoint, drain: true });
    const directory = join(folder, 'next');
    const next = await start({ restore: savepoint, checkpoint: { directory } }, COUNT);
    const result = await next.job.finished;
    expect(result.sourceRecords).toBe(sourceRecords);
    const rows = (given: unknown) =>
      (given as readonly unknown[]).map((row) => JSON.stringify(row)).sort();
    expect(rows(result.collected['totals'])).toEqual(rows(collected['totals']));
  });

  test('is taken of a guarded job, too', async () => {
    const folder = await temporaryFolder();
    const savepoint = join(folder, 'savepoint');
    const args = { count: COUNT, splits: 2, gate: join(folder, 'open') };
    const job = await runGuarded(fixture('counted'), {
      parallelism: 2,
      checkpoint: { directory: join(folder, 'cp') },
      args,
    });
    await job.savepoint(savepoint);
    await job.cancel();
    await finishFrom(savepoint);
  });

  test('survives a kill before the first checkpoint of the run that it began', async () => {
    const folder = await temporaryFolder();
    const savepoint = join(folder, 'savepoint');
    const it = await start({ checkpoint: { directory: join(folder, 'cp') } });
    await worked(it, COUNT / 2);
    await it.job.stop({ savepoint });
    const checkpoint = { directory: join(folder, 'next'), intervalMs: 3_600_000 };
    const next = await start({ restore: savepoint, checkpoint }, (COUNT * 3) / 4);
    await rm(savepoint, { recursive: true });
    await worked(next, (COUNT * 3) / 4);
    next.job.kill(0, 'terminate');
    next.meter.raise(COUNT);
    const result = await next.job.finished;
    expect(totalsProblems(result.collected['totals'] ?? [], COUNT)).toEqual([]);
  });
});

describe('refused', () => {
  test('a folder that holds checkpoints already: nothing is stopped, nothing overwritten', async () => {
    const folder = await temporaryFolder();
    const directory = join(folder, 'cp');
    const it = await start({ checkpoint: { directory, intervalMs: 20 } });
    const savepoint = join(folder, 'savepoint');
    await it.job.savepoint(savepoint);
    const before = await readdir(join(savepoint, 'manifests'));
    expect(await code(it.job.savepoint(savepoint))).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    expect(await code(it.job.stop({ savepoint }))).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    expect(await code(it.job.savepoint(directory))).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
    expect(await readdir(join(savepoint, 'manifests'))).toEqual(before);
    expect(it.job.status).toBe('running');
    it.meter.raise(COUNT);
    await it.job.finished;
    expect(await code(it.job.savepoint(join(folder, 'late')))).toBe('ERR_HOLDFAST_NOT_RUNNING');
  });

  test('a job without checkpoints', async () => {
    const it = await start({});
    expect(await code(it.job.savepoint(await temporaryFolder()))).toBe('ERR_HOLDFAST_BAD_OPTION');
    await it.job.cancel();
  });

  test('a start from what is no savepoint, or with a directory that is not empty', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'empty'));
    const from = (restore: string, directory: string) =>
      code(start({ restore, checkpoint: { directory: join(folder, directory) } }));
    expect(await from(join(folder, 'empty'), 'a')).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(await from(join(folder, 'nowhere'), 'b')).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(await from('nowhere', 'c')).toBe('ERR_HOLDFAST_BAD_OPTION');
    const it = await start({ checkpoint: { directory: join(folder, 'used'), intervalMs: 20 } });
    const savepoint = join(folder, 'savepoint');
    await it.job.savepoint(savepoint);
    await it.job.checkpointNow();
    await it.job.cancel();
    expect(await from(savepoint, 'used')).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    await writeFile(join(folder, 'file'), '');
    expect(await from(join(folder, 'file'), 'd')).toMatch(/^ERR_HOLDFAST_CHECKPOINT/);
  });
});
