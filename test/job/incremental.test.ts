/** Whole jobs whose checkpoints build on one another: I19 and I20 with real threads and files. */

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CheckpointEvent,
  type Job,
  type JobResult,
  MemoryStore,
  runInline,
} from '../../dist/index.js';
import incrementalJob, { deposit, SHORT_MS, SHOWN, shortKey } from './fixtures/incremental.job.js';
import { fixture, type Kill, Meter, temporaryFolder, throughKills, until } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 20_000;

type Completed = Extract<CheckpointEvent, { kind: 'completed' }>;

/** What the job has to show, as a plain fold: texts, sorted. */
function expected(count: number): Record<string, string[]> {
  const rows: Record<string, string[]> = {
    numbers: [],
    objects: [],
    long: [],
    'short numbers': [],
    'short objects': [],
  };
  const running = new Map<string, { records: number; total: number; list: number[] }>();
  const windows = new Map<string, { records: number; highest: number; list: number[] }>();
  for (let i = 0; i < count; i += 1) {
    const { key, amount } = deposit(i);
    const known = running.get(key) ?? { records: 0, total: 0, list: [] };
    known.records += 1;
    known.total += amount;
    known.list = [...known.list, i].slice(-SHOWN);
    running.set(key, known);
    const { records, total, list } = known;
    if (records % SHOWN === 0) rows['numbers']!.push(JSON.stringify({ key, records, total }));
    if (list.length === SHOWN) rows['objects']!.push(JSON.stringify({ key, list }));
    const id = `${shortKey(i)} ${Math.floor(i / SHORT_MS) * SHORT_MS}`;
    const window = windows.get(id) ?? { records: 0, highest: 0, list: [] };
    window.records += 1;
    window.highest = Math.max(window.highest, amount);
    window.list.push(i);
    windows.set(id, window);
  }
  for (const [key, { records, total }] of running) {
    rows['long']!.push(JSON.stringify({ key, records, total }));
  }
  for (const [id, { records, highest, list }] of windows) {
    rows['short numbers']!.push(`${id} ${records} ${highest}`);
    rows['short objects']!.push(JSON.stringify(list));
  }
  for (const list of Object.values(rows)) list.sort();
  return rows;
}

function shown({ collected }: JobResult): Record<string, string[]> {
  const rows: Record<string, string[]> = {};
  for (const [name, list] of Object.entries(collected)) {
    rows[name] = (list as Record<string, unknown>[])
      .map((row) => {
        const { key, records, total, windowStart, highest } = row;
        if (name === 'short numbers') return `${key} ${windowStart} ${records} ${highest}`;
        if (name === 'numbers' || name === 'long') return JSON.stringify({ key, records, total });
        return JSON.stringify(row);
      })
      .sort();
  }
  return rows;
}

function expectRight(result: JobResult, count: number): void {
  const want = expected(count);
  const found = shown(result);
  for (const [name, rows] of Object.entries(want)) {
    expect(found[name]!.length, name).toBe(rows.length);
    const missing = rows.filter((row, at) => found[name]![at] !== row);
    expect(missing.slice(0, 3), name).toEqual([]);
  }
}

function completedOf(job: Job): Completed[] {
  const events: Completed[] = [];
  job.on('checkpoint', (event) => {
    if (event.kind === 'completed') events.push(event);
  });
  return events;
}

interface StoredManifest {
  readonly format: number;
  readonly parts: readonly {
    readonly file: string;
    readonly compression?: string;
    readonly earlier?: readonly { readonly file: string; readonly compression?: string }[];
  }[];
}

async function manifestsIn(directory: string): Promise<Map<number, StoredManifest>> {
  const manifests = new Map<number, StoredManifest>();
  for (const name of await readdir(join(directory, 'manifests'))) {
    const text = await readFile(join(directory, 'manifests', name), 'utf8');
    const { content } = JSON.parse(text) as { content: StoredManifest };
    manifests.set(Number.parseInt(name, 10), content);
  }
  return manifests;
}

const KILLS: readonly Kill[] = [
  [0, 'terminate'],
  [1, 'throw'],
  [1, 'exit'],
  [0, 'terminate'],
];

test('kills between checkpoints that build on others lose and repeat nothing', async () => {
  const directory = await temporaryFolder();
  const meter = new Meter();
  const job = await run(fixture('incremental'), {
    parallelism: 2,
    args: { meter: meter.shared, count: COUNT, splits: 2 },
    checkpoint: { directory, intervalMs: 60 },
  });
  const events = completedOf(job);
  expectRight(await throughKills(job, meter, COUNT, KILLS), COUNT);
  const withDeltas = events.filter(({ deltaBytes }) => deltaBytes > 0);
  expect(withDeltas.length).toBeGreaterThan(0);
  for (const { bytes, fullBytes, deltaBytes } of events) {
    expect(fullBytes + deltaBytes).toBeLessThanOrEqual(bytes);
  }
  // I19: what is named is there, and nothing else of completed checkpoints.
  const named = [...(await manifestsIn(directory)).values()].flatMap(({ parts }) =>
    parts.flatMap((part) => [...(part.earlier ?? []), part].map(({ file }) => file)),
  );
  expect((await readdir(join(directory, 'parts'))).sort()).toEqual(
    [...new Set(named)].filter((file) => file !== '').sort(),
  );
});

test('the same from compressed parts', async () => {
  const directory = await temporaryFolder();
  const meter = new Meter();
  const job = await run(fixture('incremental'), {
    parallelism: 2,
    args: { meter: meter.shared, count: COUNT, splits: 2 },
    checkpoint: { directory, intervalMs: 60, compression: 'gzip' },
  });
  const events = completedOf(job);
  expectRight(await throughKills(job, meter, COUNT, KILLS.slice(0, 2)), COUNT);
  const sum = (of: (event: Completed) => number) => events.reduce((all, one) => all + of(one), 0);
  expect(sum(({ deltaBytes }) => deltaBytes)).toBeGreaterThan(0);
  const content = sum(({ fullBytes, deltaBytes }) => fullBytes + deltaBytes);
  expect(sum(({ bytes }) => bytes)).toBeLessThan(content);
  const parts = [...(await manifestsIn(directory)).values()].flatMap((manifest) => manifest.parts);
  const files = parts.flatMap((part) => [...(part.earlier ?? []), part]);
  expect(files.filter(({ file }) => file !== '').map(({ compression }) => compression)).toEqual(
    files.filter(({ file }) => file !== '').map(() => 'gzip'),
  );
});

/** Runs up to `stopAt` with a checkpoint every 500 records, stops, keeps all checkpoints. */
async function stopped(directory: string, stopAt: number): Promise<Completed[]> {
  const meter = new Meter();
  const job = await run(fixture('incremental'), {
    parallelism: 2,
    args: { meter: meter.shared, count: COUNT, splits: 1 },
    checkpoint: { directory, intervalMs: 3_600_000, retain: 1_000 },
  });
  const events = completedOf(job);
  for (let records = 7_000; records <= stopAt; records += 500) {
    meter.raise(records);
    await until(() => job.progress().sourceRecords >= records, job);
    await job.checkpointNow();
  }
  await job.stop();
  return events;
}

describe('of a job that was stopped with many checkpoints retained', () => {
  let directory: string;
  let events: Completed[];
  let manifests: Map<number, StoredManifest>;
  let ids: number[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
    events = await stopped(directory, 15_000);
    manifests = await manifestsIn(directory);
    ids = [...manifests.keys()].sort((a, b) => a - b);
  }, 60_000);

  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('chains are bounded, and what is written follows the change', () => {
    const chains = [...manifests.values()].map(({ parts }) =>
      Math.max(...parts.map(({ earlier = [] }) => earlier.length)),
    );
    expect(ids.length).toBeGreaterThan(15);
    expect(Math.max(...chains)).toBeGreaterThan(3);
    expect(Math.max(...chains)).toBeLessThan(44);
    const smallest = Math.min(...events.filter((e) => e.deltaBytes > 0).map((e) => e.fullBytes));
    expect(smallest).toBeLessThan(events[0]!.fullBytes / 4);
  });

  test.each([
    ['the second, with the same instances', () => ids[1]!, 2],
    ['one in the middle, with one instance', () => ids[ids.length >> 1]!, 1],
    ['the last but one, with three instances', () => ids.at(-2)!, 3],
    ['the last, with the same instances', () => ids.at(-1)!, 2],
  ])('%s: the result is the same', async (_, pick, parallelism) => {
    const copy = await temporaryFolder();
    await cp(directory, copy, { recursive: true });
    const job = await run(fixture('incremental'), {
      parallelism,
      args: { count: COUNT, splits: 1 },
      restore: String(pick()),
      checkpoint: { directory: copy, intervalMs: 50 },
    });
    const after = completedOf(job);
    expectRight(await job.finished, COUNT);
    // The first one builds on what was restored, if every instance has the keys it had.
    expect(after[0]!.deltaBytes > 0).toBe(parallelism === 2);
  });
});

test('a damaged file that a checkpoint builds on is named, and nothing runs', async () => {
  const directory = await temporaryFolder();
  await stopped(directory, 9_000);
  const manifests = await manifestsIn(directory);
  const newest = manifests.get(Math.max(...manifests.keys()))!;
  expect(newest.format).toBe(2);
  const { file } = newest.parts.find(({ earlier }) => earlier !== undefined)!.earlier![0]!;
  const path = join(directory, 'parts', file);
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
  const rejected = run(fixture('incremental'), {
    parallelism: 2,
    args: { count: COUNT, splits: 1 },
    checkpoint: { directory },
  }).then((job) => job.finished);
  await expect(rejected).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    message: expect.stringContaining(file),
  });
});

test('in one thread and in memory it is the same', async () => {
  const store = new MemoryStore();
  const result = await runInline(incrementalJob, {
    args: { count: 10_000 },
    checkpoint: { store, intervalMs: 10, incremental: true },
  });
  expectRight(result, 10_000);
  await store.acquire();
  for (const id of await store.list()) await store.readManifest(id);
  await store.close();
});

test('without incremental every checkpoint holds everything', async () => {
  const directory = await temporaryFolder();
  const job = await run(fixture('incremental'), {
    parallelism: 2,
    args: { count: 10_000, splits: 2 },
    checkpoint: { directory, intervalMs: 60, incremental: false },
  });
  const events = completedOf(job);
  expectRight(await job.finished, 10_000);
  expect(events.every(({ deltaBytes }) => deltaBytes === 0)).toBe(true);
  for (const { format } of (await manifestsIn(directory)).values()) expect(format).toBe(1);
});
