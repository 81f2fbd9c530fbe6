/**
 * Splits that rest, or that may not be read yet, keep no other from being read, and time waits for none of them
 * that need not be waited for. Without that these jobs never end.
 */

import { describe, expect, test } from 'vitest';
import { count, type DataStream, runInline, type Source, tumbling } from '../../dist/index.js';

interface Reading {
  readonly t: number;
}

interface Given {
  readonly bounded?: boolean;
  /** Times of its records, a batch for each. */
  readonly times: readonly number[];
  /** Ahead of its end it rests until that settles. */
  readonly rests?: Promise<void>;
  readonly fails?: boolean;
}

const source = (kind: string, splits: readonly Given[]): Source<Reading> => ({
  kind,
  splits: async () => splits.map(({ bounded }, n) => ({ id: `split ${n}`, n, bounded })),
  open: async ({ n }, position) => {
    const { times, rests, fails } = splits[n as number]!;
    let next = (position as number | undefined) ?? 0;
    let start = next;
    return {
      poll: () => {
        if (fails) throw new Error('it cannot be read');
        start = next;
        if (next === times.length) return rests?.then(() => undefined);
        next += 1;
        return { records: [{ t: times[next - 1]! }] };
      },
      position: (taken) => start + taken,
      describe: (index) => `record ${start + index}`,
      close: () => {},
    };
  },
});

/** Settles when the first row passes. */
function firstRow() {
  let tell: () => void = () => {};
  const came = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const watch = <T>(rows: DataStream<T>): DataStream<T> =>
    rows.filter(() => {
      tell();
      return true;
    });
  return { came, watch };
}

const perTen = (readings: DataStream<Reading>) =>
  readings
    .keyBy(() => 'all')
    .window(tumbling(10))
    .aggregate({ n: count() });

const ofTime = ({ t }: Reading): number => t;
const GOING = Array.from({ length: 40 }, (_, i) => i);
const LATER = Array.from({ length: 3 }, (_, i) => 1_000 + i);

describe('a source that is idle', () => {
  const idle = { idleAfterMs: 20 };

  test.each<[string, (silent: DataStream<Reading>) => DataStream<Reading>]>([
    [
      'at times that put records aside',
      (silent) => silent.withTimestamps(ofTime, idle).onError('drop'),
    ],
    [
      'ahead of an operator that does',
      (silent) =>
        silent
          .withTimestamps(ofTime, idle)
          .map((reading) => reading)
          .onError('drop'),
    ],
  ])('does not hold time back %s', async (_, timed) => {
    const { came, watch } = firstRow();
    const { collected } = await runInline((env) => {
      const silent = timed(env.from(source('silent', [{ times: [], rests: came }])));
      const going = env
        .from(source('going', [{ times: GOING, rests: came }]))
        .withTimestamps(ofTime);
      watch(perTen(silent.union(going))).collect('rows');
    });
    expect(collected['rows']).toHaveLength(4);
  });

  test('does not hold up a source that may only be read a little ahead of it', async () => {
    const { came, watch } = firstRow();
    const { collected } = await runInline((env) => {
      const silent = env
        .from(source('silent', [{ times: [], rests: came }]))
        .withTimestamps(ofTime, idle);
      const going = env
        .from(source('going', [{ times: GOING, rests: came }]))
        .withTimestamps(ofTime, { maxDriftMs: 5 });
      watch(perTen(silent.union(going))).collect('rows');
    });
    expect(collected['rows']).toHaveLength(4);
  });
});

test('who never spoke does not keep the time of what was read beside it and has ended', async () => {
  const beside = firstRow();
  const all = firstRow();
  const { collected } = await runInline((env) => {
    const timed = (kind: string, split: Given, idleAfterMs: number) =>
      env.from(source(kind, [split])).withTimestamps(ofTime, { idleAfterMs });
    // It ends when its time has come through: by then the silent one is idle, and the other one has long been.
    const ended = timed('ended', { times: [0, 5, 15], rests: beside.came }, 1_000);
    const silent = timed('silent', { times: [], rests: all.came }, 60);
    const both = ended.union(silent).filter(() => true);
    beside.watch(perTen(both)).collect('beside');
    const resting = timed('resting', { times: GOING, rests: all.came }, 1);
    const rows = perTen(both.union(resting));
    all.watch(rows.filter(({ windowStart }) => windowStart === 20)).collect('rows');
  });
  expect(collected['rows']).toHaveLength(1);
});

test('a split falls idle beside one whose records may not be read yet', async () => {
  const { came, watch } = firstRow();
  const bound = { idleAfterMs: 20, maxDriftMs: 100 };
  const { collected } = await runInline((env) => {
    const splits = [{ times: [], rests: came }, { times: [0, 500, 1_000] }];
    const one = env.from(source('one', splits)).withTimestamps(ofTime, bound);
    const other = env.from(source('other', [{ times: [0, 200, 600] }]));
    const union = one.union(other.withTimestamps(ofTime, bound));
    watch(union.filter(({ t }) => t === 1_000)).collect('rows');
  });
  expect(collected['rows']).toHaveLength(1);
});

describe('with few open readers', () => {
  test.each([1, 2])('unbounded splits that rest leave some to bounded ones: %i', async (max) => {
    const { came, watch } = firstRow();
    const resting = { times: [0], rests: came };
    const bounded = { bounded: true, times: GOING };
    const { collected } = await runInline(
      (env) => {
        const readings = env
          .from(source('mixed', [resting, resting, bounded, bounded]))
          .withTimestamps(ofTime);
        watch(readings.filter(({ t }) => t > 0)).collect('rows');
      },
      { maxOpenSplits: max },
    );
    expect(collected['rows']).toHaveLength(2 * (GOING.length - 1));
  });

  test('splits that may not be read yet make room for the one that others wait for', async () => {
    const drift = { maxDriftMs: 100 };
    const { collected } = await runInline(
      (env) => {
        const later = { times: LATER };
        const splits = env.from(source('later', [later, later, { times: GOING }]));
        const other = env.from(source('other', [{ times: GOING }])).withTimestamps(ofTime, drift);
        splits.withTimestamps(ofTime, drift).union(other).collect('rows');
      },
      { maxOpenSplits: 2 },
    );
    expect(collected['rows']).toHaveLength(2 * GOING.length + 2 * LATER.length);
  });

  test('a bounded split that cannot be read fails the job before others are looked at', async () => {
    const splits = [
      { bounded: true, times: [], fails: true },
      { bounded: true, times: GOING },
    ];
    const job = runInline(
      (env) => {
        env.from(source('bounded', splits)).withTimestamps(ofTime).collect('rows');
      },
      { maxOpenSplits: 1 },
    );
    await expect(job).rejects.toThrow('it cannot be read');
  });

  test('bounded splits are read in order of time, also one at a time', async () => {
    const { collected } = await runInline(
      (env) => {
        const splits = [
          { bounded: true, times: [0, 20, 40] },
          { bounded: true, times: [10, 30, 50] },
        ];
        env.from(source('bounded', splits)).withTimestamps(ofTime).collect('rows');
      },
      { maxOpenSplits: 1 },
    );
    // A split goes on until it stands past the other.
    expect(collected['rows']!.map((row) => ofTime(row as Reading))).toEqual([
      0, 20, 10, 30, 40, 50,
    ]);
  });
});
