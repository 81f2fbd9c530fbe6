/** What meets what at a job's start and end: stops, cancels, final checkpoints, sinks that do not close. */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  type CheckpointEvent,
  type CheckpointStore,
  collect,
  fixedDelay,
  fromCollection,
  generate,
  type HoldfastError,
  MemoryStore,
  runInline,
  type Sink,
  type SlotInfo,
  type Source,
} from '../../dist/index.js';
import { fixture, Meter, nextRestart, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 4_000;
const HOUR_MS = 3_600_000;

interface Gate {
  /** Somebody waits at it. */
  readonly reached: Promise<void>;
  open(): void;
}

type Method = 'nextEpoch' | 'writeManifest' | 'readPart' | 'markFinished';

/** A store in memory whose next call of a method can be held up, or made to fail. */
class TestStore extends MemoryStore {
  readonly #before = new Map<Method, () => Promise<void>>();
  closed = false;

  constructor() {
    super();
    for (const method of ['nextEpoch', 'writeManifest', 'readPart', 'markFinished'] as const) {
      const act = this[method].bind(this) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(this, {
        [method]: async (...args: unknown[]) => {
          const before = this.#before.get(method);
          this.#before.delete(method);
          await before?.();
          return await act(...args);
        },
      });
    }
  }

  gate(method: Method): Gate {
    let reach = (): void => {};
    let open = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#before.set(method, () => {
      reach();
      return opened;
    });
    return { reached, open };
  }

  failNext(method: Method): void {
    this.#before.set(method, () => Promise.reject(new Error(`EIO: ${method}`)));
  }

  override async acquire(): Promise<void> {
    this.closed = false;
    await super.acquire();
  }

  override async close(): Promise<void> {
    this.closed = true;
    await super.close();
  }
}

const checkpoints = (store: CheckpointStore) => ({ store, intervalMs: HOUR_MS });

async function failureOf(ending: Promise<unknown>): Promise<HoldfastError> {
  const error = await ending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return error as HoldfastError;
}

describe('the final checkpoint', () => {
  test('a stop that comes while its manifest is written does not fail the job', async () => {
    const store = new TestStore();
    const gate = store.gate('writeManifest');
    const job = await run(fixture('totals'), {
      parallelism: 2,
      args: { count: COUNT },
      checkpoint: checkpoints(store),
    });
    const events: CheckpointEvent[] = [];
    job.on('checkpoint', (event) => events.push(event));
    await gate.reached;
    const stopped = job.stop();
    const asked = failureOf(job.checkpointNow());
    gate.open();
    const result = await stopped;
    expect(result.status).toBe('finished');
    expect(job.status).toBe('finished');
    expect(totalsProblems(result.collected['totals'] ?? [], COUNT)).toEqual([]);
    expect((await asked).code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    // That there was nothing left to capture is no failed checkpoint.
    expect(events.map(({ kind }) => kind)).toEqual(['completed']);
    expect((await job.metrics()).checkpoints.failed).toBe(0);
    expect(await store.readFinished()).toBeDefined();
  });

  test('when it was not marked as finished, another job does not finish in its place', async () => {
    const store = new TestStore();
    store.failNext('markFinished');
    const options = { parallelism: 1, args: { count: COUNT }, checkpoint: checkpoints(store) };
    const first = await run(fixture('totals'), options);
    expect((await failureOf(first.finished)).message).toContain('EIO');
    const error = await failureOf(run(fixture('windows'), options));
    expect(error.code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
    const again = await (await run(fixture('totals'), options)).finished;
    expect(again.status).toBe('finished');
    expect(totalsProblems(again.collected['totals'] ?? [], COUNT)).toEqual([]);
  });

  for (const store of [undefined, new MemoryStore()]) {
    test(`a commit of it that fails is made again, ${store ? 'with' : 'without'} checkpoints`, async () => {
      let commits = 0;
      const committed: unknown[] = [];
      const sink: Sink<number> = {
        kind: 'fragile',
        async commit(_checkpoint, transactions) {
          commits += 1;
          if (commits === 1) throw new Error('the far side is away');
          committed.push(...transactions.flatMap(({ rows }) => rows as number[]));
        },
        open() {
          const rows: number[] = [];
          return {
            write: (row) => void rows.push(row),
            prepare: () =>
              rows.length === 0 ? undefined : { transaction: { rows: rows.splice(0) } },
            close() {},
          };
        },
      };
      const rows = Array.from({ length: 100 }, (_, i) => i);
      const result = await runInline(
        (env) => {
          const numbers = env.from(fromCollection(rows));
          numbers.sinkTo(sink).uid('fragile');
          numbers.sinkTo(collect('rows'));
        },
        {
          ...(store === undefined ? {} : { checkpoint: checkpoints(store) }),
          restart: fixedDelay({ attempts: 2, delayMs: 0 }),
        },
      );
      expect(result.restarts).toBe(1);
      expect(committed).toEqual(rows);
      expect(result.collected['rows']).toEqual(rows);
    });
  }
});

describe('going on from a stopped job', () => {
  const READINGS = 20_000;

  test('a stop with drain is the end of time: the run is finished, nothing comes late to it', async () => {
    const store = new MemoryStore();
    const options = {
      parallelism: 2,
      args: { count: READINGS, ratePerSecond: READINGS },
      checkpoint: checkpoints(store),
    };
    const job = await run(fixture('windows'), options);
    await until(() => job.progress().sourceRecords > 500, job);
    expect((await job.stop({ drain: true })).status).toBe('finished');
    expect(job.status).toBe('finished');
    const error = await failureOf(run(fixture('windows'), options));
    expect(error.code).toBe('ERR_HOLDFAST_ALREADY_FINISHED');
    expect(error.details['result']).toMatchObject({ status: 'finished' });
  });

  test('one that starts from an older checkpoint makes that the newest, before a sink forgets rows', async () => {
    const output = await temporaryFolder();
    const store = new MemoryStore();
    const meter = new Meter();
    const options = {
      parallelism: 1,
      args: { meter: meter.shared, count: 60, output },
      checkpoint: checkpoints(store),
    };
    const job = await run(fixture('rewound'), options);
    for (const records of [10, 20, 30]) {
      meter.raise(records);
      await until(() => job.progress().sinkRecords === records, job);
      await job.checkpointNow();
    }
    await job.stop();
    const older = (await store.list())[2]!;
    const again = await run(fixture('rewound'), { ...options, restore: String(older) });
    // It ends before it has a checkpoint of its own.
    await again.cancel();
    expect((await store.list())[0]).toBe(older);
    meter.raise(60);
    expect((await (await run(fixture('rewound'), options)).finished).status).toBe('finished');
    const shown: number[] = [];
    for (const name of (await readdir(output)).filter((one) => one.startsWith('part-')).sort()) {
      const lines = (await readFile(join(output, name), 'utf8')).trim().split('\n');
      shown.push(...lines.map((line) => (JSON.parse(line) as { id: number }).id));
    }
    expect(shown).toEqual(Array.from({ length: 60 }, (_, id) => id));
  });
});

test('a stop whose commit dies with its thread has it made up for before the job ends', async () => {
  const shared = new SharedArrayBuffer(8);
  const words = new Int32Array(shared);
  const job = await run(fixture('commits'), {
    parallelism: 1,
    args: { meter: new Meter(500).shared, count: 1_000, words: shared, how: 'wait' },
    checkpoint: checkpoints(new MemoryStore()),
    restart: fixedDelay({ attempts: 3, delayMs: 0 }),
  });
  await until(() => job.progress().sinkRecords === 500, job);
  Atomics.store(words, 0, 1);
  const stopped = job.stop();
  await until(() => Atomics.load(words, 1) === 1, job);
  job.kill(0, 'terminate');
  expect(await stopped).toMatchObject({ status: 'stopped', restarts: 1, sourceRecords: 500 });
  // The one that was cut off, the one that makes up for it, and that of the stop itself.
  expect(Atomics.load(words, 1)).toBe(3);
});

describe('signals', () => {
  test('one that is aborted already is told as a cancellation, with its reason', async () => {
    const reason = new Error('not today');
    const error = await failureOf(run(fixture('totals'), { signal: AbortSignal.abort(reason) }));
    expect(error.code).toBe('ERR_HOLDFAST_CANCELED');
    expect(error.cause).toBe(reason);
  });

  test('one that is aborted while the job starts ends the start, whatever that waits for', async () => {
    const controller = new AbortController();
    const store = new TestStore();
    const source: Source<number> = {
      kind: 'silent',
      splits() {
        controller.abort();
        return new Promise(() => {});
      },
      open: () => Promise.reject(new Error('it is never opened')),
    };
    const error = await failureOf(
      runInline((env) => env.from(source).sinkTo(collect('rows')), {
        signal: controller.signal,
        checkpoint: checkpoints(store),
      }),
    );
    expect(error.code).toBe('ERR_HOLDFAST_CANCELED');
    expect(store.closed).toBe(true);
  });
});

describe('what does not close', () => {
  test('a failed sink in a thread: the thread is ended, and the job goes on', async () => {
    const job = await run(fixture('unclosing'), {
      parallelism: 1,
      args: { count: COUNT, met: new SharedArrayBuffer(4) },
      restart: fixedDelay({ attempts: 1, delayMs: 0, resetTimeoutMs: 50 }),
    });
    const result = await job.finished;
    expect(result.restarts).toBe(1);
    expect(result.collected['numbers']).toHaveLength(COUNT);
  });

  test('a failed sink in the calling thread: it is left alone', async () => {
    let fails = true;
    const broken: Sink<number> = {
      kind: 'broken',
      open: () => ({
        write() {
          if (!fails) return;
          fails = false;
          throw new Error('the peer is gone');
        },
        close: () => new Promise(() => {}),
      }),
    };
    const result = await runInline(
      (env) => {
        const numbers = env.from(generate((i) => i, { count: COUNT }));
        numbers.sinkTo(broken).uid('broken');
        numbers.sinkTo(collect('numbers'));
      },
      { restart: fixedDelay({ attempts: 1, delayMs: 0, resetTimeoutMs: 50 }) },
    );
    expect(result.restarts).toBe(1);
    expect(result.collected['numbers']).toHaveLength(COUNT);
  });
});

describe('while a job comes up again', () => {
  test('a cancel waits for what reads the store before it lets it go', async () => {
    const store = new TestStore();
    const job = await run(fixture('totals'), {
      parallelism: 2,
      args: { count: 1_000_000, ratePerSecond: 10_000 },
      checkpoint: checkpoints(store),
    });
    await job.checkpointNow();
    const gate = store.gate('readPart');
    job.kill(0, 'terminate');
    await gate.reached;
    const canceled = job.cancel();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(store.closed).toBe(false);
    gate.open();
    await canceled;
    expect(store.closed).toBe(true);
    expect(job.status).toBe('canceled');
  });

  test('its slots say that they have lost a thread, and that they have one again', async () => {
    const job = await run(fixture('totals'), {
      parallelism: 2,
      args: { count: 1_000_000, ratePerSecond: 10_000 },
      checkpoint: checkpoints(new MemoryStore()),
    });
    await job.checkpointNow();
    const seen: SlotInfo[] = [];
    job.on('slot', (info) => seen.push(info));
    const restarted = nextRestart(job);
    job.kill(1, 'terminate');
    await restarted;
    expect(seen.map(({ slot, verdict }) => [slot, verdict === 'dead'])).toEqual([
      [1, true],
      [1, false],
    ]);
    expect(seen[1]?.incarnation).toBeGreaterThan(seen[0]?.incarnation ?? 0);
    await job.cancel();
  });
});

test('a listener that throws is an uncaught error of the process, and does not stop the job', async () => {
  const script = `
    import { run } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const uncaught = new Set();
    process.on('uncaughtException', (error, origin) => uncaught.add(error.message + ' ' + origin));
    const job = await run(new URL(${JSON.stringify(fixture('totals').href)}), {
      parallelism: 1,
      args: { count: 2000, ratePerSecond: 10000 },
      restart: { kind: 'fixed-delay', attempts: 2, delayMs: 0, resetTimeoutMs: 500 },
    });
    for (const name of ['status', 'failure', 'restarted', 'checkpoint', 'slot']) {
      job.on(name, () => { throw new Error(name); });
    }
    job.kill(0, 'throw');
    const { restarts, collected } = await job.finished;
    console.log(JSON.stringify({ restarts, rows: collected.totals.length, uncaught: [...uncaught].sort() }));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { timeout: 30_000 },
  );
  expect(JSON.parse(stdout)).toEqual({
    restarts: 1,
    rows: 2_000,
    uncaught: ['checkpoint', 'failure', 'restarted', 'slot', 'status'].map(
      (name) => `${name} uncaughtException`,
    ),
  });
});
