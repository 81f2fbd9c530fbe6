import { expect, test } from 'vitest';
import type { ActorRef } from '../../../src/actors/index.js';
import type { Envelope } from '../../../src/actors/node/world.js';
import { OUTSIDE } from '../../../src/actors/placement.js';
import { createRing } from '../../../src/channels/ring.js';
import { ControlBlock } from '../../../src/threads/control-block.js';
import { ThreadLanes } from '../../../src/workloads/actors/thread-lanes.js';

/** Nodes 0 and 1, and outside, in one thread. */
function threads(ringBytes: number, epochs: readonly number[] = [1, 1, 1]) {
  const indices = [0, 1, 2];
  const blocks = indices.map(() => new ControlBlock().shared);
  const lanes = indices.flatMap((from) =>
    indices.filter((to) => to !== from).map((to) => ({ from, to, ring: createRing(ringBytes) })),
  );
  return indices.map(
    (index) =>
      new ThreadLanes({ index, nodes: 2, epoch: epochs[index]!, incarnation: 0, blocks, lanes }),
  );
}

/** What a thread takes until nothing is there. */
function taken(lanes: ThreadLanes): readonly unknown[] {
  const all: unknown[] = [];
  const reader = {
    envelope: (from: number, envelope: Envelope) => all.push([from, envelope]),
    marker: (from: number, marker: number) => all.push([from, marker]),
  };
  while (lanes.take(reader) > 0);
  return all;
}

const to: ActorRef = { actor: 'A', path: 'a', incarnation: 3 };
const sender: ActorRef = { actor: 'B', path: 'b/ü', incarnation: -1 };
const ask = { node: 1, id: 7 };

/** Every kind, with and without what it may have. */
const ENVELOPES: readonly Envelope[] = [
  { kind: 'message', to, handler: 'h', message: undefined },
  { kind: 'message', to, handler: 'h', message: { deep: [1n] }, sender },
  { kind: 'message', to, handler: 'h', message: 1, ask },
  { kind: 'message', to, handler: 'h', message: null, sender, ask },
  { kind: 'message', to, handler: 'h', message: 'm', counts: false },
  { kind: 'message', to, handler: 'h', message: 'm', sender, counts: false },
  { kind: 'answer', ask, outcome: { ok: true, value: undefined } },
  { kind: 'answer', ask, outcome: { ok: true, value: { path: 'p', envelope: 1, command: 2 } } },
  {
    kind: 'answer',
    ask,
    outcome: { ok: false, failure: { kind: 'user-code', name: 'Error', message: 'no' } },
  },
  { kind: 'command', command: { kind: 'find', path: 'a' }, ask },
  { kind: 'credit', to },
];

test('what is sent arrives as it was, in order, with markers between', () => {
  const [left, right, outside] = threads(1 << 16);
  expect(left!.senders).toEqual([1, OUTSIDE]);
  // Each shape many times, so that it gets its compiled form.
  const sent = Array.from({ length: 30 }, () => ENVELOPES).flat();
  for (const envelope of sent) left!.send(1, envelope);
  expect(right!.isReady).toBe(false);
  left!.mark(4);
  left!.send(1, ENVELOPES[0]!);
  left!.send(OUTSIDE, ENVELOPES[6]!);
  left!.flush();
  expect(right!.isReady).toBe(true);
  expect(taken(right!)).toEqual([
    ...sent.map((envelope) => [0, envelope]),
    [0, 4],
    [0, ENVELOPES[0]],
  ]);
  expect(taken(outside!)).toEqual([
    [0, 4],
    [0, ENVELOPES[6]],
  ]);
});

test('a sender is frozen, so that it is passed on as it is', () => {
  const [left, right] = threads(1 << 16);
  left!.send(1, ENVELOPES[1]!);
  left!.flush();
  const [[, envelope]] = taken(right!) as [[number, { readonly sender: ActorRef }]];
  expect(Object.isFrozen(envelope.sender)).toBe(true);
});

test('what has no room waits and blocks, and arrives as room is made', () => {
  const [left, right] = threads(64);
  const sent: Envelope[] = [];
  while (!left!.isBlocked) {
    const envelope: Envelope = { kind: 'message', to, handler: 'h', message: sent.length };
    left!.send(1, envelope);
    left!.flush();
    sent.push(envelope);
  }
  const all: unknown[] = [];
  while (all.length < sent.length) {
    all.push(...taken(right!));
    left!.pump();
  }
  expect(all).toEqual(sent.map((envelope) => [0, envelope]));
  expect(left!.isBlocked).toBe(false);
});

test('what comes from another epoch is dropped', () => {
  const [left, right] = threads(1 << 16, [1, 2, 2]);
  left!.send(1, ENVELOPES[0]!);
  left!.mark(1);
  left!.flush();
  expect(taken(right!)).toEqual([]);
});
