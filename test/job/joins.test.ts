/** Joins on threads, through kills and changes of parallelism: what a plain loop over the rows gives. */

import { expect, test } from 'vitest';
import { runInline } from '../../dist/index.js';
import joins, {
  LOWER_MS,
  OUT_OF_ORDERNESS_MS,
  pair,
  type Row,
  rowOf,
  TABLE,
  TTL_MS,
  UPPER_MS,
  WINDOW_MS,
} from './fixtures/joins.job.js';
import { fixture, type Meter, temporaryFolder, throughThirds } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 2_400;

interface Come extends Row {
  /** The time that its split had just before it. */
  readonly splitMs: number;
}

const comers: readonly Come[] = (['left', 'right'] as const).flatMap((side) => {
  let splitMs = Number.NEGATIVE_INFINITY;
  return Array.from({ length: COUNT / 2 }, (_, i) => {
    const row = rowOf(2 * i + (side === 'left' ? 0 : 1));
    const come = { ...row, splitMs };
    splitMs = Math.max(splitMs, row.time - OUT_OF_ORDERNESS_MS - 1);
    return come;
  });
});

const startOf = ({ time }: Row) => Math.floor(time / WINDOW_MS) * WINDOW_MS;

function expected(): Readonly<Record<string, readonly unknown[]>> {
  const onTime = (closes: (row: Row) => number) => {
    const there = comers.filter((row) => row.splitMs < closes(row));
    const of = (wanted: Row['side']) => there.filter(({ side }) => side === wanted);
    return [of('left'), of('right')] as const;
  };
  const [lefts, rights] = onTime(({ time }) => time);
  const isNear = (l: Row, r: Row) =>
    l.k === r.k && r.time - l.time >= LOWER_MS && r.time - l.time <= UPPER_MS;
  const pairs = (of: readonly [readonly Come[], readonly Come[]], meet: typeof isNear) =>
    of[0].flatMap((l) => of[1].filter((r) => meet(l, r)).map((r) => pair(l, r)));
  const windowed = onTime((row) => startOf(row) + WINDOW_MS - 1);
  const together = (l: Row, r: Row) => l.k === r.k && startOf(l) === startOf(r);
  const groups = new Map<string, [number, number]>();
  for (const row of windowed.flat()) {
    const name = `${row.k} ${startOf(row)}`;
    const group = groups.get(name) ?? [0, 0];
    groups.set(name, group);
    group[row.side === 'left' ? 0 : 1] += 1;
  }
  const versions = comers.filter(({ side }) => side === 'right');
  return {
    near: [
      ...pairs([lefts, rights], isNear),
      ...lefts.filter((l) => !rights.some((r) => isNear(l, r))).map((l) => pair(l, null)),
      ...rights.filter((r) => !lefts.some((l) => isNear(l, r))).map((r) => pair(null, r)),
    ],
    late: comers.filter(({ time, splitMs }) => splitMs >= time).map(({ id }) => id),
    windows: [
      ...pairs(windowed, together),
      ...windowed[0]
        .filter((l) => !windowed[1].some((r) => together(l, r)))
        .map((l) => pair(l, null)),
    ],
    groups: [...groups].map(([name, [l, r]]) => `${name}: ${l}, ${r}`),
    latest: lefts.map((l) => {
      let found: Row | null = null;
      for (const r of versions) {
        const isThere =
          r.k === l.k && r.time <= l.time && (r.splitMs < r.time || r.splitMs < l.time);
        if (isThere && (found === null || r.time >= found.time)) found = r;
      }
      return pair(l, found);
    }),
    lookedUp: comers
      .filter(({ side }) => side === 'left')
      .flatMap(({ id, k }) => {
        const found = TABLE.filter((one) => one.k === k).map(({ name }) => name);
        return (found.length === 0 ? ['none'] : found).map((name) => `${id}: ${name}`);
      }),
    soon: pairs([lefts, rights], (l, r) => l.k === r.k && Math.abs(l.time - r.time) < TTL_MS),
    all: comers
      .filter(({ side }) => side === 'left')
      .flatMap((l) =>
        versions
          .filter((r) => l.k === r.k && r.id > l.id && r.id < l.id + 500)
          .map((r) => pair(l, r)),
      ),
  };
}

const EXPECTED = Object.fromEntries(
  Object.entries(expected()).map(([name, rows]) => [name, rows.map(String).sort()]),
);

function requireRight(collected: Readonly<Record<string, readonly unknown[]>>): void {
  for (const [name, rows] of Object.entries(EXPECTED)) {
    expect(collected[name]!.map(String).sort(), name).toEqual(rows);
  }
}

test('there is something of everything', () => {
  for (const [name, rows] of Object.entries(EXPECTED))
    expect(rows.length, name).toBeGreaterThan(50);
  expect(EXPECTED['near']!.filter((row) => row.includes('null')).length).toBeGreaterThan(50);
});

test('in the calling thread', async () => {
  requireRight((await runInline(joins, { args: { count: COUNT } })).collected);
});

test.each(['aligned', 'unaligned'] as const)(
  'through kills, with other slots for each third of the input: %s',
  async (alignment) => {
    const directory = await temporaryFolder();
    const start = (parallelism: number, meter: Meter) =>
      run(fixture('joins'), {
        parallelism,
        checkpoint: { directory, intervalMs: 3_600_000, alignment },
        channel: { capacityBytes: 2_048 },
        args: { count: COUNT, meter: meter.shared },
      });
    requireRight((await throughThirds(COUNT, start, true)).collected);
  },
);
