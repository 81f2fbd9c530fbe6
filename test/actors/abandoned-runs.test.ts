/** An async handler that will not end any more: what it has asked is forgotten, wherever it stands. */

import { expect, it } from 'vitest';
import { type ActorRef, defineActor } from '../../src/actors/index.js';
import { homesOf, SomeNodes } from './snapshot/some-nodes.js';

const Waiter = defineActor(import.meta.url, 'Waiter', {
  initial: () => ({}),
  onError: 'restart',
  handlers: {
    async wait(_state, to: ActorRef, ctx) {
      await ctx.ask(to, 'never', undefined, { timeoutMs: 1_000 });
    },
    /** One ask, and another one when it is run again. */
    async waver(_state, { to, what }: { to: ActorRef; what: string[] }, ctx) {
      await ctx.ask(to, what.shift()!, undefined, { timeoutMs: 1_000 });
    },
    never(_state, _message: undefined, ctx) {
      ctx.replyLater();
    },
    other(_state, _message: undefined, ctx) {
      ctx.replyLater();
    },
  },
});

const ids = [0, 1].map((node) => [...'abcdefgh'].find((id) => homesOf(2)(id) === node)!);

async function waiting(handler: 'wait' | 'never' = 'wait') {
  const nodes = new SomeNodes([Waiter], 2, { seed: 1 });
  const [here, there] = ids.map((id) =>
    nodes.home(id).spawn(Waiter, { id, restart: 'temporary' }, 0),
  );
  if (handler === 'wait') nodes.tell(here!, 'wait', there);
  await nodes.settle();
  return { nodes, here: here!, there: there! };
}

it('who is ended while it waits for an answer from another node leaves no ask behind', async () => {
  const { nodes, here } = await waiting();
  const { world, lives } = nodes.home(here.path);
  expect(world.asks.size).toBe(1);
  lives.killCell(world.lookUp(here)!);
  expect([world.asks.size, world.cells.size]).toEqual([0, 0]);
});

it('nor does one that is ended after a restore, before its message has come again', async () => {
  const { nodes, here } = await waiting();
  const restored = new SomeNodes([Waiter], 2, { seed: 1, parts: nodes.cut() });
  const { world, lives } = restored.home(here.path);
  expect(world.asks.size).toBe(1);
  lives.stopForGood(world.lookUp(here)!);
  expect([world.asks.size, world.cells.size]).toEqual([0, 0]);
});

it('nor does a run that asks something else when it comes again', async () => {
  const { nodes, here, there } = await waiting('never');
  nodes.tell(here, 'waver', { to: there, what: ['never', 'other'] });
  await nodes.settle();
  const parts = nodes.cut();
  // The message that comes again is the one of then; this stands for a handler that goes by chance.
  const [letter] = parts[0]!.image.cells.find(({ path }) => path === here.path)!.letters!;
  (letter!.message as { what: string[] }).what.shift();
  const restored = new SomeNodes([Waiter], 2, { seed: 1, parts });
  await restored.settle();
  expect(restored.home(here.path).world.asks.size).toBe(1);
  await restored.end();
  expect(restored.home(here.path).world.asks.size).toBe(0);
});
