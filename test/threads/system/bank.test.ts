/**
 * A bank through deaths of threads: in each snapshot, messages in flight included, and at the end no money is lost or
 * made, and each transfer that was confirmed was made once.
 *
 * Another run: HOLDFAST_TEST_SEED=17 npx vitest run --project threads test/threads/system/bank.test.ts
 */

import { expect, test } from 'vitest';
import { seededRandom } from '../../../dist/base/random.js';
import { MemoryStore } from '../../../dist/checkpoint/memory-store.js';
import { fixedDelay } from '../../../dist/index.js';
import { ActorSystem } from '../../../dist/system/index.js';
import { Account, FIRST_BALANCE } from './fixtures/till.js';
import { moneyIn } from './kit.js';

const ACCOUNTS = 40;
const KILLS = 50;
const TRANSFERS_PER_KILL = 30;
const CAUSES = ['terminate', 'terminate', 'throw', 'exit'] as const;
const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_201);

async function surplus(store: MemoryStore, checkpoint: number): Promise<number> {
  const rules = { opening: FIRST_BALANCE, handler: 'deposit' };
  const { kept, onItsWay } = await moneyIn(store, checkpoint, rules);
  return kept + onItsWay;
}

test(`${KILLS} deaths of threads, and no money is lost or made (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  const any = (bound: number): number => Math.floor(random.next() * bound);
  const store = new MemoryStore();
  const system = await ActorSystem.start({
    actors: [Account],
    threads: 3,
    snapshots: { store, intervalMs: 40, retain: 4 },
    restart: fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 0 }),
  });
  const accounts = system.sharded(Account);
  const keyOf = (n: number): string => `a${n}`;
  const sums: Promise<number>[] = [];
  system.on('snapshot', (event) => {
    if (event.kind === 'completed') sums.push(surplus(store, event.checkpoint));
  });
  const confirmed = new Map<string, number>();
  const open: Promise<void>[] = [];
  let refused = 0;
  let restarts = 0;
  system.on('restarted', () => {
    restarts += 1;
  });
  const transfer = async (id: string): Promise<void> => {
    const from = keyOf(any(ACCOUNTS));
    const to = keyOf(any(ACCOUNTS));
    const amount = 1 + any(150);
    // Only a settled answer is final: another one may come out differently when it is given again.
    const options = { id, settled: true, timeoutMs: 120_000 };
    const account = accounts.of(from);
    try {
      const ask = () => account.ask('transfer', { to, amount }, options);
      // A repeat of the id does nothing more.
      await (any(3) === 0 ? Promise.all([ask(), ask()]) : ask());
      confirmed.set(from, (confirmed.get(from) ?? 0) + 1);
    } catch (error) {
      expect(error).toMatchObject({ name: 'RangeError' });
      refused += 1;
    }
  };
  for (let kill = 0; kill < KILLS; kill += 1) {
    for (let n = 0; n < TRANSFERS_PER_KILL; n += 1) open.push(transfer(`${kill}.${n}`));
    if (any(2) === 0) await system.snapshot().catch(() => {});
    const restarted = new Promise((resolve) => system.once('restarted', resolve));
    const first = any(3);
    // Sometimes another one dies while all go back.
    if (any(4) === 0) {
      system.once('failure', () => {
        system.kill((first + 1) % 3);
      });
    }
    system.kill(first, CAUSES[any(CAUSES.length)]);
    await Promise.race([restarted, system.finished]);
  }
  await Promise.all(open);
  expect(confirmed.size + refused).toBeGreaterThan(0);
  // What is asked behind all transfers' deposits: when the sum is there, all have arrived.
  const ask = async (name: 'balance' | 'transfers') =>
    await Promise.all(Array.from({ length: ACCOUNTS }, (_, n) => accounts.of(keyOf(n)).ask(name)));
  const total = async () => (await ask('balance')).reduce((sum, one) => sum + one, 0);
  await expect.poll(total, { timeout: 60_000 }).toBe(ACCOUNTS * FIRST_BALANCE);
  const transfers = await ask('transfers');
  expect(transfers).toEqual(
    Array.from({ length: ACCOUNTS }, (_, n) => confirmed.get(keyOf(n)) ?? 0),
  );
  expect(restarts).toBeGreaterThanOrEqual(KILLS);
  await system.snapshot();
  expect(new Set(await Promise.all(sums))).toEqual(new Set([0]));
  expect(sums.length).toBeGreaterThan(5);
  await system.stop();
}, 300_000);
