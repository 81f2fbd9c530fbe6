/** joinLatest of a changelog on threads, through kills and changes of parallelism: what a plain loop gives. */

import { expect, test } from 'vitest';
import { runInline } from '../../dist/index.js';
import joinChanges, { isDeletion } from './fixtures/join-changes.job.js';
import { OUT_OF_ORDERNESS_MS, pair, type Row, rowOf } from './fixtures/joins.job.js';
import { fixture, type Meter, temporaryFolder, throughThirds } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 2_400;

interface Come {
  readonly row: Row;
  /** The time that its split had just before it. */
  readonly splitMs: number;
}

function half(first: 0 | 1): readonly Come[] {
  let splitMs = Number.NEGATIVE_INFINITY;
  return Array.from({ length: COUNT / 2 }, (_, i) => {
    const come = { row: rowOf(2 * i + first), splitMs };
    splitMs = Math.max(splitMs, come.row.time - OUT_OF_ORDERNESS_MS - 1);
    return come;
  });
}

/** A row that the table has had, and how it came and went. */
interface Stay {
  readonly came: Come;
  went: Come | undefined;
}

function expected(): readonly string[] {
  const stays: Stay[] = [];
  const present = new Map<number, Stay>();
  for (const come of half(1)) {
    const { k } = come.row;
    const before = present.get(k);
    if (before !== undefined) before.went = come;
    present.delete(k);
    if (isDeletion(come.row)) continue;
    const stay = { came: come, went: undefined };
    stays.push(stay);
    present.set(k, stay);
  }
  return half(0).flatMap(({ row: left, splitMs }) => {
    if (splitMs >= left.time) return [];
    const isInForce = ({ row, splitMs: behind }: Come) =>
      row.time <= left.time && (behind < row.time || behind < left.time);
    const there = stays
      .filter(({ came }) => came.row.k === left.k && isInForce(came))
      .filter(({ went }) => went === undefined || !isInForce(went))
      .sort((a, b) => a.came.row.time - b.came.row.time);
    return [pair(left, there.at(-1)?.came.row ?? null)];
  });
}

const EXPECTED = [...expected()].sort();

test('some rows find one, and some find that it is gone', () => {
  const nobody = EXPECTED.filter((one) => one.endsWith('null'));
  expect(nobody.length).toBeGreaterThan(50);
  expect(EXPECTED.length - nobody.length).toBeGreaterThan(50);
});

test('in the calling thread', async () => {
  const { collected } = await runInline(joinChanges, { args: { count: COUNT } });
  expect(collected['latest']!.map(String).sort()).toEqual(EXPECTED);
});

test.each(['aligned', 'unaligned'] as const)(
  'through kills, with other slots for each third of the input: %s',
  async (alignment) => {
    const directory = await temporaryFolder();
    const start = (parallelism: number, meter: Meter) =>
      run(fixture('join-changes'), {
        parallelism,
        checkpoint: { directory, intervalMs: 3_600_000, alignment },
        channel: { capacityBytes: 2_048 },
        args: { count: COUNT, meter: meter.shared },
      });
    const { collected } = await throughThirds(COUNT, start, true);
    expect(collected['latest']!.map(String).sort()).toEqual(EXPECTED);
  },
);
