/** Changelogs: tables are those of a plain loop, whatever the slots, kills and restores. */

import { describe, expect, test } from 'vitest';
import { runInline } from '../../dist/index.js';
import changes, { bucket, sale } from './fixtures/changes.job.js';
import {
  type Kill,
  Meter,
  startMetered,
  temporaryFolder,
  throughKills,
  throughThirds,
} from './kit.js';

const COUNT = 1_800;
const INPUT = { count: COUNT, splits: 3 };

const KILLS: readonly Kill[] = [
  [0, 'terminate'],
  [1, 'throw'],
  [1, 'exit'],
  [0, 'terminate'],
];

interface Shop {
  readonly key: string;
  readonly sales: number;
  readonly most: number;
}

function expectedTables(): { readonly groups: readonly object[]; readonly top: readonly object[] } {
  const shops = new Map<string, Shop>();
  for (let i = 0; i < COUNT; i += 1) {
    const { shop, cents } = sale(i);
    const { sales, most } = shops.get(shop) ?? { sales: 0, most: cents };
    shops.set(shop, { key: shop, sales: sales + 1, most: Math.max(most, cents) });
  }
  const groups = new Map<number, Shop[]>();
  for (const shop of shops.values()) {
    const key = bucket(shop.sales);
    groups.set(key, [...(groups.get(key) ?? []), shop]);
  }
  return {
    groups: [...groups].map(([key, rows]) => ({
      key,
      shops: rows.length,
      sales: rows.reduce((total, row) => total + row.sales, 0),
      most: Math.max(...rows.map((row) => row.most)),
      mean: expect.closeTo(rows.reduce((total, row) => total + row.most, 0) / rows.length, 9),
    })),
    top: [...shops.values()]
      .filter(({ sales }) => sales % 2 === 0)
      .sort((a, b) => b.most - a.most || (a.key < b.key ? -1 : 1))
      .slice(0, 5)
      .map((row, i) => ({ ...row, rank: i + 1 })),
  };
}

const EXPECTED = expectedTables();

type Collected = Readonly<Record<string, readonly unknown[]>>;

function requireRight(collected: Collected): void {
  const by = (name: string, field: string) =>
    [...(collected[name] as Readonly<Record<string, number>>[])].sort(
      (a, b) => a[field]! - b[field]!,
    );
  const groups = [...EXPECTED.groups] as { key: number }[];
  expect(by('groups', 'key')).toEqual(groups.sort((a, b) => a.key - b.key));
  expect(by('top', 'rank')).toEqual(EXPECTED.top);
}

describe('groups of shops, and the five with the greatest sale', () => {
  test('are right in the calling thread', async () => {
    const { collected } = await runInline(changes, { args: INPUT });
    requireRight(collected);
    expect(EXPECTED.groups.length).toBeGreaterThan(1);
    expect(EXPECTED.top).toHaveLength(5);
  });

  test('are right through kills', async () => {
    const meter = new Meter();
    const job = await startMetered('changes', INPUT, await temporaryFolder(), 2, meter);
    const { collected } = await throughKills(job, meter, COUNT, KILLS);
    requireRight(collected);
  });

  test.each(['aligned', 'unaligned'] as const)(
    'are right when each third of the input has other slots: %s',
    async (alignment) => {
      const directory = await temporaryFolder();
      const checkpoint = { intervalMs: 3_600_000, alignment };
      const { collected } = await throughThirds(COUNT, (parallelism, meter) =>
        startMetered('changes', INPUT, directory, parallelism, meter, checkpoint),
      );
      requireRight(collected);
    },
  );
});
