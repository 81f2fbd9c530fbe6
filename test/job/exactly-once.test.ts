import { readdir, readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type JobResult, type RunOptions, runInline } from '../../dist/index.js';
import cellsJob, { join, LANES, type Step, step, WINDOW_MS } from './fixtures/cells.job.js';
import lateJob, { type Event, event, lateOnes } from './fixtures/late.job.js';
import publishedJob from './fixtures/published.job.js';
import {
  fixture,
  type Kill,
  Meter,
  runningAgain,
  temporaryFolder,
  throughKills,
  until,
} from './kit.js';
import { run } from './run-compiled.js';

const KILLS: readonly Kill[] = [
  [0, 'terminate'],
  [1, 'throw'],
  [1, 'exit'],
  [0, 'throw'],
];

/** Runs a fixture with a metered source through kills, with frequent checkpoints besides. */
async function killed(
  name: string,
  count: number,
  options: Pick<RunOptions, 'parallelism' | 'checkpoint' | 'channel' | 'args'>,
  kills = KILLS,
): Promise<JobResult> {
  const meter = new Meter();
  const job = await run(fixture(name), {
    parallelism: 2,
    ...options,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 30, ...options.checkpoint },
    args: { meter: meter.shared, count, ...options.args },
  });
  return await throughKills(job, meter, count, kills);
}

describe('late records', () => {
  interface Row {
    readonly key: string;
    readonly windowStart: number;
    readonly windowEnd: number;
    readonly records: number;
    readonly ids: readonly number[];
  }

  /** All ids that are in a window, in the last row of it; each firing must show one record more. */
  function idsInWindows(rows: readonly Row[]): number[] {
    const problems: string[] = [];
    const windows = new Map<string, Row>();
    for (const row of rows) {
      const name = `${row.key} ${row.windowStart}`;
      const before = windows.get(name);
      if (before !== undefined && row.records !== before.records + 1) {
        problems.push(`${name}: ${row.records} records after ${before.records}`);
      }
      if (row.ids.length !== row.records) problems.push(`${name}: ${row.ids.length} ids`);
      windows.set(name, row);
    }
    const ids = [...windows.values()].flatMap((row) => row.ids);
    for (const { key, windowStart, windowEnd, ids: own } of windows.values()) {
      const isForeign = (id: number): boolean => {
        const { key: expected, time } = event(id);
        return key !== expected || time < windowStart || time >= windowEnd;
      };
      problems.push(...own.filter(isForeign).map((id) => `${key} ${windowStart}: has ${id}`));
    }
    expect(problems).toEqual([]);
    return ids;
  }

  const count = 6_000;
  const all = Array.from({ length: count }, (_, id) => id);

  function expectEachOnce({ collected }: JobResult, splits = 1): void {
    const late = (collected['late'] as Event[]).map(({ id }) => id);
    expect(late.toSorted((a, b) => a - b)).toEqual(lateOnes(count, splits));
    const inWindows = idsInWindows(collected['rows'] as Row[]);
    expect([...inWindows, ...late].sort((a, b) => a - b)).toEqual(all);
  }

  test('go aside: each record is once in a window or there, through kills', async () => {
    expect(lateOnes(count, 1).length).toBeGreaterThan(90);
    expectEachOnce(await killed('late', count, { args: { aside: true } }));
    expectEachOnce(await runInline(lateJob, { args: { count, aside: true } }));
  });

  test('from two readers, one of them ahead of the other: the same', async () => {
    expectEachOnce(await killed('late', count, { args: { aside: true, splits: 2 } }), 2);
  });
});

describe('object state', () => {
  const count = 6_000;

  test('reduced, aggregated and windowed, per key in order, on three slots through kills', async () => {
    const expected = foldCells(count);
    const kills: readonly Kill[] = [...KILLS, [2, 'terminate'], [2, 'exit']];
    const options = { parallelism: 3, args: { splits: LANES } };
    checkCells(await killed('cells', count, options, kills), expected);
    checkCells(await runInline(cellsJob, { args: { count } }), expected);
  });

  interface Cells {
    readonly reduced: readonly Step[];
    readonly aggregated: readonly unknown[];
    readonly windowed: readonly string[];
  }

  function foldCells(records: number): Cells {
    const reduced: Step[] = [];
    const aggregated: unknown[] = [];
    const states = new Map<number, Step>();
    const recent = new Map<number, number[]>();
    const windows = new Map<string, { steps: number; first: number }>();
    for (let i = 0; i < records; i += 1) {
      const next = step(i);
      const known = states.get(next.key);
      const now = known === undefined ? next : join(known, next);
      states.set(next.key, now);
      const last = [...(recent.get(next.key) ?? []), i].slice(-4);
      recent.set(next.key, last);
      if (now.steps % 10 === 0) {
        reduced.push(now);
        const seen = { lanes: [[next.lane, now.steps]], recent: last };
        aggregated.push({ key: next.key, records: now.steps, highest: i, seen });
      }
      const id = `${next.key % 20} ${Math.floor(i / WINDOW_MS)}`;
      const window = windows.get(id) ?? { steps: 0, first: i };
      windows.set(id, { steps: window.steps + 1, first: Math.min(window.first, i) });
    }
    const windowed = [...windows].map(([id, { steps, first }]) => `${id} ${steps} ${first}`);
    return { reduced, aggregated, windowed: windowed.sort() };
  }

  /** Rows by key, in the order they came for each. */
  function byKey<R extends { readonly key: number }>(rows: readonly R[]): R[] {
    return rows.toSorted((a, b) => a.key - b.key);
  }

  function checkCells({ collected }: JobResult, expected: Cells): void {
    const reduced = collected['reduced'] as Step[];
    expect(reduced.flatMap(({ outOfOrder }) => outOfOrder)).toEqual([]);
    expect(byKey(reduced)).toEqual(byKey(expected.reduced));
    const aggregated = collected['aggregated'] as { key: number }[];
    expect(byKey(aggregated)).toEqual(byKey(expected.aggregated as { key: number }[]));
    const windowed = (collected['windowed'] as Step[]).map(
      ({ key, first, steps }) => `${key % 20} ${Math.floor(first / WINDOW_MS)} ${steps} ${first}`,
    );
    expect(windowed.sort()).toEqual(expected.windowed);
  }
});

test('look-ups in a table that comes as a stream: each is answered once, through kills', async () => {
  const count = 3_000;
  const meter = new Meter();
  const job = await run(fixture('lookups'), {
    parallelism: 2,
    args: { meter: meter.shared, count },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
  });
  for (const [slot, records] of [
    [0, 1_000],
    [1, 2_000],
  ] as const) {
    meter.raise(records);
    await until(() => job.progress().sourceRecords > records, job);
    await job.checkpointNow();
    meter.raise(records + 500);
    await until(() => job.progress().sourceRecords > records + 100, job);
    const again = runningAgain(job);
    job.kill(slot, 'terminate');
    await again;
  }
  meter.raise(count);
  const { collected } = await job.finished;
  expect([...(collected['answers'] as string[])].sort()).toEqual(
    Array.from({ length: count }, (_, id) => `${id}: name-${id % 100}`).sort(),
  );
});

describe('sinks', () => {
  const count = 6_000;

  async function linesOf(folder: string): Promise<Map<string, string>> {
    const names = (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith('.'));
    const files = names.sort().map(async (name): Promise<[string, string]> => {
      return [name, await readFile(joinPath(folder, name), 'utf8')];
    });
    return new Map(await Promise.all(files));
  }

  const idsIn = (files: ReadonlyMap<string, string>): number[] =>
    [...files.values()]
      .flatMap((text) => text.trimEnd().split('\n'))
      .map((line) => (JSON.parse(line) as { id: number }).id)
      .sort((a, b) => a - b);

  test('renamed files and a two-phase sink of one’s own: each row once, for readers at any time', async () => {
    const output = await temporaryFolder();
    const folders = [joinPath(output, 'renamed'), joinPath(output, 'own', 'published')];
    const seen = folders.map(() => new Map<string, string>());
    let ended = false;
    const reading = (async () => {
      while (!ended) {
        for (const [i, folder] of folders.entries()) {
          for (const [name, text] of await linesOf(folder)) {
            // A file that is there is whole, stays, and never changes.
            expect(text.endsWith('\n')).toBe(true);
            expect(seen[i]!.get(name) ?? text).toBe(text);
            seen[i]!.set(name, text);
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const result = await killed('published', count, { args: { output, splits: 2 } }).finally(() => {
      ended = true;
    });
    await reading;
    const all = Array.from({ length: count }, (_, id) => id);
    expect(result.checkpoints).toBeGreaterThanOrEqual(KILLS.length);
    for (const [i, folder] of folders.entries()) {
      const files = await linesOf(folder);
      expect(files.size).toBeGreaterThan(KILLS.length);
      expect(idsIn(files)).toEqual(all);
      for (const [name, text] of seen[i]!) expect(files.get(name)).toBe(text);
    }
    expect(await readdir(joinPath(output, 'own', 'staged'))).toEqual([]);
  });

  test('at least once: nothing is lost', async () => {
    const output = await temporaryFolder();
    const checkpoint = { mode: 'at-least-once' } as const;
    await killed('published', count, { checkpoint, args: { output, splits: 2 } });
    const all = Array.from({ length: count }, (_, id) => id);
    for (const folder of ['renamed', 'own/published']) {
      expect([...new Set(idsIn(await linesOf(joinPath(output, folder))))]).toEqual(all);
    }
  });

  test('the same in the calling thread', async () => {
    const output = await temporaryFolder();
    await runInline(publishedJob, { args: { output, count } });
    for (const folder of ['renamed', 'own/published']) {
      expect(idsIn(await linesOf(joinPath(output, folder)))).toHaveLength(count);
    }
  });
});
