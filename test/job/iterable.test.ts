/** `fromAsyncIterable`: what cannot be read again is read again from its journal. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  discard,
  fixedDelay,
  fromAsyncIterable,
  MemoryStore,
  type RunOptions,
  run,
  runInline,
} from '../../dist/index.js';
import type { Made } from './fixtures/iterable.job.js';
import { fixture, temporaryFolder } from './kit.js';

const COUNT = 600;

interface Log {
  readonly begun: readonly number[];
  readonly seen: readonly Made[];
}

async function readLog(path: string): Promise<Log> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  const entries = lines.map((line) => JSON.parse(line) as { from: number } | Made);
  return {
    begun: entries.flatMap((entry) => ('from' in entry ? [entry.from] : [])),
    seen: entries.flatMap((entry) => ('i' in entry ? [entry] : [])),
  };
}

/** Whoever saw a number again saw the same record. */
function expectSameAgain(seen: readonly Made[]): void {
  const lives = new Map<number, string>();
  for (const { i, life } of seen) {
    expect(`${i} ${lives.get(i) ?? life}`).toBe(`${i} ${life}`);
    lives.set(i, life);
  }
}

function expectOnceEach(rows: readonly unknown[]): void {
  const numbers = (rows as readonly Made[]).map(({ i }) => i).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: COUNT }, (_, i) => i));
}

async function place(): Promise<{ folder: string; log: string; options: RunOptions }> {
  const folder = await temporaryFolder();
  const log = join(folder, 'log');
  await writeFile(log, '');
  const options: RunOptions = {
    parallelism: 2,
    checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 15 },
    args: { log, count: COUNT, restEvery: 10 },
  };
  return { folder, log, options };
}

describe('an iterable with a journal', () => {
  test('through kills: each record once, and the same when it comes again', async () => {
    const { log, options } = await place();
    const job = await run(fixture('iterable'), options);
    let kills = 0;
    job.on('checkpoint', () => {
      if (kills < 3) job.kill(kills++ % 2, 'terminate');
    });
    const { collected } = await job.finished;
    expectOnceEach(collected['rows']!);
    const { begun, seen } = await readLog(log);
    expectSameAgain(seen);
    expect(kills).toBe(3);
    // It goes on where the journal ends, which is never behind what was emitted.
    expect(begun.length).toBeGreaterThan(1);
    expect([...begun].sort((a, b) => a - b)).toEqual(begun);
  });

  test('stopped and started again with another parallelism', async () => {
    const { log, options } = await place();
    const first = await run(fixture('iterable'), options);
    await new Promise<void>((resolve) => void first.once('checkpoint', () => resolve()));
    await first.stop();
    await first.finished;
    const second = await run(fixture('iterable'), { ...options, parallelism: 3 });
    const { collected } = await second.finished;
    expectOnceEach(collected['rows']!);
    expectSameAgain((await readLog(log)).seen);
  });

  test('an iterable that fails goes on behind what it gave', async () => {
    const { log, options } = await place();
    const args = { ...options.args, failAt: 100 };
    const job = await run(fixture('iterable'), { ...options, args });
    await expect(job.finished).rejects.toMatchObject({
      message: expect.stringContaining('the subscription broke'),
    });
    const { begun, seen } = await readLog(log);
    expectSameAgain(seen);
    expect(begun.at(-1)).toBe(100);
    expect(Math.max(...seen.map(({ i }) => i))).toBe(99);
  });

  test('its files are in the checkpoint directory, or where they are asked for', async () => {
    const { folder, options } = await place();
    await (await run(fixture('iterable'), options)).finished;
    expect(await readdir(join(folder, 'checkpoints', 'journal'))).toHaveLength(1);
    const directory = join(folder, 'elsewhere');
    const checkpoint = { store: new MemoryStore(), intervalMs: 15 };
    const args = { ...options.args, directory };
    const job = await run(fixture('iterable'), { ...options, checkpoint, args });
    expectOnceEach((await job.finished).collected['rows']!);
    expect(await readdir(join(directory, 'journal'))).toHaveLength(1);
  });

  test('without a folder for it the start is refused', async () => {
    const { options } = await place();
    const checkpoint = { store: new MemoryStore() };
    await expect(
      run(fixture('iterable'), { ...options, checkpoint }).then((job) => job.finished),
    ).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringContaining("journal: { directory: './journal' }"),
    });
  });
});

describe('an iterable without checkpoints', () => {
  test('is read once, whatever can be iterated over', async () => {
    const { collected } = await runInline((env) => {
      env
        .from(fromAsyncIterable(() => [1, 2, 3]))
        .uid('list')
        .collect('list');
      env
        .from(fromAsyncIterable(() => new Set(['a', 'b'])))
        .uid('set')
        .collect('set');
    });
    expect(collected).toEqual({ list: [1, 2, 3], set: ['a', 'b'] });
  });

  test('with them, one that begins anew is refused', async () => {
    const folder = await temporaryFolder();
    const started = runInline((env) => void env.from(fromAsyncIterable(() => [1])).collect('a'), {
      checkpoint: { directory: folder },
    });
    await expect(started).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringContaining('(from) => iterable'),
    });
    // Functions of both kinds have the length 0.
    const defaulted = runInline(
      (env) => void env.from(fromAsyncIterable((from = 0) => [from])).collect('a'),
      { checkpoint: { directory: folder } },
    );
    await expect(defaulted).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringContaining('One with a default value'),
    });
  });

  test('a text is not taken apart', async () => {
    const started = runInline(
      (env) => void env.from(fromAsyncIterable((() => 'ab') as never)).collect('a'),
    );
    await expect(started).rejects.toThrow('the function gives a text');
  });

  test('what cannot be iterated over is told', async () => {
    const started = runInline(
      (env) => void env.from(fromAsyncIterable((() => 7) as never)).collect('a'),
    );
    await expect(started).rejects.toThrow('nothing that can be iterated over');
    expect(() => fromAsyncIterable([1] as never)).toThrow(/fromAsyncIterable\(make\)/);
    expect(() => fromAsyncIterable(() => [], { journal: { maxBytes: 0 } })).toThrow(/maxBytes/);
    expect(() => fromAsyncIterable(() => [], { bounded: 1 } as never)).toThrow(/bounded/);
  });
});

describe('an iterable that fails', () => {
  function* broken(count: number): Generator<number> {
    for (let i = 0; i < count; i += 1) yield i;
    throw new Error('broken');
  }

  test.each<[number, string, boolean]>([
    [0, 'before its first record', false],
    [1, 'after 1 record, before record 1 (they count from 0)', false],
    [3, 'after 3 records, before record 3 (they count from 0)', false],
    [3, 'after 3 records, before record 3 (they count from 0)', true],
  ])('behind %i records says so, and gives them first', async (count, where, hasJournal) => {
    const seen: number[] = [];
    const begun: number[] = [];
    const make = (from: number) => {
      begun.push(from);
      return from === 0 ? broken(count) : broken(0);
    };
    const directory = await temporaryFolder();
    const checkpoint = { directory, intervalMs: 3_600_000 };
    const restart = fixedDelay({ attempts: 1, delayMs: 0 });
    const finished = runInline(
      (env) =>
        void env
          .from(fromAsyncIterable((from) => make(from), { name: 'numbers' }))
          .map((n) => seen.push(n))
          .sinkTo(discard()),
      hasJournal ? { checkpoint, restart } : {},
    );
    await expect(finished).rejects.toMatchObject({
      message: expect.stringContaining(`(numbers): it failed ${where}: broken`),
      details: { record: count },
    });
    const numbers = Array.from({ length: count }, (_, i) => i);
    expect(seen).toEqual(hasJournal ? [...numbers, ...numbers] : numbers);
    expect(begun).toEqual(hasJournal ? [0, count] : [0]);
  });
});

describe('an iterable that gives one object again and again', () => {
  const count = 1_300;
  interface One {
    i: number;
    tags: number[];
  }
  class Reading implements One {
    i = 0;
    tags = [0];
  }
  function* again(one: One, from: number): Generator<One> {
    for (let i = from; i < count; i += 1) {
      one.i = i;
      one.tags[0] = i;
      yield one;
    }
  }
  async function* later(one: One, from: number): AsyncGenerator<One> {
    for (const each of again(one, from)) {
      if (each.i % 100 === 7) await new Promise((resolve) => setImmediate(resolve));
      yield each;
    }
  }
  const plain = (): One => ({ i: 0, tags: [0] });

  test.each<[string, (from: number) => Iterable<One> | AsyncIterable<One>, boolean]>([
    ['at once', (from) => again(plain(), from), false],
    ['at once, with a journal', (from) => again(plain(), from), true],
    ['later', (from) => later(plain(), from), false],
    ['later, with a journal', (from) => later(plain(), from), true],
    ['of a class', (from) => later(new Reading(), from), false],
  ])('gives every record as it was: %s', async (_, make, hasJournal) => {
    const directory = await temporaryFolder();
    const { collected } = await runInline(
      (env) =>
        void env
          .from(fromAsyncIterable((from) => make(from)))
          .map(({ i, tags }) => [i, tags[0]])
          .collect('rows'),
      hasJournal ? { checkpoint: { directory } } : {},
    );
    expect(collected['rows']).toEqual(Array.from({ length: count }, (_, i) => [i, i]));
  });
});
