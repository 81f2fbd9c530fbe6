/** Systems of actors on threads: what they do every day, and what they refuse. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { noRestart } from '../../../dist/index.js';
import { ActorSystem, type SystemOptions } from '../../../dist/system/index.js';
import { Account, Greeter, Stranger } from './fixtures/bank.js';
import { starting } from './kit.js';

const directories: string[] = [];
afterEach(async () => {
  await Promise.all(directories.splice(0).map((directory) => rm(directory, { recursive: true })));
});
// Behind the folders, because what is registered last is done first.
const start = starting([Account, Greeter]);
async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-system-'));
  directories.push(directory);
  return directory;
}

test('actors are told, asked and spawned; what they throw comes back; the tree shows them', async () => {
  const system = await start();
  const accounts = system.sharded(Account);
  await accounts.of('alice').tell('deposit', { amount: 5 });
  expect(await accounts.of('alice').ask('balance')).toBe(105);
  await expect(accounts.of('alice').ask('withdraw', { amount: 500 })).rejects.toMatchObject({
    name: 'RangeError',
    message: 'insufficient funds',
  });
  const greeters = await Promise.all(
    ['a', 'b', 'c', 'd'].map((id) => system.spawn(Greeter, { id, args: id.toUpperCase() })),
  );
  const nodes = (await system.tree()).map((actors) => actors.map(({ path }) => path).sort());
  expect(nodes.flat().sort()).toEqual(['Account#alice', 'a', 'b', 'c', 'd']);
  expect(nodes.every((actors) => actors.length > 0)).toBe(true);
  const asked = greeters.map((greeter) =>
    greeter.ask('pass', { to: greeters[0]!.ref, who: 'you' }).catch((error: unknown) => error),
  );
  expect(await Promise.all(asked)).toEqual([
    expect.objectContaining({ code: 'ERR_HOLDFAST_ASK_CYCLE' }),
    ...new Array(3).fill('A greets you'),
  ]);
  await expect(system.spawn(Greeter, { id: 'a' })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ACTOR_EXISTS',
  });
  await system.stopActor(greeters[1]!.ref);
  await expect(greeters[1]!.ask('greet', 'x')).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ACTOR_STOPPED',
  });
  expect(system.status).toBe('running');
});

test('an ask has a deadline, and an id is done once', async () => {
  const system = await start();
  const alice = system.sharded(Account).of('alice');
  const bob = system.sharded(Account).of('bob');
  await expect(bob.ask('never', undefined, { timeoutMs: 20 })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ASK_TIMEOUT',
  });
  const answers = [1, 2, 3].map(() => alice.ask('deposit', { amount: 1 }, { id: 'once' }));
  expect(await Promise.all(answers)).toEqual([101, 101, 101]);
  expect(await alice.ask('deposit', { amount: 1 }, { id: 'other', settled: true })).toBe(102);
});

test('a full journal makes room by snapshots', async () => {
  const system = await start({ journal: { capacity: 5 }, snapshots: { intervalMs: 3_600_000 } });
  const alice = system.sharded(Account).of('alice');
  const told = Array.from({ length: 40 }, () => alice.tell('deposit', { amount: 1 }));
  await Promise.all(told);
  expect(await alice.ask('balance')).toBe(140);
});

test('a state that cannot be kept fails the snapshot and not the system', async () => {
  const system = await start({ snapshots: { intervalMs: 3_600_000 } });
  const greeter = await system.spawn(Greeter, { id: 'g' });
  await greeter.ask('keepWhatCannotBeKept');
  await expect(system.snapshot()).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_CHECKPOINT_FAILED',
    message: expect.stringContaining('is a WeakMap'),
    cause: { code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE' },
  });
  await greeter.ask('forget');
  expect((await system.snapshot()).checkpoint).toBeGreaterThan(1);
});

test.each<[string, unknown, string]>([
  ['no actors', { actors: [] }, 'ERR_HOLDFAST_BAD_OPTION'],
  ['what is no actor', { actors: [{}] }, 'ERR_HOLDFAST_BAD_OPTION'],
  ['an option that is none', { actors: [Account], theads: 2 }, 'ERR_HOLDFAST_BAD_OPTION'],
  ['no thread', { actors: [Account], threads: 0 }, 'ERR_HOLDFAST_BAD_OPTION'],
  [
    'two places for snapshots',
    { actors: [Account], snapshots: { directory: 'a', store: {} } },
    'ERR_HOLDFAST_BAD_OPTION',
  ],
])('%s is refused', async (_, options, code) => {
  await expect(ActorSystem.start(options as SystemOptions)).rejects.toMatchObject({ code });
});

test('what a system does not know, or cannot send, is refused', async () => {
  const system = await start();
  const alice = system.sharded(Account).of('alice');
  expect(() => system.sharded(Stranger)).toThrow(/Stranger/);
  await expect(system.spawn(Stranger)).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_UNKNOWN_ACTOR',
  });
  await expect(system.spawn(Greeter, { id: 'a/b' })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_BAD_OPTION',
  });
  await expect(alice.tell('dance' as 'balance')).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_UNKNOWN_HANDLER',
  });
  await expect(alice.tell('deposit', { amount: (() => 1) as never })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE',
  });
  await expect(alice.ask('balance', undefined, { timeoutMs: -1 })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_BAD_OPTION',
  });
});

test('what is open when a system stops is rejected, and so is what comes later', async () => {
  const system = await start();
  const alice = system.sharded(Account).of('alice');
  const open = alice.ask('never').catch((error: unknown) => error);
  await system.stop();
  expect(await open).toMatchObject({ code: 'ERR_HOLDFAST_NOT_RUNNING' });
  await expect(alice.ask('balance')).rejects.toMatchObject({ code: 'ERR_HOLDFAST_NOT_RUNNING' });
  await expect(system.snapshot()).rejects.toMatchObject({ code: 'ERR_HOLDFAST_NOT_RUNNING' });
  await system.finished;
  expect(system.status).toBe('stopped');
});

test('without restarts the death of a thread ends the system, and what is open is rejected', async () => {
  const system = await start({ restart: noRestart() });
  const alice = system.sharded(Account).of('alice');
  const open = alice.ask('never').catch((error: unknown) => error);
  system.kill(0, 'exit');
  await expect(system.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_WORKER_DIED' });
  expect(await open).toMatchObject({ code: 'ERR_HOLDFAST_WORKER_DIED' });
  expect(system.status).toBe('failed');
});

test('a later system in the same directory goes on, and knows what was done by id', async () => {
  const snapshots = { directory: await newDirectory() };
  const first = await start({ snapshots });
  const alice = first.sharded(Account).of('alice');
  await alice.ask('deposit', { amount: 5 }, { id: 'pay 1' });
  const greeter = await first.spawn(Greeter, { id: 'g', args: 'G' });
  await first.stop();
  await expect(start({ snapshots, threads: 3 })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
  });
  const second = await start({ snapshots });
  const again = second.sharded(Account).of('alice');
  expect(await again.ask('deposit', { amount: 5 }, { id: 'pay 1' })).toBe(105);
  expect(await again.ask('balance')).toBe(105);
  expect(await second.handle(greeter.ref).ask('greet', 'x')).toBe('G greets x');
  await second.stop();
  const third = await start({ snapshots, restore: 'none' });
  expect(await third.sharded(Account).of('alice').ask('balance')).toBe(100);
});
