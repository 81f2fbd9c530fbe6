/** A node as plain data: whoever is restored between every two messages comes to the same end. */

import { describe, expect, it } from 'vitest';
import {
  type ActorDown,
  type ActorRef,
  type AskResult,
  defineActor,
  describeNode,
  LocalActors,
  restoreNode,
} from '../../src/actors/index.js';
import { seededRandom } from '../../src/base/random.js';

const url = import.meta.url;

const Counter = defineActor(url, 'Counter', {
  initial: () => ({ n: 0, down: [] as string[] }),
  onError: 'restart',
  handlers: {
    add(state, n: number) {
      if (n < 0) throw new Error('negative');
      state.n += n;
      return state.n;
    },
    watch(_state, to: ActorRef, ctx) {
      ctx.watch(to, 'down');
    },
    down(state, { ref, reason }: ActorDown) {
      state.down.push(`${ref.path} ${reason}`);
    },
    later(_state, n: number, ctx) {
      ctx.after(n, 'add', n);
    },
  },
});

const Worker = defineActor(url, 'Worker', {
  initial: () => ({ log: [] as unknown[], awaited: 0 }),
  mailbox: { capacity: 3 },
  handlers: {
    begin(state, { counters, self }: { counters: ActorRef[]; self: string }, ctx) {
      state.log.push(self);
      const child = ctx.spawn(Counter, { id: 'child', restart: 'permanent' });
      const light = ctx.spawn(Counter, { id: 'light', restart: 'temporary' });
      ctx.watch(light, 'gone');
      ctx.send(child, 'add', 5);
      ctx.send(child, 'add', -1);
      ctx.send(child, 'add', 7);
      ctx.send(light, 'add', -1);
      ctx.ask(child, 'add', 1, { reply: 'answered', tag: 'child' });
      for (const counter of counters)
        ctx.ask(counter, 'add', 1, { reply: 'answered', tag: counter.path });
      ctx.send(ctx.shard(Counter, 'key'), 'later', 20);
      ctx.send(ctx.self, 'gather', counters);
      ctx.become('busy');
      ctx.after(30, 'calm');
    },
    async gather(state, counters: ActorRef[], ctx) {
      for (const counter of counters) {
        state.awaited += (await ctx.ask(counter, 'add', 10)) as number;
        ctx.send(counter, 'later', 3);
      }
    },
    answered(state, { ok, tag }: AskResult) {
      state.log.push(`${tag} ${ok}`);
    },
    gone(state, { ref, reason }: ActorDown) {
      state.log.push(`${ref.path} ${reason}`);
    },
    note(state, what: string) {
      state.log.push(`note ${what}`);
    },
    'busy.note'(_state, _what: string, ctx) {
      ctx.stash();
    },
    calm(_state, _message: undefined, ctx) {
      ctx.become(undefined);
      ctx.unstash();
    },
  },
});
const definitions = [Counter, Worker];

async function play(each: (actors: LocalActors) => void): Promise<unknown> {
  const actors = new LocalActors();
  actors.sharded(Counter);
  actors.supervise('g', {
    strategy: 'one-for-all',
    intensity: 5,
    children: [
      { id: 'a', actor: Counter },
      { id: 'b', actor: Counter },
    ],
  });
  const worker = actors.spawn(Worker, { id: 'worker' });
  const counters = ['g/a', 'g/b'].map((path) => actors.at(path, Counter).ref);
  worker.tell('begin', { counters, self: 'me' });
  worker.tell('note', 'one');
  worker.tell('note', 'two');
  actors.at('g/a', Counter).tell('watch', worker.ref);
  const answers: unknown[] = [];
  const rest = async () => {
    for (let idle = 0; idle < 4; ) {
      const more = actors.node.run(actors.now, 1);
      await new Promise((resolve) => setImmediate(resolve));
      while (actors.node.runner.hasCompletions) {
        actors.node.run(actors.now, 0);
        await new Promise((resolve) => setImmediate(resolve));
      }
      each(actors);
      idle = more ? 0 : idle + 1;
    }
  };
  await rest();
  for (const until of [3, 20, 30, 100]) {
    actors.now = until;
    await rest();
  }
  actors
    .handle(worker.ref)
    .ask('note', 'last')
    .then((answer) => answers.push(answer));
  await rest();
  actors.node.stop(worker.ref, actors.now);
  actors.at('g/b', Counter).tell('add', -1); // Both of the group begin anew.
  await rest();
  const { cells } = describeNode(actors.node);
  return {
    answers,
    // Supervisors of a restored node count restarts anew.
    tree: JSON.stringify(actors.node.tree(actors.now)).replaceAll(/"restarts":\d+,?/g, ''),
    cells: cells.map(({ path, state, letters, life }) => ({ path, state, letters, life })),
  };
}

it('restored between every two messages, a program comes to the same end', async () => {
  const states: unknown[] = [];
  const spy = (actors: LocalActors) => {
    const state = actors.node.world.cells.get('worker')?.state;
    if (state !== undefined) states.push(structuredClone(state));
  };
  const plain = await play(spy);
  expect(states.at(-1)).toEqual({
    log: expect.arrayContaining([
      'me',
      'child true',
      'g/a true',
      'worker/light abnormal',
      'note one',
      'note two',
      'note last',
    ]),
    awaited: 22,
  });
  let times = 0;
  const restored = await play((actors) => {
    times += 1;
    actors.replace(definitions);
  });
  expect(times).toBeGreaterThan(30);
  expect(restored).toEqual(plain);
});

describe('a restored node', () => {
  const options = { random: seededRandom(1), out: () => {} };

  it('brings a state to the version of its definition, or refuses it by name', async () => {
    const actors = new LocalActors();
    actors.spawn(Counter, { id: 'c', restart: 'temporary' });
    const image = describeNode(actors.node);
    const handlers = { get: (state: { total: number }) => state.total };
    const initial = () => ({ total: 0 });
    const Two = defineActor(url, 'Counter', { initial, handlers, version: 2 });
    expect(() => restoreNode(image, [Two], options)).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_STATE_MIGRATION' }),
    );
    const migrate = (state: unknown) => ({ total: (state as { n: number }).n + 100 });
    const Three = defineActor(url, 'Counter', { initial, handlers, version: 2, migrate });
    const node = restoreNode(image, [Three], options);
    expect(node.world.cells.get('c')?.state).toEqual({ total: 100 });
    expect(() => restoreNode(image, [], options)).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_UNKNOWN_ACTOR' }),
    );
  });

  it('S12: who had ended of itself stays down, also when its group is restarted', async () => {
    const Ending = defineActor(url, 'Ending', {
      initial: () => ({ n: 0 }),
      onError: 'restart',
      handlers: {
        end(_state, _message: undefined, ctx) {
          ctx.stop();
        },
        fail() {
          throw new Error('crash');
        },
      },
    });
    const actors = new LocalActors();
    actors.supervise('g', {
      strategy: 'one-for-all',
      children: [
        { id: 'a', actor: Ending },
        { id: 'b', actor: Ending, restart: 'transient' },
      ],
    });
    actors.at('g/b', Ending).tell('end');
    await actors.settle();
    actors.replace([Ending]);
    actors.at('g/a', Ending).tell('fail');
    await actors.settle();
    const [group] = actors.node.tree(0);
    expect(group?.children.map(({ state }) => state)).toEqual(['running', 'down']);
  });
});

it('a supervised actor whose async handler begins anew after each restore lets the others go on', async () => {
  const Echo = defineActor(url, 'Echo', {
    initial: () => ({}),
    handlers: { echo: (_state, text: string) => text },
  });
  const Asker = defineActor(url, 'Asker', {
    initial: () => ({}),
    onError: 'restart', // So it is supervised.
    handlers: {
      ask: async (_state, to: ActorRef, ctx) => await ctx.ask(to, 'echo', 'here'),
    },
  });
  let restores = 0;
  const actors: LocalActors = new LocalActors({
    afterEach() {
      restores += 1;
      if (restores > 100) throw new Error('nobody goes on');
      actors.replace([Echo, Asker]);
    },
  });
  const echo = actors.spawn(Echo);
  const answer = actors.spawn(Asker).ask('ask', echo.ref);
  await actors.settle();
  expect(await answer).toBe('here');
});
