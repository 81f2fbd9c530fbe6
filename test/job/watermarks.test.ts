/** Watermarks that the job makes itself: the same records are late as in a plain loop, through kills and other numbers of slots. */

import { describe, expect, test } from 'vitest';
import { type JobResult, runInline, type WindowRow } from '../../dist/index.js';
import watermarks, { type Tick, tick, WINDOW_MS } from './fixtures/watermarks.job.js';
import { fixture, Meter, temporaryFolder, throughKills, throughThirds } from './kit.js';
import { run } from './run-compiled.js';

const INPUT = { count: 1_800, splits: 3 };

/** The time of a split behind each of its records, from what it has given so far. */
const SAYS: Readonly<Record<string, (given: readonly Tick[]) => number>> = {
  own: (given) => (given.map(({ t }) => t).sort((a, b) => b - a)[2] ?? -Infinity) - 1,
  punctuated: (given) =>
    given.reduce((most, { passed }) => Math.max(most, passed ?? -Infinity), -Infinity),
};

function expected(kind: string): { readonly rows: string[]; readonly late: number[] } {
  const windows = new Map<string, number>();
  const late: number[] = [];
  for (let split = 0; split < INPUT.splits; split += 1) {
    const given: Tick[] = [];
    for (let i = split; i < INPUT.count; i += INPUT.splits) {
      const one = tick(i);
      const end = (Math.floor(one.t / WINDOW_MS) + 1) * WINDOW_MS;
      const key = `${i % 3} ${end}`;
      if (SAYS[kind]!(given) >= end - 1) late.push(i);
      else windows.set(key, (windows.get(key) ?? 0) + 1);
      given.push(one);
    }
  }
  return {
    rows: [...windows].map(([key, n]) => `${key} ${n}`).sort(),
    late: late.sort((a, b) => a - b),
  };
}

function check(kind: string, { collected }: JobResult): void {
  const { rows, late } = expected(kind);
  const shown = (collected['rows'] as (WindowRow<number, object> & { n: number })[]).map(
    (row) => `${row.key} ${row.windowEnd} ${row.n}`,
  );
  expect(shown.sort()).toEqual(rows);
  const found = (collected['late'] as Tick[]).map(({ i }) => i);
  expect(found.sort((a, b) => a - b)).toEqual(late);
  expect(late.length).toBeGreaterThan(20);
}

const start = (kind: string, directory: string, parallelism: number, meter: Meter) =>
  run(fixture('watermarks'), {
    parallelism,
    checkpoint: { directory, intervalMs: 20 },
    args: { ...INPUT, kind, meter: meter.shared },
  });

describe.each(['own', 'punctuated'])('%s', (kind) => {
  test('in the calling thread', async () => {
    check(kind, await runInline(watermarks, { args: { ...INPUT, kind } }));
  });

  test('through kills', async () => {
    const meter = new Meter();
    const job = await start(kind, await temporaryFolder(), 2, meter);
    check(
      kind,
      await throughKills(job, meter, INPUT.count, [
        [0, 'terminate'],
        [1, 'exit'],
        [1, 'throw'],
      ]),
    );
  });

  test('in other numbers of slots', async () => {
    const directory = await temporaryFolder();
    const begin = (parallelism: number, meter: Meter) => start(kind, directory, parallelism, meter);
    check(kind, await throughThirds(INPUT.count, begin, true));
  });
});
