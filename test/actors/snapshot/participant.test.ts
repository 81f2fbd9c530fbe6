import { expect, test } from 'vitest';
import type { Envelope } from '../../../src/actors/node/world.js';
import { OUTSIDE } from '../../../src/actors/placement.js';
import { Participant } from '../../../src/actors/snapshot/participant.js';
import { type Random, randomInt, seededRandom } from '../../../src/base/random.js';

const envelope = (n: number): Envelope => ({
  kind: 'answer',
  ask: { node: 0, id: n },
  outcome: { ok: true, value: n },
});

test('the first marker cuts; lanes whose marker is missing are recorded; the last one completes', () => {
  const participant = new Participant([OUTSIDE, 1, 2]);
  participant.record(1, envelope(1));
  expect(participant.checkpoint).toBeUndefined();
  expect(participant.marker(2, 1)).toBe('cut');
  expect([participant.checkpoint, participant.isComplete]).toEqual([1, false]);
  participant.record(1, envelope(2));
  participant.record(2, envelope(3));
  participant.record(OUTSIDE, envelope(4));
  participant.record(1, envelope(5));
  expect(participant.marker(1, 1)).toBe('recording');
  participant.record(1, envelope(6));
  expect(participant.marker(OUTSIDE, 1)).toBe('complete');
  expect(participant.taken()).toEqual({
    checkpoint: 1,
    channels: [
      { from: OUTSIDE, envelopes: [envelope(4)] },
      { from: 1, envelopes: [envelope(2), envelope(5)] },
    ],
  });
  expect(participant.checkpoint).toBeUndefined();
  expect(participant.marker(1, 2)).toBe('cut');
});

test('with one lane the part is complete with the cut; lanes that carried nothing are left out', () => {
  const participant = new Participant([OUTSIDE]);
  expect(participant.marker(OUTSIDE, 3)).toBe('cut');
  expect(participant.isComplete).toBe(true);
  expect(participant.taken()).toEqual({ checkpoint: 3, channels: [] });
});

test('a marker of an aborted or older checkpoint changes nothing, nor does a second one', () => {
  const participant = new Participant([0, 1]);
  participant.abort(1);
  expect(participant.marker(0, 1)).toBe('ignored');
  expect(participant.marker(0, 2)).toBe('cut');
  expect(participant.marker(0, 2)).toBe('ignored');
  participant.abort(1);
  expect(participant.checkpoint).toBe(2);
  participant.record(1, envelope(1));
  participant.abort(2);
  expect([participant.checkpoint, participant.isComplete]).toEqual([undefined, false]);
  expect(participant.marker(1, 2)).toBe('ignored');
  expect(() => participant.taken()).toThrow('complete');
});

test('a newer checkpoint takes the place of one that is not complete, and keeps nothing of it', () => {
  const participant = new Participant([0, 1]);
  expect(participant.marker(0, 1)).toBe('cut');
  participant.record(1, envelope(1));
  expect(participant.marker(0, 2)).toBe('cut');
  expect(participant.marker(1, 1)).toBe('ignored');
  participant.record(1, envelope(2));
  expect(participant.marker(1, 2)).toBe('complete');
  expect(participant.taken()).toEqual({
    checkpoint: 2,
    channels: [{ from: 1, envelopes: [envelope(2)] }],
  });
});

/** Nodes that hand coins round; a snapshot counts each of them once, wherever it is. `nodes` stands for outside. */
function handRound(random: Random, nodes: number): void {
  const all = Array.from({ length: nodes }, (_, node) => node);
  const others = (node: number) => all.filter((other) => other !== node);
  const lanes = [...all, nodes].map((from) =>
    all.map((): (Envelope | { marker: number })[] => (from === nodes ? [{ marker: 1 }] : [])),
  );
  const coins = all.map(() => 10);
  const parts = all.map((node) => new Participant([...others(node), nodes]));
  const inNodes = all.map(() => Number.NaN);
  const inLanes = all.map(() => Number.NaN);
  const cut = (node: number, marker: number) => {
    inNodes[node] = coins[node]!;
    for (const to of others(node)) lanes[node]![to]!.push({ marker });
  };
  const take = (from: number, to: number) => {
    const item = lanes[from]![to]!.shift();
    if (item === undefined) return;
    if (!('marker' in item)) {
      parts[to]!.record(from, item);
      coins[to]! += 1;
      return;
    }
    if (parts[to]!.marker(from, item.marker) === 'cut') cut(to, item.marker);
    if (!parts[to]!.isComplete) return;
    const { channels } = parts[to]!.taken();
    inLanes[to] = channels.reduce((sum, { envelopes }) => sum + envelopes.length, 0);
  };
  for (let step = 0; inLanes.some(Number.isNaN); step += 1) {
    const from = randomInt(random, nodes + 1);
    const to = randomInt(random, nodes);
    if (from === to) continue;
    // Markers from outside are rare, so that there is much between the first and the last one.
    if (randomInt(random, from === nodes ? 20 : 2) === 0) take(from, to);
    else if (from < nodes && coins[from]! > 0) {
      coins[from]! -= 1;
      lanes[from]![to]!.push(envelope(step));
    }
  }
  const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
  expect(sum(inNodes) + sum(inLanes)).toBe(10 * nodes);
}

test('of what is handed round, a snapshot holds each piece once: in a node or on its way', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seededRandom(seed);
    handRound(random, 2 + randomInt(random, 4));
  }
});
