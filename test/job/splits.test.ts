/**
 * Splits that do not stand at the same time, over real threads: the same rows whatever the slots, and time goes
 * on after a restart with an input that rests.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../dist/index.js';
import { fixture, Meter, runningAgain, temporaryFolder, until } from './kit.js';
import { run } from './run-compiled.js';

const DAY_MS = 86_400_000;
const SHOPS = 4;
const DAYS = 30;

interface WindowRow {
  readonly key: string;
  readonly windowStart: number;
  readonly n: number;
}

const shown = (rows: readonly unknown[] | undefined): string[] =>
  ((rows ?? []) as readonly WindowRow[])
    .map(({ key, windowStart, n }) => `${key} ${windowStart} ${n}`)
    .sort();

/** A file for each shop, each with all days. */
async function shopFiles(folder: string, perDay: number): Promise<readonly string[]> {
  return await Promise.all(
    Array.from({ length: SHOPS }, async (_, shop) => {
      const lines: string[] = [];
      for (let day = 0; day < DAYS; day += 1) {
        for (let i = 0; i < perDay; i += 1) {
          lines.push(`{"shop":"shop-${shop}","t":${day * DAY_MS + i * 1_000}}\n`);
        }
      }
      const path = join(folder, `shop-${shop}.ndjson`);
      await writeFile(path, lines.join(''));
      return path;
    }),
  );
}

function expectedSales(perDay: number): string[] {
  return Array.from(
    { length: SHOPS * DAYS },
    (_, i) => `shop-${i % SHOPS} ${Math.floor(i / SHOPS) * DAY_MS} ${perDay}`,
  ).sort();
}

describe('files that each hold all of the time', () => {
  test.each([1, 2, 3, 4])('give all rows with %i slots', async (parallelism) => {
    const files = await shopFiles(await temporaryFolder(), 10);
    const job = await run(fixture('splits'), { parallelism, args: { variant: 'files', files } });
    expect(shown((await job.finished).collected['rows'])).toEqual(expectedSales(10));
  });

  test('give all rows when stopped half-way with 4 slots and restored with 2', async () => {
    const folder = await temporaryFolder();
    const files = await shopFiles(folder, 40);
    const until0 = new SharedArrayBuffer(4);
    const checkpoint = { directory: join(folder, 'checkpoints'), intervalMs: 50 };
    const args = { variant: 'files', files, until: until0 };
    const first = await run(fixture('splits'), { parallelism: 4, checkpoint, args });
    await until(() => first.progress().sourceRecords > 400, first);
    const stopped = await first.stop();
    expect(stopped.status).toBe('stopped');
    expect(stopped.sourceRecords).toBeLessThan(SHOPS * DAYS * 40);
    const second = await run(fixture('splits'), {
      parallelism: 2,
      checkpoint,
      args: { variant: 'files', files },
    });
    const { collected } = await second.finished;
    expect(shown(collected['rows'])).toEqual(expectedSales(40));
  });

  test('are read with one open reader at a time', async () => {
    const files = await shopFiles(await temporaryFolder(), 10);
    const job = await run(fixture('splits'), {
      parallelism: 1,
      maxOpenSplits: 1,
      args: { variant: 'files', files },
    });
    expect(shown((await job.finished).collected['rows'])).toEqual(expectedSales(10));
  });
});

test.each([1, 2, 3, 4])('generated splits give all rows with %i slots', async (parallelism) => {
  const job = await run(fixture('splits'), {
    parallelism,
    args: { variant: 'generated', count: 4_000 },
  });
  const windows = new Map<string, number>();
  for (let i = 0; i < 4_000; i += 1) {
    const window = `shop-${i % 5} ${Math.floor(i / 60) * 60_000}`;
    windows.set(window, (windows.get(window) ?? 0) + 1);
  }
  const expected = [...windows].map(([window, n]) => `${window} ${n}`).sort();
  expect(shown((await job.finished).collected['rows'])).toEqual(expected);
});

test('unbounded splits are all read, with fewer instances than splits', async () => {
  const directory = await temporaryFolder();
  const job = await run(fixture('splits'), {
    parallelism: 1,
    checkpoint: { directory, intervalMs: 20 },
    args: { variant: 'endless' },
  });
  const keys = () => new Set((job.collected('rows') as { key: number }[]).map(({ key }) => key));
  await until(() => keys().size === 3, job);
  await job.cancel();
});

describe('an input that rests', () => {
  /** Two sources, or two splits of one. */
  const variants = ['union', 'halfResting'] as const;

  async function resting(variant: string, parallelism: number, directory: string, meter: Meter) {
    const args = { variant, meter: meter.shared, count: 1_000_000 };
    const checkpoint = { directory, intervalMs: 20 };
    return await run(fixture('splits'), { parallelism, checkpoint, args });
  }

  const fired = (job: Job): number => job.collected('rows').length;

  test.each(variants)('holds no window back after its slots were killed: %s', async (variant) => {
    const meter = new Meter(400);
    const job = await resting(variant, 2, await temporaryFolder(), meter);
    await until(() => fired(job) > 100, job);
    for (const slot of [0, 1]) {
      const again = runningAgain(job);
      job.kill(slot, 'terminate');
      await again;
    }
    meter.raise(1_000);
    await until(() => fired(job) > 400, job);
    await job.cancel();
  });

  test.each(variants.flatMap((variant) => [2, 1, 3].map((after) => [variant, after] as const)))(
    'holds no window back after a stop: %s, restored with %i slots',
    async (variant, after) => {
      const directory = await temporaryFolder();
      const meter = new Meter(400);
      const first = await resting(variant, 2, directory, meter);
      await until(() => fired(first) > 100, first);
      await first.stop();
      meter.raise(1_000);
      const second = await resting(variant, after, directory, meter);
      await until(() => fired(second) > 400, second);
      await second.cancel();
    },
  );
});

test('a drift bound behind an exchange is refused at the start', async () => {
  const args = { variant: 'drifting' };
  await expect(run(fixture('splits'), { parallelism: 2, args })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_BAD_OPTION',
    message: expect.stringContaining('own chain'),
  });
});

describe('an input that says nothing', () => {
  const variants = ['silent', 'filtered', 'exchanged', 'halfSilent'] as const;

  test.each(variants)('is idle, before and after a restart: %s', async (variant) => {
    const directory = await temporaryFolder();
    const meter = new Meter(400);
    const args = { variant, meter: meter.shared, count: 1_000_000 };
    const options = { checkpoint: { directory, intervalMs: 20 }, args };
    const fired = (job: Job): number => job.collected('rows').length;
    const first = await run(fixture('splits'), { ...options, parallelism: 2 });
    await until(() => fired(first) > 100, first);
    await first.stop();
    meter.raise(1_000);
    const second = await run(fixture('splits'), { ...options, parallelism: 3 });
    await until(() => fired(second) > 400, second);
    await second.cancel();
  });
});
