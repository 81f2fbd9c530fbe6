/** A system of actors as one uses it, on real threads. */

import { expect, test } from 'vitest';
import type { ActorRef } from '../../../dist/actors/index.js';
import { ActorSystem } from '../../../dist/system/index.js';
import { temporaryFolder } from '../../job/kit.js';
import { Account, Clerk, FIRST_BALANCE } from './fixtures/till.js';
import { starting } from './kit.js';

const start = starting([Account, Clerk]);

test('sharded actors are told and asked, and send to each other across threads', async () => {
  const system = await start();
  const accounts = system.sharded(Account);
  await accounts.of('alice').tell('deposit', { amount: 5 });
  expect(await accounts.of('alice').ask('balance')).toBe(FIRST_BALANCE + 5);
  for (let i = 0; i < 10; i += 1) {
    expect(await accounts.of('alice').ask('transfer', { to: `b${i}`, amount: 1 })).toBe(i + 1);
  }
  const balances = async () =>
    await Promise.all(
      ['alice', ...Array.from({ length: 10 }, (_, i) => `b${i}`)].map((key) =>
        accounts.of(key).ask('balance'),
      ),
    );
  await expect
    .poll(balances)
    .toEqual([FIRST_BALANCE - 5, ...new Array(10).fill(FIRST_BALANCE + 1)]);
});

test('spawned actors, their children, their timers, and an await between two of them', async () => {
  const system = await start();
  const clerk = await system.spawn(Clerk, { id: 'bob', args: { name: 'Bob' } });
  expect(clerk.ref.path).toBe('bob');
  expect(await clerk.ask('note', { text: 'a' })).toBe(1);
  expect(await clerk.ask('slow')).toBe('Bob');
  await expect.poll(() => clerk.ask('notes')).toEqual(['a', 'later']);
  expect(await clerk.ask('asksBalance', { account: 'zoe' })).toBe(FIRST_BALANCE);
  const child = system.handle((await clerk.ask('hire', { id: 'c1' })) as ActorRef<typeof Clerk>);
  expect(await child.ask('note', { text: 'x' })).toBe(1);
  const found = await system.find('bob/c1', Clerk);
  expect(await found!.ask('notes')).toEqual(['x']);
  expect(await system.find('nobody', Clerk)).toBeUndefined();
  const paths = (await system.tree()).flat().map(({ path }) => path);
  expect(paths).toContain('bob');
  expect(paths).toContain('Account#zoe');
  await system.stopActor(clerk.ref);
  await expect(clerk.ask('notes')).rejects.toMatchObject({ code: 'ERR_HOLDFAST_ACTOR_STOPPED' });
});

test('a supervised group', async () => {
  const system = await start();
  await system.supervise('office', {
    strategy: 'one-for-one',
    intensity: 3,
    children: [{ id: 'ann', actor: Clerk, args: { name: 'Ann' } }],
  });
  const ann = await system.find('office/ann', Clerk);
  expect(await ann!.ask('slow')).toBe('Ann');
  await expect(system.supervise('office', { children: [] } as never)).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_HOLDFAST_/),
  });
});

test('what a user may do wrong is a named error, and nothing hangs', async () => {
  const system = await start();
  const account = system.sharded(Account).of('a');
  const code = (name: string) => ({ code: `ERR_HOLDFAST_${name}` });
  await expect(account.tell('nothing' as never)).rejects.toMatchObject(code('UNKNOWN_HANDLER'));
  await expect(account.tell('deposit', { amount: (() => 1) as never })).rejects.toMatchObject(
    code('UNSUPPORTED_VALUE'),
  );
  await expect(account.ask('transfer', { to: 'b', amount: 1e9 })).rejects.toMatchObject({
    name: 'RangeError',
    message: 'only 1000 there',
  });
  await expect(account.ask('balance', undefined, { timeoutMs: 0 })).rejects.toMatchObject(
    code('BAD_OPTION'),
  );

  expect(() => system.sharded({ ...Account } as never)).toThrow(/Account/);
  await system.spawn(Clerk, { id: 'one', args: { name: '' } });
  await expect(system.spawn(Clerk, { id: 'one', args: { name: '' } })).rejects.toMatchObject(
    code('ACTOR_EXISTS'),
  );
  await expect(system.spawn(Clerk, { id: 'a/b' })).rejects.toMatchObject(code('BAD_OPTION'));
  const one = await system.find('one', Clerk);
  await expect(one!.ask('fail')).rejects.toMatchObject({ name: 'TypeError' });
  await expect(ActorSystem.start({ actors: [] })).rejects.toMatchObject(code('BAD_OPTION'));
  await system.stop();
  await system.stop();
  await expect(account.ask('balance')).rejects.toMatchObject(code('NOT_RUNNING'));
  await expect(account.tell('deposit', { amount: 1 })).rejects.toMatchObject(code('NOT_RUNNING'));
  await expect(system.snapshot()).rejects.toMatchObject(code('NOT_RUNNING'));
});

test('asks that are open when the system stops hear so', async () => {
  const system = await start();
  const account = system.sharded(Account).of('a');
  await account.ask('balance');
  const open = account.ask('balance', undefined, { settled: true, timeoutMs: 60_000 });
  open.catch(() => {});
  await system.stop({ snapshot: false });
  await expect(open).rejects.toMatchObject({ code: 'ERR_HOLDFAST_NOT_RUNNING' });
});

test('a thread that dies takes nothing with it: all go on from the newest snapshot and the journal', async () => {
  const system = await start({ snapshots: { intervalMs: 60_000 } });
  const accounts = system.sharded(Account);
  const clerk = await system.spawn(Clerk, { id: 'bob', args: { name: 'Bob' } });
  await clerk.ask('note', { text: 'before' });
  await accounts.of('a').tell('deposit', { amount: 1 });
  await system.snapshot();
  await clerk.ask('note', { text: 'behind' });
  await accounts.of('a').tell('deposit', { amount: 2 });
  for (const thread of [0, 1]) {
    const restarted = new Promise((resolve) => system.once('restarted', resolve));
    system.kill(thread);
    await restarted;
    expect(await clerk.ask('notes')).toEqual(['before', 'behind']);
    expect(await accounts.of('a').ask('balance')).toBe(FIRST_BALANCE + 3);
  }
});

test('a handler that never returns is found, and the system ends by name when that goes on', async () => {
  const { fixedDelay } = await import('../../../dist/index.js');
  const system = await start({
    heartbeat: { intervalMs: 20, timeoutMs: 400 },
    restart: fixedDelay({ attempts: 1, delayMs: 10 }),
  });
  const asked = system.sharded(Account).of('a').ask('spin', undefined, { timeoutMs: 60_000 });
  asked.catch(() => {});
  await expect(system.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_RESTART_BUDGET' });
  await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/HOLDFAST/) });
});

test('another process goes on from the snapshot: states, children, ids', async () => {
  const directory = await temporaryFolder();
  const first = await start({ snapshots: { directory } });
  const a = first.sharded(Account).of('a');
  expect(await a.ask('transfer', { to: 'b', amount: 10 }, { id: 't1', settled: true })).toBe(1);
  const clerk = await first.spawn(Clerk, { id: 'bob', args: { name: 'Bob' } });
  await clerk.ask('hire', { id: 'c1' });
  await first.stop({ snapshot: true });
  const second = await start({ snapshots: { directory } });
  const again = second.sharded(Account).of('a');
  expect(await again.ask('transfer', { to: 'b', amount: 10 }, { id: 't1' })).toBe(1);
  expect(await again.ask('transfers')).toBe(1);
  expect(await second.sharded(Account).of('b').ask('balance')).toBe(FIRST_BALANCE + 10);
  expect(await (await second.find('bob/c1', Clerk))!.ask('slow')).toBe('c1');
  await second.stop();
  await expect(start({ snapshots: { directory }, threads: 3 })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
  });
  await expect(start({ snapshots: { directory }, name: 'other' })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
  });
  const third = await start({ snapshots: { directory }, restore: 'none' });
  expect(await third.sharded(Account).of('a').ask('transfers')).toBe(0);
});
