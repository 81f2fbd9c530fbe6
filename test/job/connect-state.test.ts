/** State, timers and side outputs of connected streams, and broadcast state: on threads, through kills and rescales. */

import { expect, test } from 'vitest';
import { runInline } from '../../dist/index.js';
import connectState, { isPaid, RULES, shopOf, type Told } from './fixtures/connect-state.job.js';
import { fixture, Meter, runningAgain, temporaryFolder, until } from './kit.js';
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
    for (const [i, parallelism] of [2, 3, 1].entries()) {
      const meter = new Meter((i * COUNT) / 3 + COUNT / 6);
      const job = await run(fixture('connect-state'), {
        parallelism,
        checkpoint: { directory, intervalMs: 3_600_000, alignment },
        channel: { capacityBytes: 2_048 },
        args: { count: COUNT, meter: meter.shared },
      });
      const half = (i * COUNT) / 3 + COUNT / 6;
      await until(() => job.progress().sourceRecords >= half, job);
      await job.checkpointNow();
      const third = ((i + 1) * COUNT) / 3;
      meter.raise(third);
      if (i < 2) {
        await until(() => job.progress().sourceRecords > half, job);
        const again = runningAgain(job);
        job.kill(i, 'terminate');
        await again;
        await until(() => job.progress().sourceRecords >= third, job);
        await job.stop();
      }
      const result = await job.finished;
      expect(result.status).toBe(i === 2 ? 'finished' : 'stopped');
      if (i === 2) requireRight(result.collected);
    }
  },
);
