/**
 * A bank whose threads are killed again and again, at moments that its own events choose. In every snapshot all money is
 * there, in accounts or on its way, and at the end each transfer was made once.
 */

import { expect, test } from 'vitest';
import { randomInt, seededRandom } from '../../../dist/base/random.js';
import { exponentialBackoff, MemoryStore } from '../../../dist/index.js';
import { ActorSystem } from '../../../dist/system/index.js';
import { Account, Greeter, OPENING } from './fixtures/bank.js';
import { moneyIn } from './kit.js';

const ACCOUNTS = 12;
const KILLS = 20;
const CAUSES = ['terminate', 'exit', 'throw'] as const;
const key = (n: number): string => `k${n}`;

test(`${KILLS} deaths of threads lose no transfer, and make none twice`, async () => {
  const seed = 7;
  const random = seededRandom(seed);
  const store = new MemoryStore();
  const system = await ActorSystem.start({
    actors: [Account, Greeter],
    threads: 3,
    snapshots: { store, intervalMs: 20, retain: 100_000 },
    restart: exponentialBackoff({ initialMs: 1, maxMs: 10, maxAttempts: Infinity }),
  });
  const accounts = system.sharded(Account);
  for (let n = 0; n < ACCOUNTS; n += 1) await accounts.of(key(n)).ask('balance');
  let restarts = 0;
  system.on('restarted', () => {
    restarts += 1;
  });
  let last = 0;
  const transfers = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      last += 1;
      const from = randomInt(random, ACCOUNTS);
      const to = key(randomInt(random, ACCOUNTS));
      const message = { nr: last, to, amount: 1 + randomInt(random, 9) };
      await accounts.of(key(from)).tell('transfer', message, { id: `${last}` });
    }
  };
  const settled: Promise<unknown>[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await transfers(40);
    if (kill % 3 === 0) await system.snapshot();
    if (kill % 3 === 1) system.snapshot().catch(() => {});
    settled.push(
      accounts.of('till').ask('deposit', { amount: 1 }, { settled: true, timeoutMs: 50_000 }),
    );
    const restarted = new Promise<void>((resolve) => {
      system.on('restarted', function again() {
        system.off('restarted', again);
        resolve();
      });
    });
    const victim = randomInt(random, 3);
    if (kill % 5 === 4) {
      // Another one dies while all go back.
      system.on('failure', function another() {
        system.off('failure', another);
        system.kill((victim + 1) % 3, 'terminate');
      });
    }
    system.kill(victim, CAUSES[kill % CAUSES.length]!);
    await transfers(10);
    await restarted;
  }
  await transfers(20);

  const answers = (await Promise.all(settled)) as number[];
  expect(answers).toEqual(Array.from({ length: KILLS }, (_, n) => OPENING + 1 + n));
  const books = async () =>
    await Promise.all(Array.from({ length: ACCOUNTS }, (_, n) => accounts.of(key(n)).ask('book')));
  let all = await books();
  while (all.flatMap(({ received }) => received).length < last) all = await books();
  const numbers = Array.from({ length: last }, (_, n) => n + 1);
  const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);
  expect(sorted(all.flatMap(({ sent }) => sent))).toEqual(numbers);
  expect(sorted(all.flatMap(({ received }) => received))).toEqual(numbers);
  expect(all.reduce((sum, { balance }) => sum + balance, 0)).toBe(ACCOUNTS * OPENING);
  expect(restarts).toBeGreaterThanOrEqual(KILLS);
  await system.stop();

  let flying = 0;
  const ids = await store.list();
  expect(ids.length).toBeGreaterThan(KILLS / 3);
  for (const checkpoint of ids) {
    const { kept, onItsWay } = await moneyIn(store, checkpoint, {
      opening: OPENING,
      handler: 'receive',
      except: 'Account#till',
    });
    expect(kept + onItsWay).toBe(0);
    flying += onItsWay;
  }
  // Otherwise the sums would say nothing about messages in flight.
  expect(flying).toBeGreaterThan(0);
});
