/** What is for another node goes out through one function, and answers come back the same way. */

import { expect, it } from 'vitest';
import {
  ActorNode,
  type ActorRef,
  type AskResult,
  defineActor,
  type Envelope,
  type NodeEvent,
} from '../../src/actors/index.js';
import { seededRandom } from '../../src/base/random.js';
import { copyValue } from '../../src/codec/value-codec.js';

const Peer = defineActor(import.meta.url, 'Peer', {
  initial: () => ({ n: 0, results: [] as unknown[] }),
  handlers: {
    add(state, amount: number) {
      if (amount < 0) throw new RangeError('negative');
      state.n += amount;
      return state.n;
    },
    ask(_state, { to, amount }: { to: ActorRef; amount: number }, ctx) {
      ctx.ask(to, 'add', amount, { reply: 'answered' });
    },
    answered(state, result: AskResult) {
      state.results.push(result.ok ? result.value : result.failure.name);
    },
    async wait(state, to: ActorRef, ctx) {
      state.results.push(await ctx.ask(to, 'add', 10));
      state.results.push(await ctx.ask(to, 'add', -10).catch((error: Error) => error.name));
    },
    watch(_state, to: ActorRef, ctx) {
      ctx.watch(to, 'answered');
    },
  },
});

it('asks go to another node and their answers come back; what comes for nobody is told of', async () => {
  const nodes: ActorNode[] = [];
  const events: NodeEvent[] = [];
  const lane: { readonly to: number; readonly envelope: Envelope }[] = [];
  const outside: Envelope[] = [];
  const nodeOf = ({ path }: ActorRef) => (path.startsWith('left') ? 0 : 1);
  for (const node of [0, 1]) {
    const made = new ActorNode({
      node,
      random: seededRandom(node),
      isHere: (ref) => nodeOf(ref) === node,
      observe: (event) => events.push(event),
      out: (envelope) => {
        const to = 'to' in envelope ? nodeOf(envelope.to) : envelope.ask.node;
        if (to < 0) outside.push(envelope);
        else lane.push({ to, envelope: copyValue(envelope) });
      },
    });
    made.start(0);
    made.register(Peer);
    nodes.push(made);
  }
  const settle = async () => {
    for (let idle = 0; idle < 5; idle += 1) {
      for (const node of nodes) while (node.run(0, 100)) idle = 0;
      for (const { to, envelope } of lane.splice(0)) {
        nodes[to]!.deliver(envelope, 0);
        idle = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const left = nodes[0]!.spawn(Peer, { id: 'left' }, 0);
  const right = nodes[1]!.spawn(Peer, { id: 'right' }, 0);
  nodes[0]!.tell(left, 'ask', { to: right, amount: 3 }, 0);
  nodes[0]!.tell(left, 'ask', { to: right, amount: -3 }, 0);
  nodes[0]!.tell(left, 'ask', { to: { ...right, path: 'right/nobody' }, amount: 1 }, 0);
  nodes[0]!.tell(left, 'wait', right, 0);
  await settle();
  const results = nodes[0]!.world.lookUp(left)!.state as { readonly results: unknown[] };
  expect(results.results).toEqual([13, 'RangeError', 'HoldfastError', 3, 'RangeError']);
  expect(nodes.map(({ world }) => world.asks.size)).toEqual([0, 0]);
  nodes[1]!.ask(right, 'add', 1, { token: 7, timeoutMs: 10 }, 0);
  await settle();
  expect(outside).toEqual([
    { kind: 'answer', ask: { node: -1, id: 7 }, outcome: { ok: true, value: 14 } },
  ]);
  expect(nodes[1]!.deliver({ kind: 'message', to: right, handler: 'nothing', message: 1 }, 0)).toBe(
    true,
  );
  expect(events.at(-1)).toMatchObject({ kind: 'dead-letter', reason: 'unknown-handler' });
  nodes[0]!.tell(left, 'watch', right, 0);
  await settle();
  expect(events.at(-1)).toMatchObject({
    kind: 'error',
    failure: { message: expect.stringContaining('lives on another thread') },
  });
});
