/** Tiny mailboxes, random graphs, messages that breed: whoever is next, nobody waits for ever, and each ask is answered. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ActorRef, defineActor, LocalActors } from '../../src/actors/index.js';

const definitionOf = (capacity: number) =>
  defineActor(import.meta.url, 'Breeder', {
    initial: () => ({ peers: [] as ActorRef[], handled: 0 }),
    mailbox: { capacity },
    handlers: {
      join(state, peers: ActorRef[]) {
        state.peers = peers;
      },
      breed(state, { left, fan }: { left: number; fan: number }, ctx): unknown {
        state.handled += 1;
        if (left === 0) return 'done';
        const pick = () => state.peers[Math.floor(ctx.random() * state.peers.length)]!;
        for (let i = 0; i < fan; i += 1) ctx.send(pick(), 'breed', { left: left - 1, fan });
        const asked = pick();
        if (asked.path === ctx.self.path) return 'sent';
        return ctx.ask(asked, 'breed', { left: left - 1, fan: 1 });
      },
    },
  });

it('nobody waits for ever', { timeout: 60_000 }, async () => {
  let rings = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        capacity: fc.integer({ min: 1, max: 3 }),
        peers: fc.integer({ min: 1, max: 5 }),
        left: fc.integer({ min: 1, max: 5 }),
        fan: fc.integer({ min: 1, max: 2 }),
        seed: fc.nat(),
      }),
      async ({ capacity, peers: count, left, fan, seed }) => {
        const actors = new LocalActors({ seed });
        const peers = Array.from({ length: count }, () => actors.spawn(knownDefinition(capacity)));
        for (const peer of peers)
          peer.tell(
            'join',
            peers.map(({ ref }) => ref),
          );
        await actors.settle();
        let answers = 0;
        for (const peer of peers) {
          const asked = peer.ask('breed', { left, fan });
          asked.then(
            () => (answers += 1),
            () => (answers += 1),
          );
        }
        await actors.settle(); // No time has gone by: it was no deadline that has ended a wait.
        expect(answers).toBe(count);
        for (const cell of actors.node.world.cells.values()) {
          expect([cell.first, cell.held, cell.more?.waiters, cell.more?.parked?.size ?? 0]).toEqual(
            [undefined, undefined, undefined, 0],
          );
        }
        expect(actors.node.world.asks.size).toBe(0);
        rings += actors.events.filter(
          (event) => event.kind === 'error' && event.failure.code === 'ERR_HOLDFAST_MAILBOX_RING',
        ).length;
      },
    ),
    { numRuns: 80 },
  );
  expect(rings).toBeGreaterThan(0);
});

const known = new Map<number, ReturnType<typeof definitionOf>>();
function knownDefinition(capacity: number): ReturnType<typeof definitionOf> {
  const found = known.get(capacity) ?? definitionOf(capacity);
  known.set(capacity, found);
  return found;
}
