import { expect, test } from 'vitest';
import {
  ActorNode,
  defineActor,
  describeNode,
  type Envelope,
  type NodeImage,
  restoreNode,
} from '../../src/actors/index.js';
import type { ActorCommand } from '../../src/actors/node/command.js';
import { OUTSIDE } from '../../src/actors/placement.js';
import { seededRandom } from '../../src/base/random.js';

let release = () => {};
const Counter = defineActor(import.meta.url, 'Counter', {
  initial: (n: number = 0) => ({ n }),
  handlers: {
    add(state, amount: number) {
      state.n += amount;
      return state.n;
    },
    async hold() {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    },
  },
});

function commanded() {
  const out: Envelope[] = [];
  const options = { random: seededRandom(1), out: (envelope: Envelope) => out.push(envelope) };
  let node = new ActorNode(options);
  node.register(Counter);
  node.start(0);
  return {
    get node() {
      return node;
    },
    restore(image: NodeImage) {
      node = restoreNode(image, [Counter], options);
    },
    out,
    /** @returns the outcome of it, if it is there at once */
    tell(command: ActorCommand, id = 1) {
      node.deliver({ kind: 'command', command, ask: { node: OUTSIDE, id } }, 0);
      const answer = out.pop();
      return answer?.kind === 'answer' ? answer.outcome : undefined;
    },
  };
}

const spawn = (id: string, incarnation: number): ActorCommand => ({
  kind: 'spawn',
  actor: 'Counter',
  options: { id, args: 5 },
  incarnation,
});

test('a spawn gives the ref that its commander chose, and what goes wrong is its answer', () => {
  const { node, tell, out } = commanded();
  const ref = { actor: 'Counter', path: 'a', incarnation: -3 };
  expect(tell(spawn('a', -3))).toEqual({ ok: true, value: ref });
  expect(tell({ kind: 'find', path: 'a' })).toEqual({ ok: true, value: ref });
  expect(tell({ kind: 'find', path: 'b' })).toEqual({ ok: true, value: undefined });
  expect(tell(spawn('a', -4))).toMatchObject({
    ok: false,
    failure: { code: 'ERR_HOLDFAST_ACTOR_EXISTS' },
  });
  const unknown = { ...spawn('b', -5), actor: 'Nobody' } as ActorCommand;
  expect(tell(unknown)).toMatchObject({ failure: { code: 'ERR_HOLDFAST_UNKNOWN_ACTOR' } });
  const ask = { node: OUTSIDE, id: 9 };
  node.deliver({ kind: 'message', to: ref, handler: 'add', message: 2, ask }, 0);
  node.run(0, 10);
  expect(out).toEqual([{ kind: 'answer', ask, outcome: { ok: true, value: 7 } }]);
});

test('an actor is stopped once, and another can have its path', () => {
  const { tell } = commanded();
  tell(spawn('a', -1));
  const stop: ActorCommand = {
    kind: 'stop',
    ref: { actor: 'Counter', path: 'a', incarnation: -1 },
  };
  expect(tell(stop)).toEqual({ ok: true, value: undefined });
  expect(tell(stop)).toMatchObject({ failure: { code: 'ERR_HOLDFAST_ACTOR_STOPPED' } });
  expect(tell(spawn('a', -2))).toMatchObject({ ok: true, value: { incarnation: -2 } });
});

test('groups come as data, with definitions by their names', () => {
  const { tell } = commanded();
  const group = {
    id: 'g',
    strategy: 'one-for-one',
    children: [{ id: 'c', actor: 'Counter', args: 1 }],
  } as const;
  expect(tell({ kind: 'supervise', path: '', child: group, incarnation: -7 })).toEqual({
    ok: true,
    value: { kind: 'started', child: 'g' },
  });
  expect(tell({ kind: 'find', path: 'g/c' })).toMatchObject({
    value: { path: 'g/c', incarnation: -7 },
  });
  const administer = { kind: 'administer', action: 'terminate-child', path: 'g/c' } as const;
  expect(tell(administer)).toMatchObject({ ok: true, value: { kind: 'terminated' } });
  const unknown = { id: 'u', actor: 'Nobody' };
  expect(tell({ kind: 'supervise', path: '', child: unknown, incarnation: -8 })).toMatchObject({
    failure: { code: 'ERR_HOLDFAST_UNKNOWN_ACTOR' },
  });
});

test('a command whose answer is not there yet begins anew after a restore, and is answered once', async () => {
  const system = commanded();
  const child = { id: 'c', actor: 'Counter', shutdown: 60 };
  system.tell({ kind: 'supervise', path: '', child, incarnation: -1 });
  const to = system.node.refOf('c')!;
  system.node.deliver({ kind: 'message', to, handler: 'hold', message: undefined }, 0);
  system.node.run(0, 10);
  const terminate = { kind: 'administer', action: 'terminate-child', path: 'c' } as const;
  expect(system.tell(terminate, 4)).toBeUndefined();
  const image = describeNode(system.node);
  expect(image.commands).toHaveLength(1);
  release();
  system.restore(image);
  const answered = {
    kind: 'answer',
    ask: { node: OUTSIDE, id: 4 },
    outcome: { ok: true, value: { kind: 'terminated', child: 'c' } },
  };
  expect(system.out).toEqual([answered]);
  expect(describeNode(system.node).commands).toBeUndefined();
});
