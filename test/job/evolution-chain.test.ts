/**
 * State that is migrated out of a checkpoint that consists of several files, goes on in files of both versions,
 * and is restored from them again: every value right, those of keys never touched since as well.
 */

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CheckpointEvent, type Job, run } from '../../dist/index.js';
import { entry, KEYS } from './fixtures/migrated.job.js';
import { fixture, Meter, temporaryFolder, until } from './kit.js';

const COUNT = 2 * KEYS + 2_400;

test('state is migrated out of a chain of changes, and once only', async () => {
  const directory = join(await temporaryFolder(), 'checkpoints');
  const old = await start(1, directory, KEYS);
  expect(await changes(old, KEYS)).toEqual(['full', 'changes', 'changes']);
  await old.job.cancel();

  const next = await start(2, directory, KEYS + 600);
  // State that was migrated is written in full once: what was written before is of another form.
  expect(await changes(next, KEYS + 600)).toEqual(['full', 'changes', 'changes']);
  await next.job.cancel();
  const copy = join(await temporaryFolder(), 'copy');
  await cp(directory, copy, { recursive: true });

  for (const [place, parallelism] of [
    [directory, 2],
    [copy, 3],
  ] as const) {
    const last = await start(2, place, COUNT, parallelism);
    const { collected } = await last.job.finished;
    expectRight(collected['rows'] as Row[]);
  }
});

interface Row {
  readonly key: string;
  readonly n: number;
  readonly kept: string;
}

interface Running {
  readonly job: Job;
  readonly meter: Meter;
  readonly completed: Extract<CheckpointEvent, { kind: 'completed' }>[];
}

async function start(
  version: number,
  directory: string,
  allowed: number,
  parallelism = 2,
): Promise<Running> {
  const meter = new Meter(allowed);
  const job = await run(fixture('migrated'), {
    parallelism,
    args: { version, count: COUNT, meter: meter.shared },
    checkpoint: { directory, intervalMs: 3_600_000 },
  });
  const completed: Running['completed'] = [];
  job.on('checkpoint', (event) => {
    if (event.kind === 'completed') completed.push(event);
  });
  return { job, meter, completed };
}

/** Three checkpoints, 200 records apart: are they written in full? */
async function changes({ job, meter, completed }: Running, from: number): Promise<string[]> {
  for (let i = 0; i < 3; i += 1) {
    const allowed = from + i * 200;
    meter.raise(allowed);
    await until(() => job.progress().sourceRecords >= allowed, job);
    await job.checkpointNow();
  }
  // Rows for `collect` are written in full beside it.
  return completed.map(({ deltaBytes }) => (deltaBytes > 0 ? 'changes' : 'full'));
}

function expectRight(rows: readonly Row[]): void {
  const kept = new Map<string, number[]>();
  for (let n = 0; n < COUNT; n += 1) {
    const { key } = entry(n, COUNT);
    kept.set(key, [...(kept.get(key) ?? []), n]);
  }
  const last = new Map(rows.map((row) => [row.key, row] as const));
  expect(last.size).toBe(KEYS);
  for (const [key, list] of kept) {
    const sum = list.reduce((total, n) => total + n, 0);
    expect(last.get(key)).toEqual({ key, n: list.length, kept: `${list.join()}=${sum}` });
  }
}
