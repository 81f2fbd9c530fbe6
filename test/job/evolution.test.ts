/** A job that has changed between two runs: checked before, refused without an allowance, right afterwards. */

import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkJob, type JobResult, type RunOptions, run } from '../../dist/index.js';
import { KEYS, type Visit, visit, WINDOW_MS } from './fixtures/evolving.job.js';
import { TIMES } from './fixtures/lateness.job.js';
import { fixture, Meter, temporaryFolder, until } from './kit.js';

const COUNT = 8_000;
const HALF = COUNT / 2 + 300;
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const DROPPED = ['gone', 'totals#first'];

let stopped: string;

beforeAll(async () => {
  stopped = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  const meter = new Meter(HALF);
  const job = await run(fixture('evolving'), {
    parallelism: 2,
    args: { version: 1, count: COUNT, meter: meter.shared },
    checkpoint: { directory: stopped, intervalMs: 30, alignment: 'aligned' },
  });
  await until(() => job.progress().sourceRecords >= HALF, job);
  await job.checkpointNow();
  await job.stop();
});

afterAll(() => rm(stopped, { recursive: true, force: true }));

async function resumed(options: RunOptions): Promise<JobResult> {
  const directory = join(await temporaryFolder(), 'copy');
  await cp(stopped, directory, { recursive: true });
  const job = await run(fixture('evolving'), {
    parallelism: 2,
    args: { version: 2, count: COUNT },
    ...options,
    checkpoint: { directory, intervalMs: 30 },
  });
  return await job.finished;
}

const check = (allowDropped: readonly string[], version = 2) =>
  checkJob(fixture('evolving'), {
    directory: stopped,
    args: { version, count: COUNT },
    allowDropped,
  });

describe('a changed job', () => {
  test('is told beforehand what becomes of its state', async () => {
    const { operators, problems, job, checkpoint } = await check(DROPPED);
    expect(problems).toEqual([]);
    expect(job).toBe('evolving');
    expect(checkpoint).toBeGreaterThan(0);
    const fates = Object.fromEntries(
      operators.map(({ operator, fate, what }) => [operator, [fate, what]]),
    );
    expect(fates).toMatchObject({
      visits: ['restored', ''],
      totals: ['evolved', "'highest' is new, 'first' is dropped"],
      windows: ['evolved', "'seen' is migrated from version 1 to 2"],
      extremes: ['evolved', "'reduce' is migrated from version 1 to 2"],
      'late-comer': ['new', 'it starts empty'],
      gone: ['dropped', 'its state: allowed'],
    });
    expect((await check([], 1)).operators.filter(({ fate }) => fate !== 'restored')).toMatchObject([
      { operator: 'out', fate: 'stateless' },
      { operator: 'gone-out', fate: 'stateless' },
    ]);
  });

  test('is refused by the same words before and at the start', async () => {
    const { problems } = await check([]);
    expect(problems).toHaveLength(2);
    const [first, second] = problems;
    expect(first!.message).toMatch(
      /'first' in operator 'totals'.*allowDropped: \['totals#first'\]/,
    );
    expect(second!.message).toMatch(/state of operator 'gone'.*allowDropped: \['gone'\]/);
    await expect(resumed({})).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
      message: first!.message,
    });
    await expect(resumed({ allowDropped: ['totals#first'] })).rejects.toMatchObject({
      message: second!.message,
    });
  });

  test('is told of on the command line, with the exit code of a start', async () => {
    const ask = (...more: readonly string[]) => {
      const job = fileURLToPath(fixture('evolving'));
      const args = [CLI, 'checkpoints', stopped, '--compatible', job, ...more];
      return spawnSync(process.execPath, args, { encoding: 'utf8' });
    };
    // Without arguments it is the first version: all of its state is as it was.
    const same = ask('--json');
    expect(same.status).toBe(0);
    expect(JSON.parse(same.stdout)).toMatchObject({
      event: 'compatible',
      compatible: true,
      problems: [],
    });
    const other = ask('--arg', 'version=2');
    expect(other.status).toBe(1);
    expect(other.stdout).toMatch(/totals +aggregate +refused/);
    expect(other.stdout).toMatch(/Job 'evolving' cannot start from checkpoint \d+\./);
    const allowed = ask(
      '--arg',
      'version=2',
      '--allow-dropped',
      'gone',
      '--allow-dropped',
      'totals#first',
    );
    expect(allowed.status).toBe(0);
    expect(allowed.stdout).toMatch(/windows +window-aggregate +evolved +'seen' is migrated/);
    expect(ask('--checkpoint', '999').status).toBe(1);
    expect(ask('--verify').status).toBe(2);
  });

  test.each([2, 3, 1])('goes on with %i slots, its state migrated', async (parallelism) => {
    const { collected } = await resumed({ parallelism, allowDropped: DROPPED });
    expectWindows(collected['windows'] as WindowRow[]);
    expectExtremes(collected['extremes'] as Visit[]);
    const late = (collected['late-comer'] as { n: number }[])
      .map(({ n }) => n)
      .sort((a, b) => a - b);
    expect(late).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });
});

interface WindowRow {
  readonly key: string;
  readonly windowStart: number;
  readonly n: number;
  readonly seen: readonly unknown[];
}

/** Rows of windows that fired before the change hold what that version showed. */
function expectWindows(rows: readonly WindowRow[]): void {
  const all = Array.from({ length: COUNT }, (_, n) => visit(n));
  const names = rows.map(({ key, windowStart }) => `${key} ${windowStart}`);
  expect(new Set(names).size).toBe(names.length);
  expect(rows).toHaveLength(KEYS * Math.ceil(COUNT / WINDOW_MS));
  for (const { key, windowStart, n, seen } of rows) {
    const own = all.filter(
      (one) => one.key === key && one.n >= windowStart && one.n < windowStart + WINDOW_MS,
    );
    expect(n).toBe(own.length);
    const times = [0, 1, 2, 3, 4].map((rest) => own.filter((one) => one.n % 5 === rest).length);
    const isOld = typeof seen[0] === 'number';
    if (isOld) expect(windowStart + WINDOW_MS).toBeLessThanOrEqual(HALF);
    const found = isOld
      ? [0, 1, 2, 3, 4].map((rest) => seen.filter((one) => one === rest).length)
      : seen.map((one) => Number(String(one).split(':')[1]));
    expect(found).toEqual(times.filter((count) => isOld || count > 0));
  }
}

/** Up to the change the greatest of each key, afterwards the least of a million more than that and what comes. */
function expectExtremes(rows: readonly Visit[]): void {
  const seen = new Map<string, Visit[]>();
  for (const row of rows) seen.set(row.key, [...(seen.get(row.key) ?? []), row]);
  expect(seen.size).toBe(KEYS);
  for (const [key, own] of seen) {
    const ns = Array.from({ length: COUNT }, (_, n) => visit(n)).filter((one) => one.key === key);
    const before = ns.filter(({ n }) => n < HALF);
    const after = ns.slice(before.length);
    const expected = [
      ...before.map(({ n }) => n),
      // Every value that comes is greater than the first one after the change.
      ...after.map(() => after[0]!.n),
    ];
    expect(own.map(({ n }) => n)).toEqual(expected);
  }
}

test('a window that was freed stays closed when the changed job allows more lateness', async () => {
  const directory = await temporaryFolder();
  const start = (allowedLatenessMs: number, meter: Meter) =>
    run(fixture('lateness'), {
      parallelism: 2,
      args: { allowedLatenessMs, meter: meter.shared },
      checkpoint: { directory, intervalMs: 60_000 },
    });
  const first = await start(0, new Meter(5));
  // Its row is out: the watermark that closes the window may come long after the record that brings it.
  await until(() => first.progress().sinkRecords >= 1, first);
  await first.stop();
  const second = await start(60_000, new Meter(TIMES.length));
  const { collected } = await second.finished;
  expect(collected['late']).toEqual([{ t: 7 }]);
  const rows = collected['rows'] as readonly { windowStart: number; n: number }[];
  expect(rows.map(({ windowStart, n }) => [windowStart, n])).toEqual([
    [0, 4],
    [5_000, 1],
    [70_000, 1],
  ]);
});
