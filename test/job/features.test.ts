import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  collect,
  defineJob,
  generate,
  HoldfastError,
  type JobDefinition,
  type JobResult,
  type Key,
  type RunOptions,
  runInline,
} from '../../dist/index.js';
import keysJob, { keys } from './fixtures/keys.job.js';
import misuseJob, { mistakes } from './fixtures/misuse.job.js';
import shapesJob from './fixtures/shapes.job.js';
import travelJob, { travellers } from './fixtures/travel.job.js';
import zerosJob, { ROUNDS } from './fixtures/zeros.job.js';
import { fixture, temporaryFolder } from './kit.js';
import { run } from './run-compiled.js';

/** The results on threads and in the calling thread, for a job that must give the same rows. */
async function bothWays(
  name: string,
  job: JobDefinition,
  options: RunOptions,
): Promise<readonly JobResult[]> {
  const running = await run(fixture(name), { parallelism: 2, ...options });
  const { parallelism: _, ...rest } = options;
  return [await running.finished, await runInline(job, rest)];
}

async function failureOf(result: Promise<unknown>): Promise<HoldfastError> {
  const error = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}

describe('shaping streams', () => {
  const isBad = (n: number): boolean => n % 251 === 17;
  const lineOf = (n: number): string =>
    isBad(n) ? `{"word": "torn", "n": ${n}` : JSON.stringify({ word: `wörd ${n % 13}`, n });

  function expectedShapes(lines: number): { shaped: string[]; bad: unknown[] } {
    const shaped: string[] = [];
    const bad: unknown[] = [];
    const emit = (word: string, n: number): void => {
      for (let i = 0; i < Math.abs(n) % 4; i += 1) shaped.push(`${word.toUpperCase()} ${n} ${i}`);
    };
    for (let n = 0; n < lines; n += 1) {
      if (isBad(n)) bad.push({ line: n + 1, text: lineOf(n) });
      else if (n % 3 !== 0) emit(`wörd ${n % 13}`, n);
    }
    for (let n = 0; n < 3_000; n += 1) emit(`other ${n % 5}`, -n);
    return { shaped: shaped.sort(), bad };
  }

  test('map, filter, flatMap, union, rebalance, broadcast; malformed lines aside; prints', async () => {
    const input = join(await temporaryFolder(), 'lines.ndjson');
    const lines = 20_000;
    await writeFile(input, Array.from({ length: lines }, (_, n) => `${lineOf(n)}\n`).join(''));
    const { shaped, bad } = expectedShapes(lines);
    for (const parallelism of [1, 2, 3]) {
      const printed: string[] = [];
      const options = { args: { input }, print: (line: string) => void printed.push(line) };
      const job = await run(fixture('shapes'), { ...options, parallelism });
      const results = [await job.finished];
      if (parallelism === 1) {
        printed.length = 0;
        results.push(await runInline(shapesJob, options));
      }
      for (const { collected, sourceRecords } of results) {
        expect(sourceRecords).toBe(lines + 3_000);
        expect([...(collected['shaped'] as string[])].sort()).toEqual(shaped);
        const byLine = collected['bad'] as { line: number }[];
        expect([...byLine].sort((a, b) => a.line - b.line)).toEqual(bad);
        // Every instance of `shaped` gives to the one instance of the filter: nothing comes twice.
        expect([...(collected['once'] as string[])].sort()).toEqual(
          shaped.filter((text) => text.startsWith('OTHER 4 -4 ')),
        );
        expect(printed.sort()).toEqual(
          shaped.filter((text) => text.endsWith('7 2')).map((text) => `> ${text}`),
        );
      }
    }
  });
});

describe('keys', () => {
  const shown = (key: Key): string => {
    if (Array.isArray(key)) return `[${key.map(shown).join(', ')}]`;
    if (key instanceof Date) return `Date ${key.getTime()}`;
    return typeof key === 'string' ? JSON.stringify(key) : `${typeof key} ${String(key)}`;
  };

  test('Dates, tuples, bigints, −0 and NaN: equal ones meet, different ones do not', async () => {
    const rounds = 40;
    const expected = new Map<string, { records: number; indexes: number }>();
    keys.forEach((key, index) => {
      const known = expected.get(shown(key)) ?? { records: 0, indexes: 0 };
      expected.set(shown(key), {
        records: known.records + rounds,
        indexes: known.indexes + rounds * index,
      });
    });
    for (const { collected } of await bothWays('keys', keysJob, { args: { rounds } })) {
      const rows = collected['rows'] as { key: Key; records: number; indexes: number }[];
      expect(rows).toHaveLength(keys.length * rounds);
      const last = new Map<string, { records: number; indexes: number }>();
      for (const { key, records, indexes } of rows) {
        expect(records).toBe((last.get(shown(key))?.records ?? 0) + 1);
        last.set(shown(key), { records, indexes });
      }
      expect(last).toEqual(expected);
    }
  });

  test('0 and −0 are one key, also in tuples, and it is shown as 0, whatever the slots', async () => {
    const each = (n: number) => [0, ['a', 0], [[0], 0]].map((key) => ({ key, n }));
    const share = ROUNDS * 2;
    const running = Array.from({ length: share }, (_, i) => each(i + 1)).flat();
    const expected = [
      ...['numbers', 'values'].flatMap((kind) => running.map((row) => ({ kind, ...row }))),
      ...['windows of numbers', 'windows of values'].flatMap((kind) =>
        each(share).map((row) => ({ kind, ...row })),
      ),
    ];
    const shownRows = (rows: readonly unknown[]) =>
      rows.map((row) => inspect(row, { depth: 9 })).sort();
    const inline = await runInline(zerosJob);
    expect(shownRows(inline.collected['rows']!)).toEqual(shownRows(expected));
    for (const parallelism of [1, 2, 3]) {
      const job = await run(fixture('zeros'), { parallelism });
      const { collected } = await job.finished;
      expect(shownRows(collected['rows']!)).toEqual(shownRows(expected));
    }
  });

  test('what cannot be a key is refused, with the operator and the record', async () => {
    for (const bad of [undefined, {}, Symbol('s'), new Date(Number.NaN), [1, undefined]]) {
      const error = await failureOf(
        runInline((env) => {
          env
            .from(generate((i) => i, { count: 100 }))
            .keyBy((i) => (i === 50 ? bad : i) as Key)
            .count()
            .uid('counting')
            .sinkTo(collect('counts'));
        }),
      );
      expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_KEY');
      expect(error.details).toMatchObject({ operator: 'counting', position: 'index 50' });
    }
  });
});

/** Stacks of errors made in two threads differ. */
function unstacked<T>(value: T): T {
  const record = value as { failed?: Error; all?: AggregateError; gone?: Error } | null;
  const errors = typeof record !== 'object' || record === null ? [] : [record.failed, record.all];
  for (const error of [
    ...errors,
    errors[0]?.cause,
    ...((errors[1] as AggregateError | undefined)?.errors ?? []),
  ]) {
    if (error instanceof Error) error.stack = 'here';
  }
  return value;
}

describe('records between threads', () => {
  test('come out as they went in', async () => {
    const times = 6;
    const expected = travellers().map(unstacked);
    for (const { collected } of await bothWays('travel', travelJob, { args: { times } })) {
      const rows = collected['arrived'] as { index: number; value: unknown }[];
      expect(rows).toHaveLength(expected.length * times);
      for (const { index, value } of rows) {
        expect(unstacked(value)).toStrictEqual(expected[index]);
      }
      const numbers = rows.filter(({ index }) => Object.is(expected[index], -0));
      expect(numbers.every(({ value }) => Object.is(value, -0))).toBe(true);
    }
  });

  for (const what of ['function', 'symbol']) {
    test(`a record that cannot travel (${what}) is told with operator and position`, async () => {
      const job = await run(fixture('untransferable'), { parallelism: 2, args: { what } });
      const error = await failureOf(job.finished);
      expect(error.code).toBe('ERR_HOLDFAST_UNTRANSFERABLE_RECORD');
      expect(error.message).toContain(what);
      expect(error.message).toContain('held');
      expect(error.details['operator']).toBe('makes them');
      // Records leave in batches: it may have been some time ago, and the position says how long.
      const told = String(error.details['position']);
      const [, back = 0, index] = /^(?:(\d+) records before )?index (\d+)$/.exec(told) ?? [];
      expect([20_000, 20_001]).toContain(Number(index) - Number(back));
    });
  }
});

describe('misuse', () => {
  const codeOf = (name: string): string =>
    name.includes('timestamp') ? 'ERR_HOLDFAST_NO_TIMESTAMP' : 'ERR_HOLDFAST_ASYNC_CALLBACK';

  for (const mistake of Object.keys(mistakes)) {
    test(`${mistake}: ${codeOf(mistake)}, with the operator`, async () => {
      const error = await failureOf(runInline(misuseJob, { args: { mistake } }));
      expect(error.code).toBe(codeOf(mistake));
      expect(error.details['operator']).toBe('the mistake');
      expect(error.details['position']).toBeTruthy();
    });
  }

  test('on threads it is the same error', async () => {
    for (const mistake of ['map', 'a timestamp that is none']) {
      // It may be met before all tasks run, or later.
      const running = run(fixture('misuse'), { parallelism: 2, args: { mistake } });
      const error = await failureOf(running.then((job) => job.finished));
      expect(error.code).toBe(codeOf(mistake));
      expect(error.details['operator']).toBe('the mistake');
    }
  });

  test('an async function is refused when the job is built', async () => {
    const error = await failureOf(
      runInline((env) => {
        env
          .from(generate((i) => i, { count: 10 }))
          .map((async (i: number) => i) as unknown as (i: number) => number)
          .sinkTo(collect('rows'));
      }),
    );
    expect(error.code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
    expect(error.message).toContain('map');
  });

  test('a collect sink ends at its limit', async () => {
    const tooMany = defineJob('too-many', (env) => {
      env.from(generate((i) => i, { count: 1_000_001 })).sinkTo(collect('rows'));
    });
    const error = await failureOf(runInline(tooMany));
    expect(error.code).toBe('ERR_HOLDFAST_COLLECT_LIMIT');
    expect(error.message).toContain("collect('rows')");
    expect(error.message).toContain('ndjsonFiles');
  });
});
