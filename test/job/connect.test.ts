/** Connected streams on threads, through kills: what a plain computation gives, at every parallelism. */

import { describe, expect, test } from 'vitest';
import { type JobResult, runInline } from '../../dist/index.js';
import connectedJob, { type Row, shopOf, timeOf, WINDOW_MS } from './fixtures/connect.job.js';
import { fixture, type Kill, Meter, temporaryFolder, throughKills } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 4_000;
const ids = Array.from({ length: COUNT }, (_, id) => id);

const sideOf = (id: number) => (id % 2 === 0 ? 'order' : 'refund');

interface WindowRow {
  readonly key: readonly [string, string];
  readonly windowStart: number;
  readonly records: number;
}

function check({ collected }: JobResult): void {
  const keyed = collected['keyed'] as readonly Row[];
  const byId = keyed.toSorted((a, b) => a.id - b.id);
  expect(byId).toEqual(
    ids.map((id) => ({ side: sideOf(id), shop: shopOf(id), id, time: timeOf(id) })),
  );
  const newest = new Map<string, number>();
  for (const { side, shop, id } of keyed) {
    // Of each input a key's records keep their order.
    expect(newest.get(`${side} ${shop}`) ?? -1, `${side} ${id}`).toBeLessThan(id);
    newest.set(`${side} ${shop}`, id);
  }
  const windows = new Map<string, number>();
  for (const id of ids) {
    const start = Math.floor(timeOf(id) / WINDOW_MS) * WINDOW_MS;
    const name = `${sideOf(id)} ${shopOf(id)} ${start}`;
    windows.set(name, (windows.get(name) ?? 0) + 1);
  }
  const shown = (collected['windows'] as readonly WindowRow[]).map(
    ({ key, windowStart, records }) => `${key.join(' ')} ${windowStart}: ${records}`,
  );
  expect(shown.sort()).toEqual([...windows].map(([name, records]) => `${name}: ${records}`).sort());
  const orders = ids.filter((id) => sideOf(id) === 'order');
  expect((collected['plain'] as string[]).toSorted()).toEqual(
    ids
      .flatMap((id) =>
        sideOf(id) === 'order' ? [1, 2, 3].map((n) => `order ${id}, ${n}`) : [`refund ${id}`],
      )
      .sort(),
  );
  expect((collected['self'] as string[]).toSorted()).toEqual(
    orders.flatMap((id) => [`left ${id}`, `right ${id}`]).sort(),
  );
}

describe('connected streams', () => {
  test('in the calling thread', async () => {
    check(await runInline(connectedJob, { args: { count: COUNT } }));
  });

  test.each<{ parallelism: number; alignment: 'aligned' | 'unaligned'; kills: readonly Kill[] }>([
    { parallelism: 1, alignment: 'aligned', kills: [[0, 'terminate']] },
    {
      parallelism: 2,
      alignment: 'unaligned',
      kills: [
        [1, 'throw'],
        [0, 'exit'],
      ],
    },
    {
      parallelism: 3,
      alignment: 'unaligned',
      kills: [
        [2, 'terminate'],
        [0, 'throw'],
      ],
    },
  ])(
    'through kills, $alignment, on $parallelism slots',
    async ({ parallelism, alignment, kills }) => {
      const meter = new Meter();
      const job = await run(fixture('connect'), {
        parallelism,
        checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000, alignment },
        channel: { capacityBytes: 2_048 },
        args: { meter: meter.shared, count: COUNT },
      });
      check(await throughKills(job, meter, COUNT, kills));
    },
  );
});
