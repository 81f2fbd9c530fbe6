/** State, timers and side outputs of connected streams, and broadcast state: on threads, through kills and rescales. */

import { expect, test } from 'vitest';
import { runInline } from '../../dist/index.js';
import { shopOf } from './fixtures/connect.job.js';
import connectState, { isPaid, RULES, type Told } from './fixtures/connect-state.job.js';
import { fixture, type Meter, temporaryFolder, throughThirds } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 3_000;
const orders = Array.from({ length: COUNT / 2 }, (_, i) => 2 * i);

function requireRight(collected: Readonly<Record<string, readonly unknown[]>>): void {
  const numbers = (a: number, b: number) => a - b;
  expect((collected['paid'] as string[]).toSorted()).toEqual(
    orders
      .filter(isPaid)
      .map((id) => `${id} ${id + 1}`)
      .sort(),
  );
  expect((collected['unpaid'] as number[]).toSorted(numbers)).toEqual(
    orders.filter((id) => !isPaid(id)),
  );
  const sums = new Map<number, number>();
  const shops = new Map<string, number>();
  for (const id of orders) {
    sums.set((id + 1) % RULES, (sums.get((id + 1) % RULES) ?? 0) + id + 1);
    shops.set(shopOf(id), (shops.get(shopOf(id)) ?? 0) + 1);
  }
  const rules = JSON.stringify([...sums].sort(([a], [b]) => a - b));
  const told = (collected['told'] as Told[]).toSorted((a, b) => (a.shop < b.shop ? -1 : 1));
  expect(told).toEqual(
    [...shops]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([shop, n]) => ({ shop, orders: n, rules })),
  );
}

test('in the calling thread', async () => {
  requireRight((await runInline(connectState, { args: { count: COUNT } })).collected);
});

test.each(['aligned', 'unaligned'] as const)(
  'through kills, with other slots for each third of the input: %s',
  async (alignment) => {
    const directory = await temporaryFolder();
    const start = (parallelism: number, meter: Meter) =>
      run(fixture('connect-state'), {
        parallelism,
        checkpoint: { directory, intervalMs: 3_600_000, alignment },
        channel: { capacityBytes: 2_048 },
        args: { count: COUNT, meter: meter.shared },
      });
    requireRight((await throughThirds(COUNT, start, true)).collected);
  },
);
