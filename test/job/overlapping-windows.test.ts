/** Windows that overlap, on threads: the rows are those of a plain loop, whatever the slots, kills and restores. */

import { expect, test } from 'vitest';
import { runInline } from '../../dist/index.js';
import sliding, { reading, SIZE_MS, SLIDE_MS, STEP_MS } from './fixtures/sliding.job.js';
import {
  type Kill,
  Meter,
  startMetered,
  temporaryFolder,
  throughKills,
  throughThirds,
} from './kit.js';

const COUNT = 6_000;
const SPLITS = 3;
const INPUT = { count: COUNT, splits: SPLITS };
const DISORDER_MS = 30_000;

interface Bounds {
  readonly start: number;
  readonly end: number;
}

const slidingOf = (time: number): Bounds[] => {
  const found: Bounds[] = [];
  for (let start = time - (time % SLIDE_MS); start + SIZE_MS > time; start -= SLIDE_MS) {
    found.push({ start, end: start + SIZE_MS });
  }
  return found;
};

const cumulativeOf = (time: number): Bounds[] => {
  const start = time - (time % SIZE_MS);
  const ends = Array.from({ length: SIZE_MS / STEP_MS }, (_, i) => start + (i + 1) * STEP_MS);
  return ends.filter((end) => end > time).map((end) => ({ start, end }));
};

/** A record is late for a window that ends before the time that its own split had just before it. */
function expectedRows(windowsOf: (time: number) => Bounds[]) {
  const rows = new Map<string, number[]>();
  const highest = new Array<number>(SPLITS).fill(Number.NEGATIVE_INFINITY);
  const late: number[] = [];
  let partly = 0;
  for (let i = 0; i < COUNT; i += 1) {
    const { sensor, time, value } = reading(i);
    const passed = highest[i % SPLITS]! - DISORDER_MS - 1;
    highest[i % SPLITS] = Math.max(highest[i % SPLITS]!, time);
    const all = windowsOf(time);
    const open = all.filter(({ end }) => end - 1 > passed);
    if (open.length === 0) late.push(time);
    else if (open.length < all.length) partly += 1;
    for (const { start, end } of open) {
      const name = `${sensor} ${start} ${end}`;
      rows.set(name, [...(rows.get(name) ?? []), value]);
    }
  }
  return { rows, late, partly };
}

const MOVING = expectedRows(slidingOf);
const GROWING = expectedRows(cumulativeOf);
const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

type Collected = Readonly<Record<string, readonly unknown[]>>;

function requireRight(collected: Collected, counters: Readonly<Record<string, number>>): void {
  const texts = (name: string) =>
    (collected[name] as Readonly<Record<string, unknown>>[])
      .map(({ key, windowStart, windowEnd, ...answers }) =>
        [key, windowStart, windowEnd, ...Object.values(answers)].join(' '),
      )
      .sort();
  expect(texts('moving')).toEqual(
    [...MOVING.rows]
      .map(([name, all]) => `${name} ${all.length} ${total(all)} ${Math.max(...all)}`)
      .sort(),
  );
  expect(texts('growing')).toEqual(
    [...GROWING.rows].map(([name, all]) => `${name} ${all.length} ${total(all)}`).sort(),
  );
  const late = (collected['late'] as { time: number }[]).map(({ time }) => time);
  expect(late.sort()).toEqual(MOVING.late.toSorted());
  expect(counters).toMatchObject({
    lateRecords: GROWING.late.length,
    partlyLateRecords: MOVING.partly + GROWING.partly,
  });
}

const KILLS: readonly Kill[] = [
  [0, 'terminate'],
  [1, 'throw'],
  [1, 'exit'],
];

test('some are late, and some for their first windows only', () => {
  expect(MOVING.late.length + GROWING.late.length).toBeGreaterThan(5);
  expect(MOVING.partly).toBeGreaterThan(20);
});

test('in the calling thread', async () => {
  const { collected, counters } = await runInline(sliding, { args: INPUT });
  requireRight(collected, counters);
});

test('through kills', async () => {
  const meter = new Meter();
  const job = await startMetered('sliding', INPUT, await temporaryFolder(), 2, meter);
  const { collected, counters } = await throughKills(job, meter, COUNT, KILLS);
  requireRight(collected, counters);
});

test('when each third of the input has other slots', async () => {
  const directory = await temporaryFolder();
  const checkpoint = { intervalMs: 3_600_000, alignment: 'unaligned' };
  const { collected, counters } = await throughThirds(COUNT, (parallelism, meter) =>
    startMetered('sliding', INPUT, directory, parallelism, meter, checkpoint),
  );
  requireRight(collected, counters);
});
