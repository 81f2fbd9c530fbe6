/** Splits that do not stand at the same time, in the calling thread: the same as over threads. */

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  count,
  type DataStream,
  fromCollection,
  generate,
  type JobDefinition,
  runInline,
  type Source,
  type StreamEnvironment,
  tumbling,
} from '../../dist/index.js';
import { metered } from './fixtures/metered-source.js';
import splitsJob from './fixtures/splits.job.js';
import { Meter, temporaryFolder, until } from './kit.js';

const DAY_MS = 86_400_000;

test('unbounded splits are read side by side', async () => {
  const { collected } = await runInline((env) => {
    env.from(generate((i) => i, { splits: 3, ratePerSecond: 3_000, count: 900 })).collect('rows');
  });
  const rows = collected['rows'] as number[];
  expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 900 }, (_, i) => i));
  const places = (split: number) => rows.flatMap((i, at) => (i % 3 === split ? [at] : []));
  // Each begins before any of them is through.
  const begins = [0, 1, 2].map((split) => places(split)[0]!);
  const ends = [0, 1, 2].map((split) => places(split).at(-1)!);
  expect(Math.max(...begins)).toBeLessThan(Math.min(...ends));
});

test('files that each hold all of the time give all rows, none late', async () => {
  const folder = await temporaryFolder();
  const files = await Promise.all(
    [0, 1, 2, 3].map(async (shop) => {
      const path = join(folder, `${shop}.ndjson`);
      const lines = Array.from({ length: 300 }, (_, i) => {
        const t = Math.floor(i / 10) * DAY_MS + (i % 10) * 1_000;
        return `{"shop":"shop-${shop}","t":${t}}\n`;
      });
      await writeFile(path, lines.join(''));
      return path;
    }),
  );
  const { collected, counters } = await runInline(splitsJob as JobDefinition, {
    args: { variant: 'files', files },
  });
  const rows = collected['rows'] as { n: number }[];
  expect(rows).toHaveLength(120);
  expect(rows.every(({ n }) => n === 10)).toBe(true);
  expect(counters['lateRecords'] ?? 0).toBe(0);
});

/** One record of a late time, then nothing more; or nothing at all. */
function resting(records: number): Source<{ t: number }> {
  return {
    kind: 'resting',
    splits: async () => [{ id: 'resting' }],
    open: async (_split, position) => {
      let next = (position as number | undefined) ?? 0;
      return {
        poll() {
          if (next >= records) return new Promise<never>(() => {});
          next += 1;
          return { records: [{ t: 1e9 }] };
        },
        position: () => next,
        describe: () => 'the only record',
        close() {},
      };
    },
  };
}

describe('an input that gives nothing more', () => {
  interface Life {
    readonly records: number;
    readonly idleAfterMs?: number;
    /** Of the input that goes on. */
    readonly maxDriftMs?: number;
    readonly filter?: boolean;
    readonly directory: string;
    readonly meter: Meter;
    readonly rows: unknown[];
    readonly signal: AbortSignal;
  }

  function build(env: StreamEnvironment, life: Life): void {
    const going = metered((i) => ({ t: i * 100 }), { meter: life.meter.shared, count: 1e9 });
    const quiet: DataStream<{ t: number }> =
      life.filter === true
        ? env
            .from(generate((i) => ({ t: i }), { ratePerSecond: 1_000 }))
            .uid('quiet')
            .filter(() => false)
        : env.from(resting(life.records)).uid('quiet');
    const options = life.idleAfterMs === undefined ? {} : { idleAfterMs: life.idleAfterMs };
    quiet
      .withTimestamps(({ t }) => t, options)
      .union(
        env
          .from(going)
          .uid('going')
          .withTimestamps(({ t }) => t, { maxDriftMs: life.maxDriftMs }),
      )
      .keyBy(({ t }) => Math.floor(t / 100) % 5)
      .window(tumbling(1_000))
      .aggregate({ n: count() })
      .uid('windows')
      .map((row) => {
        life.rows.push(row);
        return row;
      })
      .collect('rows');
  }

  /** Until it was cancelled. */
  async function lives(life: Life, act: () => Promise<void>, stop: () => void): Promise<void> {
    const ended = runInline((env) => build(env, life), {
      checkpoint: { directory: life.directory, intervalMs: 10 },
      signal: life.signal,
    });
    // What fails it is told by `until` of nobody: here.
    let failure: unknown;
    const over = ended.catch((error: unknown) => {
      failure = error;
    });
    await Promise.race([
      act(),
      over.then(() => {
        throw failure;
      }),
    ]);
    stop();
    await over;
    expect(failure).toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
  }

  test.each<[string, Pick<Life, 'records' | 'idleAfterMs' | 'maxDriftMs' | 'filter'>]>([
    ['that rests at a late time', { records: 1 }],
    ['that never spoke, and is idle', { records: 0, idleAfterMs: 30 }],
    ['whose records are all filtered, and is idle', { records: 0, idleAfterMs: 30, filter: true }],
    [
      'that never spoke, and is idle, with the other bound to it by drift',
      { records: 0, idleAfterMs: 30, maxDriftMs: 1_000 },
    ],
  ])('holds no window back, before and after a restart: one %s', async (_, kind) => {
    const directory = await temporaryFolder();
    const meter = new Meter(400);
    const manifests = () =>
      readdir(join(directory, 'manifests')).then(
        (names) => names.sort().at(-1),
        () => undefined,
      );
    for (const [allowed, wanted] of [
      [400, 100],
      [1_000, 200],
    ] as const) {
      meter.raise(allowed);
      const rows: unknown[] = [];
      const controller = new AbortController();
      const life = { ...kind, directory, meter, rows, signal: controller.signal };
      const act = async (): Promise<void> => {
        await until(() => rows.length > wanted);
        const before = await manifests();
        // A checkpoint that knows of all this.
        while ((await manifests()) === before)
          await new Promise((resolve) => setImmediate(resolve));
      };
      await lives(life, act, () => controller.abort());
    }
  });
});

test.each([
  [
    'in the source’s own chain',
    (quiet: DataStream<{ t: number }>) => quiet,
    { operator: 'quiet', split: 'resting' },
    /event time waits for split 'resting' of source 'quiet'.*idleAfterMs/,
  ],
  [
    'behind an exchange',
    (quiet: DataStream<{ t: number }>) => quiet.rebalance(),
    { operator: 'times', split: undefined },
    /event time waits for records of 'quiet' at withTimestamps 'times' \(instance 0\).*idleAfterMs/,
  ],
])(
  'who holds time back for 10 s is named in the log, with what helps: %s',
  async (_, way, held, text) => {
    const controller = new AbortController();
    const told: unknown[][] = [];
    const silent = (): void => {};
    const warn = (...given: unknown[]): void => {
      // Times behind an exchange have a warning of their own, at the start.
      if (!String(given[1]).includes('event time waits')) return;
      told.push(given);
      controller.abort();
    };
    const meter = new Meter(1_000);
    const ended = runInline(
      (env) => {
        way(env.from(resting(0)).uid('quiet'))
          .withTimestamps(({ t }) => t)
          .uid('times')
          .union(
            env
              .from(metered((i) => ({ t: i * 100 }), { meter: meter.shared, count: 1e9 }))
              .uid('going')
              .withTimestamps(({ t }) => t),
          )
          .keyBy(({ t }) => t % 5)
          .window(tumbling(1_000))
          .aggregate({ n: count() })
          .collect('rows');
      },
      { signal: controller.signal, logger: { debug: silent, info: silent, warn, error: silent } },
    );
    await expect(ended).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    expect(told).toEqual([
      [
        expect.objectContaining({ ...held, sources: ['quiet'], timeMs: undefined }),
        expect.stringMatching(text),
      ],
    ]);
    expect((told[0]![0] as { heldMs: number }).heldMs).toBeGreaterThanOrEqual(10_000);
  },
);

test('splits that never spoke are idle, too, when more are there than may be open', async () => {
  const controller = new AbortController();
  const meter = new Meter(400);
  const going = metered((i) => ({ t: i * 100 }), { meter: meter.shared, count: 1e9 });
  const silent = resting(0);
  const rows: unknown[] = [];
  const ended = runInline(
    (env) => {
      env
        .from<{ t: number }>({
          kind: 'mostly silent',
          splits: async () => [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'going', first: 0 }],
          open: (split, position, context) =>
            (split.id === 'going' ? going : silent).open(split, position, context),
        })
        .withTimestamps(({ t }) => t, { idleAfterMs: 300 })
        .keyBy(({ t }) => Math.floor(t / 100) % 5)
        .window(tumbling(1_000))
        .aggregate({ n: count() })
        .map((row) => {
          rows.push(row);
          return row;
        })
        .collect('rows');
    },
    { signal: controller.signal, maxOpenSplits: 1 },
  );
  const canceled = expect(ended).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
  await until(() => rows.length > 100);
  controller.abort();
  await canceled;
});

test('a class in the records is what it is also when it is found out where a split begins', async () => {
  class Reading {
    readonly t: number;
    constructor(t: number) {
      this.t = t;
    }
  }
  // Sixteen splits, that follow each other in time.
  const readings = Array.from({ length: 4_800 }, (_, i) => new Reading(i));
  const { collected, counters } = await runInline((env) => {
    env
      .from(fromCollection<unknown>(readings))
      .map((reading) => ({ t: reading instanceof Reading ? reading.t : 1e12 }))
      .withTimestamps(({ t }) => t)
      .keyBy(() => 'all')
      .window(tumbling(100))
      .aggregate({ n: count() })
      .collect('rows');
  });
  expect((collected['rows'] as { n: number }[]).map(({ n }) => n)).toEqual(Array(48).fill(100));
  expect(counters['lateRecords'] ?? 0).toBe(0);
});
