/**
 * Seventy deaths in a row, of random causes on random slots, of a keyed job with
 * checkpoints: each is seen once and for what it is, the rows are those of a run without faults, and
 * nothing is left behind by those who died: no thread, port, timer, file or memory.
 *
 * Another run: HOLDFAST_TEST_SEED=17 npx vitest run --project threads test/job/many-kills.test.ts
 */

import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { seededRandom } from '../../dist/base/random.js';
import { fixedDelay, type Job, run } from '../../dist/index.js';
import { type Cause, EXIT_CODE, Orders } from './fixtures/doomed.job.js';
import { fixture, Meter, temporaryFolder, totalsProblems } from './kit.js';

const KILLS = 70;
/** Pools, caches and compiled code have their size after so many. */
const WARM_UP = 20;
/** Of a thread with nothing in it, by far. */
const THREAD_BYTES_MIN = 2 * 2 ** 20;
const RECORDS_PER_KILL = 100;
const RING_BYTES = 64 * 1024;
/** The rings of some epoch or other may not be collected yet: of eight at most, four rings each. */
const RINGS_SPREAD_BYTES = 8 * 4 * RING_BYTES;
const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_122);

type Kill = (job: Job, orders: Orders, slot: number) => void;

const planted =
  (cause: Cause): Kill =>
  (_, orders, slot) =>
    orders.give('record', slot, cause);
const ordered =
  (cause: Parameters<Job['kill']>[1]): Kill =>
  (job, _, slot) =>
    job.kill(slot, cause);

/** How it is done, and how it is told: `cause, kind, name, code or exit code`. */
const kills: readonly (readonly [kill: Kill, told: string])[] = [
  [ordered('terminate'), 'terminate, thread-exit, HoldfastError, 1'],
  [ordered('terminate'), 'terminate, thread-exit, HoldfastError, 1'],
  [ordered('throw'), 'throw, thread-error, PlannedCrash, 1'],
  [ordered('exit'), 'exit, thread-exit, HoldfastError, 3'],
  [ordered('hang'), 'hang, hung, HoldfastError, undefined'],
  [planted('throw'), 'thread-error, thread-error, MortalError, 1'],
  [planted('throw'), 'thread-error, thread-error, MortalError, 1'],
  [planted('rejection'), 'thread-error, thread-error, MortalError, 1'],
  [planted('rejection'), 'thread-error, thread-error, MortalError, 1'],
  [planted('exit'), `thread-exit, thread-exit, HoldfastError, ${EXIT_CODE}`],
  [planted('exception'), 'user-code, user-code, MortalError, undefined'],
  [planted('exception'), 'user-code, user-code, MortalError, undefined'],
];

async function until(job: Job, condition: () => boolean): Promise<void> {
  while (!condition()) {
    if (job.status === 'failed') await job.finished;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What this process holds: counts, and sizes in bytes after collection. */
interface Holdings {
  readonly threads: number;
  readonly files: number;
  readonly ports: number;
  /** Of anything else that keeps a process alive but timers: pipes, sockets, servers, children. */
  readonly handles: number;
  readonly heap: number;
  readonly buffers: number;
  readonly resident: number;
}

const entries = (path: string): number => (existsSync(path) ? readdirSync(path).length : 0);

function held(): Holdings {
  const resources = process.getActiveResourcesInfo();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return {
    threads: entries('/proc/self/task'),
    files: entries('/proc/self/fd'),
    ports: resources.filter((name) => name === 'MessagePort').length,
    handles: resources.filter((name) => name.endsWith('Wrap')).length,
    heap: heapUsed,
    buffers: arrayBuffers,
    resident: rss,
  };
}

/**
 * The least of each over a second: checkpoints come and go meanwhile, and what they hold is theirs. What
 * finalisers and messages release takes a turn or two.
 */
async function holdings(): Promise<Holdings> {
  const least: Record<string, number> = {};
  for (let i = 0; i < 40; i += 1) {
    if (i % 8 === 0) collectGarbage();
    await sleep(25);
    for (const [name, value] of Object.entries(held())) {
      least[name] = Math.min(value, least[name] ?? Number.POSITIVE_INFINITY);
    }
  }
  return least as unknown as Holdings;
}

// The deadline is for hanging only: it takes 10 to 40 s.
test(`${KILLS} random kills leave nothing behind but the right rows (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  const count = (KILLS + 1) * RECORDS_PER_KILL;
  const folder = await temporaryFolder();
  const output = join(folder, 'output');
  const meter = new Meter();
  const orders = new Orders();
  const job = await run(fixture('doomed'), {
    parallelism: 2,
    args: { words: orders.shared, meter: meter.shared, count, splits: 2, output },
    checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 50 },
    // They come faster than checkpoints.
    restart: fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 0, resetTimeoutMs: 10_000 }),
    heartbeat: { intervalMs: 20, timeoutMs: 400 },
    channel: { capacityBytes: RING_BYTES },
  });
  const expected: string[] = [];
  const failed: string[] = [];
  const restarted: string[] = [];
  let runs = 0;
  job.on('status', (status) => {
    if (status === 'running') runs += 1;
  });
  job.on('failure', ({ slot, kind, name, exitCode }) => {
    failed.push(`slot ${slot}: ${kind}, ${name}, ${exitCode}`);
  });
  job.on('restarted', ({ slot, cause, failure, respawned }) => {
    const { kind, name, exitCode } = failure;
    restarted.push(`slot ${slot}: ${cause}, ${kind}, ${name}, ${exitCode}; new ${respawned}`);
  });

  const quiet = async (): Promise<Holdings> => {
    await job.checkpointNow();
    // The spare that replaces the last one has come to rest.
    await sleep(300);
    return await holdings();
  };

  let before: Holdings | undefined;
  for (let i = 0; i < KILLS; i += 1) {
    if (i === WARM_UP) before = await quiet();
    const begin = i * RECORDS_PER_KILL;
    const middle = begin + RECORDS_PER_KILL / 2;
    meter.raise(middle);
    await until(job, () => job.progress().sourceRecords >= middle);
    // Sometimes there is none since the last kill, sometimes one is under way.
    if (random.next() < 0.5) await job.checkpointNow();
    const slot = Math.floor(random.next() * 2);
    const [kill, told] = kills[Math.floor(random.next() * kills.length)]!;
    expected.push(`slot ${slot}: ${told}; new ${told.startsWith('user-code') ? '' : slot}`);
    const runsBefore = runs;
    kill(job, orders, slot);
    meter.raise(begin + RECORDS_PER_KILL);
    await until(job, () => runs > runsBefore);
  }
  let after = await quiet();
  // A busy disk may have had a file open at each look; one that stays open is there at every further one.
  for (let looks = 1; looks < 10 && after.files > before!.files; looks += 1) after = await quiet();
  meter.raise(count);
  const result = await job.finished;
  console.log(table({ [WARM_UP]: before!, [KILLS]: after }));

  expect(restarted).toEqual(expected);
  expect(failed).toEqual(expected.map(asFailure));
  expect(result).toMatchObject({ status: 'finished', restarts: KILLS, sourceRecords: count });
  expect(totalsProblems(await rowsOf(output), count)).toEqual([]);
  const { heap, buffers, resident, ...counts } = before!;
  expect(after).toMatchObject(counts);
  expect(after.heap).toBeLessThan(heap * 1.1);
  expect(after.buffers).toBeLessThan(buffers * 1.1 + RINGS_SPREAD_BYTES);
  // The allocator keeps what it likes; a thread that stayed behind would take more than this each time.
  expect(after.resident).toBeLessThan(resident + (KILLS - WARM_UP) * THREAD_BYTES_MIN);
}, 300_000);

/** The `restarted` line as the `failure` event tells it. */
function asFailure(line: string): string {
  return line.replace(/: [^,]*, /, ': ').replace(/; new .*$/, '');
}

/** In the order of the files' names, which is that of each key's rows. */
async function rowsOf(folder: string): Promise<readonly unknown[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
}

function table(marks: Readonly<Record<number, Holdings>>): string {
  const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
  const show = ({ threads, files, ports, handles, heap, buffers, resident }: Holdings): string =>
    `${threads} threads, ${files} files, ${ports} ports, ${handles} handles, heap ${mb(heap)}, ` +
    `buffers ${mb(buffers)}, resident ${mb(resident)}`;
  return Object.entries(marks)
    .map(([kill, holdings]) => `after ${kill} kills: ${show(holdings)}`)
    .join('\n');
}
