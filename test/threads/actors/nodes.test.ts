/** Nodes on threads, as a system deploys them. */

import { afterEach, expect, test } from 'vitest';
import type { ActorRef } from '../../../dist/actors/index.js';
import { decodeNodePart, type NodeSections } from '../../../dist/actors/snapshot/node-part.js';
import { Rig, type RigOptions } from './rig.js';

const rigs: Rig[] = [];
async function open(options?: RigOptions): Promise<Rig> {
  const rig = await Rig.open(options);
  rigs.push(rig);
  return rig;
}
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()));
});

test('actors on two threads are spawned, asked and ask each other; what they throw comes back', async () => {
  const rig = await open();
  const left = await rig.spawn(rig.nameOn(0, 'left'), 'L');
  const right = await rig.spawn(rig.nameOn(1, 'right'), 'R');
  expect(await rig.ask(left, 'say', { deep: [1n, new Date(3)] })).toEqual({
    name: 'L',
    words: { deep: [1n, new Date(3)] },
  });
  expect(await rig.ask(left, 'relay', { to: right, words: 'hi' })).toEqual({
    name: 'R',
    words: 'hi',
  });
  await expect(rig.ask(right, 'fail')).rejects.toMatchObject({ name: 'RangeError' });
  await expect(rig.ask(right, 'nothing')).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_UNKNOWN_HANDLER',
  });
  rig.tell(left, 'askAndNote', { to: right, handler: 'fail' });
  rig.tell(left, 'askAndNote', { to: right, handler: 'seen' });
  rig.tell(left, 'ball', { to: right, left: 1_001 });
  const seen = async (ref: ActorRef) => (await rig.ask(ref, 'seen')) as unknown[];
  while (!(await seen(right)).includes('out')) {
    // The ball is still in the air.
  }
  expect(await seen(left)).toEqual(['RangeError', []]);
  const tree = await rig.pool.link(1).ask('tree', []);
  expect(tree).toMatchObject([{ path: right.path, kind: 'actor', state: 'running' }]);
  expect(await rig.pool.metrics()).toMatchObject([
    { slot: 0, actors: 1, ready: 0, asks: 0 },
    { slot: 1, actors: 1, ready: 0, asks: 0 },
  ]);
  await rig.command(1, { kind: 'stop', ref: right });
  rig.tell(right, 'note', 1);
  await rig.until(() => rig.nodeEvents().some(({ kind }) => kind === 'dead-letter'));
  await expect(rig.ask(left, 'relay', { to: right, words: 'hi' })).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ACTOR_STOPPED',
  });
});

test('a timer wakes a thread that sleeps', async () => {
  const rig = await open({ nodes: 1 });
  const echo = await rig.spawn('echo');
  rig.tell(echo, 'later', { ms: 30, what: 'now' });
  while (((await rig.ask(echo, 'seen')) as unknown[]).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(await rig.ask(echo, 'seen')).toEqual(['now']);
});

test('rings that are full both ways do not stop two nodes, and order is kept', async () => {
  const rig = await open({ ringBytes: 64 });
  const refs = await Promise.all([0, 1].map((node) => rig.spawn(rig.nameOn(node, 'e'))));
  for (let round = 0; round < 5; round += 1) {
    for (const at of [0, 1]) rig.tell(refs[at]!, 'flood', { to: refs[1 - at], count: 1_000 });
  }
  const expected = Array.from({ length: 5_000 }, (_, n) => n % 1_000);
  for (const ref of refs) {
    let seen: unknown[] = [];
    while (seen.length < 5_000) seen = (await rig.ask(ref, 'seen')) as unknown[];
    expect(seen).toEqual(expected);
  }
});

/** Accounts that pass money to each other on three threads. */
async function bank(options: RigOptions) {
  const accounts = 40;
  const keys = Array.from({ length: accounts }, (_, key) => key);
  const rig = await open({ nodes: 3, ...options });
  const sum = async (): Promise<number> => {
    const balances = await Promise.all(keys.map((key) => rig.ask(rig.account(key), 'balance')));
    return balances.reduce<number>((all, balance) => all + (balance as number), 0);
  };
  return {
    rig,
    total: accounts * 100,
    sum,
    pass: () => {
      for (const key of keys) {
        rig.tell(rig.account(key), 'pass', { amount: 7, hops: 100, peers: accounts });
      }
    },
    /** Whatever is on its way arrives. @returns what all have then */
    settled: async (): Promise<number> => {
      for (let tries = 0; ; tries += 1) {
        const all = await sum();
        if (all === accounts * 100 || tries === 1_000) return all;
      }
    },
  };
}

test('a snapshot under load holds all money, in accounts or on its way, and is gone on from', async () => {
  const { rig, total, sum, pass } = await bank({ ringBytes: 4_096 });
  expect(await sum()).toBe(total);
  let parts: readonly NodeSections[] = [];
  let inFlight = 0;
  for (let checkpoint = 1; checkpoint <= 6; checkpoint += 1) {
    pass();
    parts = await rig.snapshot(checkpoint);
    inFlight += money(parts).inFlight;
    expect(money(parts).all).toBe(total);
  }
  expect(inFlight).toBeGreaterThan(0);
  const second = await bank({ restore: parts });
  expect(await second.settled()).toBe(total);
});

test('when a thread has died, all nodes go back to a snapshot together, and nothing of before comes through', async () => {
  const { rig, total, sum, pass, settled } = await bank({ ringBytes: 4_096 });
  expect(await sum()).toBe(total);
  for (let checkpoint = 1; checkpoint <= 3; checkpoint += 1) {
    pass();
    const parts = await rig.snapshot(checkpoint);
    pass();
    const before = rig.failures.length;
    rig.pool.kill(checkpoint % 3, 'throw');
    await rig.until(() => rig.failures.length > before);
    await rig.restart(parts);
    expect(await settled()).toBe(total);
    // Were something of the former epoch still to come, there would be more.
    expect(await sum()).toBe(total);
  }
});

/** Of deposits that wait in mailboxes, in lanes, and of balances. */
function money(parts: readonly NodeSections[]): { all: number; inFlight: number } {
  let all = 0;
  let inFlight = 0;
  const count = ({ handler, message }: { handler: string; message: unknown }) =>
    handler === 'deposit' ? (message as number) : 0;
  for (const { image, channels } of parts.map(decodeNodePart)) {
    for (const { state, letters = [], more } of image.cells) {
      all += (state as { balance: number }).balance;
      for (const letter of letters) all += count(letter);
      for (const { letter } of more?.waiters ?? []) all += count(letter);
    }
    for (const envelope of channels.flatMap(({ envelopes }) => envelopes)) {
      if (envelope.kind === 'message') inFlight += count(envelope);
    }
  }
  return { all: all + inFlight, inFlight };
}

test('a state that cannot be kept declines the checkpoint, and the next one is taken without it', async () => {
  const rig = await open();
  const echo = await rig.spawn(rig.nameOn(1, 'e'));
  await rig.ask(echo, 'keepWhatCannotBeKept');
  rig.mark(1);
  await rig.until(() => rig.events.some(({ kind }) => kind === 'node-declined'));
  expect(rig.events.find(({ kind }) => kind === 'node-declined')).toMatchObject({
    slot: 1,
    checkpoint: 1,
    failure: { code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE' },
  });
  await rig.pool.tellAll('abort', [[1], 1]);
  await rig.ask(echo, 'keepItNoMore');
  const parts = await rig.snapshot(2);
  expect(parts.map((part) => decodeNodePart(part).image.cells.length)).toEqual([0, 1]);
  expect(rig.events.filter((event) => event.kind === 'node-part' && event.slot === 1)).toHaveLength(
    1,
  );
});

test('a bug in a node ends it alone, and is told', async () => {
  const rig = await open();
  const right = await rig.spawn(rig.nameOn(1, 'e'), 'R');
  rig.breakNode(0);
  await rig.until(() => rig.nodeFailure(0) !== undefined);
  expect(rig.nodeFailure(0)).toMatchObject({ name: 'TypeError', slot: 0 });
  expect(await rig.ask(right, 'say', 1)).toEqual({ name: 'R', words: 1 });
  expect(rig.failures).toEqual([]);
});

test('a node whose supervisor at the top gives up has failed', async () => {
  const rig = await open({ supervisor: { intensity: 1, periodMs: 60_000 } });
  const id = rig.nameOn(1, 'c');
  const child = { id, actor: 'Fragile' };
  await rig.command(1, { kind: 'supervise', path: '', child, incarnation: -7 });
  const ref = (await rig.command(1, { kind: 'find', path: id })) as ActorRef;
  for (let n = 0; n < 2; n += 1) {
    await expect(rig.ask(ref, 'fail')).rejects.toMatchObject({ name: 'RangeError' });
  }
  await rig.until(() => rig.nodeFailure(1) !== undefined);
  expect(rig.nodeFailure(1)).toMatchObject({
    slot: 1,
    kind: 'user-code',
    message: 'the supervisor at the top of node 1 has given up: RangeError: no',
    cause: { name: 'RangeError' },
  });
  expect(rig.nodeEvents().map(({ kind }) => kind)).toContain('restarting');
  expect(rig.nodeEvents().at(-1)).toMatchObject({ kind: 'ended' });
});

test('a handler that never returns is found, and named as a hang', async () => {
  const rig = await open({ timeoutMs: 1_000 });
  const echo = await rig.spawn(rig.nameOn(1, 'e'));
  rig.tell(echo, 'spin');
  await rig.until(() => rig.failures.length > 0);
  expect(rig.failures).toMatchObject([{ slot: 1, failure: { kind: 'hung' } }]);
});
