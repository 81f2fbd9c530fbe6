/** Values of every kind come through whole jobs as what they were: threads, one slot, inline, restored. */

import { inspect, isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  count,
  defineJob,
  fromCollection,
  HoldfastError,
  type Job,
  type JobResult,
  type RunOptions,
  runInline,
} from '../../dist/index.js';
import { inFlightBytes } from './checkpoint-kit.js';
import { Money, money } from './fixtures/money.js';
import valuesJob, { type Valued, valued } from './fixtures/values.job.js';
import { fixture, Meter, nextRestart, temporaryFolder, until } from './kit.js';
import { run, runGuarded } from './run-compiled.js';

/** By key, what the job must show, in order. */
function expectedRows(count: number): ReadonlyMap<string, readonly Valued[]> {
  const rows = new Map<string, Valued[]>();
  for (let i = 0; i < count; i += 1) {
    const record = valued(i);
    const price = record.price.plus(new Money(1n, 'EUR'));
    const before = rows.get(record.key) ?? [];
    const last = before.at(-1);
    before.push({ ...record, price: last === undefined ? price : last.price.plus(price) });
    rows.set(record.key, before);
  }
  return rows;
}

function check(rows: readonly unknown[], count: number): void {
  expect(rows).toHaveLength(count);
  const expected = expectedRows(count);
  const cents = (row: Valued): bigint => row.price.cents;
  for (const [key, wanted] of expected) {
    const found = (rows as readonly Valued[]).filter((row) => row.key === key);
    // Slots and kills decide the order of a key's records, hence the sums on the way: the last one is sure.
    const highest = found.reduce((a, b) => (cents(b) > cents(a) ? b : a));
    expect(highest.price).toBeInstanceOf(Money);
    expect(cents(highest)).toBe(cents(wanted.at(-1)!));
    for (const row of found) {
      const { price: _, ...rest } = row;
      const { price: __, ...should } = valued(row.i);
      if (!isDeepStrictEqual(rest, should)) expect(inspect(rest)).toBe(inspect(should));
      expect(Buffer.isBuffer(row.raw)).toBe(true);
      expect([row.error.constructor, (row.error as { code?: string }).code]).toEqual([
        RangeError,
        'E_FAR',
      ]);
      row.bytes.all[1] = 77;
      expect(row.bytes.some[0]).toBe(77);
    }
    expect(new Set(found.map(({ i }) => i)).size).toBe(wanted.length);
  }
}

async function failureOf(result: Promise<unknown>): Promise<HoldfastError> {
  const error = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}

const untilRead = (job: Job, records: number): Promise<void> =>
  until(() => job.progress().sourceRecords >= records);

// First: what a thread has once learnt it knows.
describe('rows of a class', () => {
  test('can be looked at only where its codec is known', async () => {
    const job = await run(fixture('values'), { parallelism: 1, args: { count: 20 } });
    const result = await job.finished;
    for (const look of [() => job.collected('rows'), () => result.collected['rows']]) {
      expect(look).toThrow(
        /by the codec 'money', which this thread does not know.*codecs: \[codec\]/,
      );
    }
    expect(Object.keys(result.collected)).toEqual(['rows']);
  });

  test('under a guardian, too', async () => {
    const job = await runGuarded(fixture('values'), { parallelism: 1, args: { count: 20 } });
    const result = await job.finished;
    expect(() => result.collected['rows']).toThrow(/by the codec 'money'/);
  });
});

describe('values of every kind', () => {
  const records = 600;

  test.each<[string, (options: RunOptions) => Promise<JobResult>]>([
    ['inline', async ({ parallelism: _, ...options }) => runInline(valuesJob, options)],
    ['on one slot', async (options) => (await run(fixture('values'), options)).finished],
    [
      'on three slots',
      async (options) => (await run(fixture('values'), { ...options, parallelism: 3 })).finished,
    ],
    [
      'under a guardian',
      async (options) => (await runGuarded(fixture('values'), options)).finished,
    ],
  ])('come back equal %s', async (_, end) => {
    const result = await end({ parallelism: 1, args: { count: records }, codecs: [money] });
    check(result.collected['rows']!, records);
  });

  test.each(['aligned', 'unaligned'] as const)(
    'come back equal from %s checkpoints',
    async (alignment) => {
      const directory = await temporaryFolder();
      const open = new SharedArrayBuffer(4);
      const meter = new Meter(records);
      const job = await run(fixture('values'), {
        parallelism: 2,
        args: { count: records, open, meter: meter.shared, splits: 2 },
        codecs: [money],
        checkpoint: { directory, intervalMs: 3_600_000, alignment },
      });
      await untilRead(job, records);
      if (alignment === 'aligned') Atomics.store(new Int32Array(open), 0, 1);
      const checkpoint = await job.checkpointNow();
      if (alignment === 'unaligned') {
        expect(await inFlightBytes(directory, checkpoint)).toBeGreaterThan(0);
      }
      const restarted = nextRestart(job);
      const failed = new Promise((resolve) => job.once('failure', resolve));
      job.kill(0, 'terminate');
      await failed;
      Atomics.store(new Int32Array(open), 0, 1);
      expect((await restarted).checkpoint).toBe(checkpoint);
      const result = await job.finished;
      check(result.collected['rows']!, records);
    },
  );
});

describe('a codec of a job that goes on', () => {
  const records = 40;

  function start(directory: string, codec: number, meter: Meter): Promise<Job> {
    return run(fixture('codecs'), {
      parallelism: 1,
      args: { count: records, codec, meter: meter.shared },
      checkpoint: { directory, intervalMs: 3_600_000 },
    });
  }

  async function stopHalfWay(directory: string, codec: number): Promise<void> {
    const job = await start(directory, codec, new Meter(20));
    await untilRead(job, 20);
    await job.stop();
    await job.finished;
  }

  test('migrates what the older one wrote', async () => {
    const directory = await temporaryFolder();
    await stopHalfWay(directory, 1);
    const { collected } = await (await start(directory, 2, new Meter(records))).finished;
    const last = (collected['sums'] as { key: number; sum: number; isTally: boolean }[]).slice(-2);
    expect(last.sort((a, b) => a.key - b.key)).toEqual([
      { key: 0, sum: 380, isTally: true },
      { key: 1, sum: 400, isTally: true },
    ]);
  });

  test.each<[string, number, number, RegExp]>([
    ['older', 2, 1, /version 2 of the codec 'tally', this job has version 1/],
    [
      'newer, without a way to migrate',
      1,
      3,
      /version 1 of the codec 'tally', .*Add to defineCodec\(\{ id: 'tally', version: 3, .*migrate: \(data, fromVersion\)/,
    ],
    ['missing', 1, 0, /by the codec 'tally', which this thread does not know/],
  ])('is refused when it is %s', async (_, before, after, message) => {
    const directory = await temporaryFolder();
    await stopHalfWay(directory, before);
    const error = await failureOf(
      start(directory, after, new Meter(records)).then((job) => job.finished),
    );
    expect(error.code).toBe('ERR_HOLDFAST_CODEC');
    expect(error.message).toMatch(message);
  });

  test('needs no way to migrate where there is nothing older', async () => {
    const directory = await temporaryFolder();
    await stopHalfWay(directory, 3);
    const { collected } = await (await start(directory, 3, new Meter(records))).finished;
    const last = (collected['sums'] as { key: number; sum: number }[]).slice(-2);
    expect(last.map(({ sum }) => sum).sort()).toEqual([380, 400]);
  });
});

test.each(['toString', '__proto__', 'constructor', 'prototype'])(
  'a name %s is a name like others',
  async (name) => {
    const directory = await temporaryFolder();
    const job = defineJob('names', (env) => {
      env
        .from(fromCollection([1, 2, 3]))
        .uid(name)
        .keyBy((n) => n)
        .aggregate({ records: count() })
        .uid(`${name}s`)
        .collect(name);
    });
    const { collected } = await runInline(job, { checkpoint: { directory } });
    expect(Object.entries(collected)).toEqual([
      [name, [1, 2, 3].map((key) => ({ key, records: 1 }))],
    ]);
  },
);
