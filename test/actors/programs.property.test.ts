/**
 * Random programs of sends over random graphs, cycles included: whoever is next, a program that commutes comes to the
 * same end, the same seed gives the same order, and immer's drafts and generated ones agree.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ActorRef, defineActor, describeNode, LocalActors } from '../../src/actors/index.js';

const url = import.meta.url;
const order: string[] = [];

interface Step {
  /** Where to go on, by place among the peers. */
  readonly to: readonly number[];
  readonly how: 'send' | 'ask' | 'await' | 'later' | 'spawn' | 'fail';
  readonly amount: number;
}

const Totals = defineActor(url, 'Totals', {
  initial: () => ({ sum: 0, messages: 0 }),
  handlers: {
    add(state, amount: number) {
      state.sum += amount;
      state.messages += 1;
    },
  },
});

const Peer = defineActor(url, 'Peer', {
  initial: () => ({ sum: 0, messages: 0, answers: 0 }),
  handlers: {
    add(state, amount: number) {
      state.sum += amount;
      state.messages += 1;
      return amount;
    },
    answered(state, { ok }: { readonly ok: boolean }) {
      state.answers += ok ? 1 : 0;
    },
    act(
      state,
      { peers, program, at }: { peers: ActorRef[]; program: Step[]; at: number },
      ctx,
    ): unknown {
      order.push(`${ctx.self.path}.${at}`);
      const step = program[at];
      if (step === undefined) return undefined;
      const next = { peers, program, at: at + 1 };
      state.sum += step.amount;
      const others = step.to
        .map((n) => peers[n % peers.length]!)
        .filter(({ path }) => path !== ctx.self.path);
      for (const peer of others) {
        if (step.how === 'ask') {
          ctx.ask(peer, 'add', step.amount, { reply: 'answered' });
        } else ctx.send(peer, 'add', step.amount);
        if (step.how === 'later') ctx.after(step.amount + 1, 'add', step.amount);
        if (step.how === 'spawn') {
          ctx.send(ctx.spawn(Totals), 'add', step.amount);
          ctx.send(ctx.shard(Totals, 'all'), 'add', step.amount);
        }
      }
      const onward = others[0] ?? ctx.self;
      if (step.how === 'fail') {
        ctx.send(ctx.shard(Totals, 'never'), 'add', 1);
        throw new Error('undone');
      }
      ctx.send(onward, 'act', next);
      // The leaf of a circle would wait for itself, so only who has no handler in work is awaited: the totals.
      if (step.how !== 'await') return undefined;
      return ctx.ask(ctx.shard(Totals, 'all'), 'add', step.amount).then(() => {
        state.messages += 1;
      });
    },
  },
});

const step: fc.Arbitrary<Step> = fc.record({
  to: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 3 }),
  how: fc.constantFrom('send', 'ask', 'await', 'later', 'spawn', 'send', 'ask', 'fail'),
  amount: fc.integer({ min: 1, max: 50 }),
});
const programs = fc.record({
  peers: fc.integer({ min: 1, max: 6 }),
  starts: fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
  seed: fc.nat(),
});

async function play(
  { peers: count, starts }: { readonly peers: number; readonly starts: Step[][] },
  options: ConstructorParameters<typeof LocalActors>[0],
): Promise<unknown> {
  order.length = 0;
  const actors = new LocalActors(options);
  actors.sharded(Totals);
  const peers = Array.from({ length: count }, (_, n) => actors.spawn(Peer, { id: `p${n}` }));
  const refs = peers.map(({ ref }) => ref);
  for (const [n, program] of starts.entries()) {
    peers[n % count]!.tell('act', { peers: refs, program, at: 0 });
  }
  await actors.advance(100);
  const image = describeNode(actors.node);
  expect(image.cells.every(({ letters }) => letters === undefined)).toBe(true);
  expect([image.asks.asks, image.deadLetters]).toEqual([[], 0]);
  // Who is spawned first has the lower number: that alone depends on the order.
  const named = image.cells.filter(({ path }) => !path.includes('$'));
  const spawned = image.cells.filter(({ path }) => path.includes('$'));
  const sums = spawned.map(({ state, more }) => `${more?.parent} ${JSON.stringify(state)}`).sort();
  return {
    named: Object.fromEntries(named.map(({ path, state }) => [path, state])),
    sums,
  };
}

it('a program that commutes comes to the same end whoever is next', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const inTurn = await play(program, {});
      expect(await play(program, { seed: program.seed })).toEqual(inTurn);
      const first = [...order];
      expect(await play(program, { seed: program.seed, drafts: 'immer' })).toEqual(inTurn);
      expect(order).toEqual(first); // The same seed, the same order.
    }),
    { numRuns: 60 },
  );
});
