/** The cases of supervision that name processes, on real actors of a node (docs/supervision-cases.md has the machine's). */

import { describe, expect, it } from 'vitest';
import {
  type ActorChild,
  type ActorDown,
  type ActorGroup,
  type ActorHandle,
  type ActorRef,
  defineActor,
  IGNORE,
  LocalActors,
  type SuperviseOptions,
} from '../../src/actors/index.js';
import { exponentialBackoff, fixedDelay } from '../../src/supervisor/restart-strategy.js';

const url = import.meta.url;
const code = (expected: string) => expect.objectContaining({ code: expected });

/** What has happened, in order: `+a` a begins, `-a` a has ended. */
let log: string[] = [];
/** Ids whose `initial` throws, so many times. */
let broken = new Map<string, number>();
let ignoring = new Set<string>();

interface Told {
  readonly to: ActorRef;
  readonly path: string;
}

const Worker = defineActor(url, 'Worker', {
  initial: (id: string) => {
    const left = broken.get(id) ?? 0;
    if (left > 0) {
      broken.set(id, left - 1);
      log.push(`!${id}`);
      throw new Error(`${id} cannot start`);
    }
    if (ignoring.has(id)) return IGNORE;
    log.push(`+${id}`);
    return { id, n: 0 };
  },
  onError: (error) => {
    const { message } = error as Error;
    return message === 'stop' || message === 'escalate' || message === 'resume'
      ? message
      : 'restart';
  },
  handlers: {
    add(state) {
      state.n += 1;
      return state.n;
    },
    fail(state, why?: string) {
      state.n += 100;
      throw new Error(why ?? 'crash');
    },
    end(_state, _message: undefined, ctx) {
      ctx.stop();
    },
    async busy(state, gate: number) {
      await gates[gate];
      state.n += 1;
    },
    parent(_state, id: string, ctx) {
      ctx.spawn(Worker, { id, args: id });
    },
    light(_state, id: string, ctx) {
      ctx.spawn(Worker, { id, args: id, restart: 'temporary' });
    },
    link(_state, { to }: Told, ctx) {
      ctx.link(to);
    },
  },
});
const gates: Promise<void>[] = [];
const openGate: (() => void)[] = [];
const Watcher = defineActor(url, 'Watcher', {
  initial: () => ({}),
  handlers: {
    watch(_state, { to }: Told, ctx) {
      ctx.watch(to, 'down');
    },
    down(_state, { ref, reason }: ActorDown) {
      log.push(`-${ref.path} ${reason}`);
    },
  },
});

type Child = Omit<ActorChild, 'actor' | 'args'>;
const worker = (child: string | Child): ActorChild => {
  const given = typeof child === 'string' ? { id: child } : child;
  return { ...given, actor: Worker, args: given.id };
};

class Stage {
  readonly actors = new LocalActors({ supervisor: { intensity: 100 } });
  readonly watcher = this.actors.spawn(Watcher, { id: 'watcher' });

  constructor(
    children: readonly (string | Child | ActorGroup)[],
    options: Omit<SuperviseOptions, 'children'> = {},
  ) {
    log = [];
    broken = new Map();
    ignoring = new Set();
    gates.length = 0;
    openGate.length = 0;
    for (let n = 0; n < 4; n += 1) {
      gates.push(
        new Promise((resolve) => {
          openGate.push(resolve);
        }),
      );
    }
    if (children.length > 0) this.add(children, options);
  }

  add(
    children: readonly (string | Child | ActorGroup)[],
    options: Omit<SuperviseOptions, 'children'> = {},
  ): void {
    const all = children.map((child) =>
      typeof child === 'object' && 'children' in child ? child : worker(child),
    );
    this.actors.supervise('g', { ...options, children: all });
  }

  at = (path: string): ActorHandle<typeof Worker> => this.actors.at(path, Worker);

  async tell(
    path: string,
    name: 'fail' | 'end' | 'light' | 'parent',
    message?: string,
  ): Promise<void> {
    this.actors.node.tell(this.at(path).ref, name, message, this.actors.now);
    await this.actors.settle();
  }

  async ask(path: string): Promise<number> {
    const asked = this.at(path).ask('add');
    asked.catch(() => {});
    await this.actors.settle();
    return asked;
  }

  /** What has been logged since. */
  news(): string {
    const news = log.join(' ');
    log = [];
    return news;
  }

  states(): string {
    const walk = (nodes: ReturnType<LocalActors['node']['tree']>): string[] =>
      nodes.flatMap((node) => [`${node.path}:${node.state}`, ...walk(node.children)]);
    return walk(this.actors.node.tree(this.actors.now))
      .filter((line) => !line.startsWith('watcher'))
      .join(' ');
  }

  async watchAll(...paths: string[]): Promise<void> {
    for (const path of paths) this.watcher.tell('watch', { to: this.at(path).ref, path });
    await this.actors.settle();
  }
}

describe('start and stop', () => {
  it('starts in order, and stops in reverse order, children before parents', async () => {
    const stage = new Stage(['a', 'b', 'c']);
    expect(stage.news()).toBe('+a +b +c');
    await stage.tell('g/b', 'light', 'child');
    expect(stage.news()).toBe('+child');
    await stage.watchAll('g/a', 'g/b', 'g/c', 'g/b/child');
    stage.actors.node.administer('terminate-child', 'g', 0);
    await stage.actors.settle();
    const ends = stage.news();
    const below = '-g/b/child shutdown ';
    expect(ends.replace(below, '')).toBe('-g/c shutdown -g/b shutdown -g/a shutdown');
    expect(ends.indexOf(below)).toBeLessThan(ends.indexOf('-g/b shutdown'));
  });

  it('a child that cannot start fails its supervisor, which stops the others', () => {
    const stage = new Stage([]);
    broken.set('b', 1);
    expect(() => stage.add(['a', 'b', 'c'])).toThrow('start-failed');
    expect(stage.news()).toBe('+a !b');
    expect(stage.states()).toBe('');
  });

  it('a child that says ignore is kept without a process', async () => {
    const stage = new Stage([]);
    ignoring.add('b');
    stage.add(['a', 'b', 'c']);
    expect(stage.states()).toBe('g:running g/a:running g/b:down g/c:running');
    await expect(stage.ask('g/b')).rejects.toEqual(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    ignoring.clear();
    stage.actors.node.administer('restart-child', 'g/b', 0);
    expect(await stage.ask('g/b')).toBe(1);
  });

  it('kills a child that sleeps past its time, while its siblings stop in order', async () => {
    const stage = new Stage([{ id: 'a' }, { id: 'b', shutdown: 50 }, { id: 'c' }]);
    stage.at('g/b').tell('busy', 0);
    await stage.watchAll('g/a', 'g/b', 'g/c');
    stage.news();
    stage.actors.node.administer('terminate-child', 'g', 0);
    await stage.actors.settle();
    expect(stage.news()).toBe('-g/c shutdown');
    await stage.actors.advance(50);
    expect(stage.news()).toBe('-g/b killed -g/a shutdown');
  });

  it('waits for ever with infinity; an async handler ends before its actor', async () => {
    const stage = new Stage([{ id: 'a', shutdown: 'infinity' }]);
    const done = stage.at('g/a').ask('busy', 0);
    await stage.watchAll('g/a');
    stage.actors.node.administer('terminate-child', 'g/a', 0);
    await stage.actors.advance(4_000);
    expect(stage.states()).toBe('g:running g/a:stopping');
    openGate[0]!();
    await stage.actors.settle();
    await done;
    expect(stage.states()).toBe('g:running g/a:down');
    expect(stage.news()).toBe('+a -g/a shutdown');
  });

  it('brutal kill: nobody is asked', async () => {
    const stage = new Stage([{ id: 'a', shutdown: 'brutal-kill' }]);
    stage.at('g/a').tell('busy', 0);
    await stage.watchAll('g/a');
    stage.actors.node.administer('terminate-child', 'g/a', 0);
    await stage.actors.settle();
    expect(stage.news()).toBe('+a -g/a killed');
  });

  it('faulty specifications start nothing', () => {
    const stage = new Stage([]);
    expect(() => stage.add(['a', 'a'])).toThrow('duplicate-child-name');
    expect(() => stage.add([{ id: 'a', significant: true }])).toThrow('bad-combination');
    expect(() => stage.add(['a'], { strategy: 'most' as never })).toThrow('invalid-strategy');
    expect(stage.news()).toBe('');
  });
});

describe('the end of a child', () => {
  it.each([
    ['permanent', 'normal', true],
    ['permanent', 'abnormal', true],
    ['transient', 'normal', false],
    ['transient', 'abnormal', true],
    ['temporary', 'normal', false],
    ['temporary', 'abnormal', false],
  ] as const)('%s × %s', async (restart, reason, startsAgain) => {
    const stage = new Stage([{ id: 'a', restart }]);
    await stage.ask('g/a');
    stage.news();
    await stage.tell('g/a', reason === 'normal' ? 'end' : 'fail');
    expect(stage.news()).toBe(startsAgain ? '+a' : '');
    if (startsAgain)
      expect(await stage.ask('g/a')).toBe(1); // From `initial`.
    else if (restart === 'temporary') expect(() => stage.at('g/a')).toThrow('no actor');
    else await expect(stage.ask('g/a')).rejects.toEqual(code('ERR_HOLDFAST_ACTOR_STOPPED'));
  });

  it('a throw is the caller’s error, unless the decider says otherwise', async () => {
    const stage = new Stage(['a', 'b'], { intensity: 0 });
    await stage.ask('g/a');
    await stage.tell('g/a', 'fail', 'resume');
    expect(await stage.ask('g/a')).toBe(2);
    stage.news();
    await stage.tell('g/a', 'fail', 'stop');
    expect(stage.states()).toBe('g:running g/a:down g/b:running');
    await stage.tell('g/b', 'fail', 'escalate');
    expect(stage.news()).toBe('+a +b'); // The supervisor was killed, and its own restarts it.
  });

  it('keeps its address and its mailbox when it is restarted', async () => {
    const stage = new Stage(['a'], { backoff: fixedDelay({ delayMs: 10, attempts: 5 }) });
    await stage.ask('g/a');
    const { ref } = stage.at('g/a');
    const lost = stage.at('g/a').ask('fail', 'crash');
    const waits = stage.at('g/a').ask('add');
    lost.catch(() => {});
    await stage.actors.settle();
    await expect(lost).rejects.toThrow('crash');
    expect(stage.states()).toBe('g:running g/a:restarting');
    await stage.actors.advance(10);
    expect(await waits).toBe(1);
    expect(stage.at('g/a').ref).toEqual(ref);
  });
});

describe('strategies', () => {
  it('one-for-one: only the failed child restarts', async () => {
    const stage = new Stage(['a', 'b', 'c']);
    stage.news();
    await stage.tell('g/b', 'fail');
    expect(stage.news()).toBe('+b');
  });

  it('one-for-all: all start again in order', async () => {
    const stage = new Stage(['a', 'b', 'c'], { strategy: 'one-for-all' });
    stage.news();
    await stage.tell('g/b', 'fail');
    expect(stage.news()).toBe('+a +b +c');
  });

  it('rest-for-one: the failed child and those started after it', async () => {
    const stage = new Stage(['a', 'b', 'c'], { strategy: 'rest-for-one' });
    stage.news();
    await stage.tell('g/b', 'fail');
    expect(stage.news()).toBe('+b +c');
  });

  it('temporary bystander: it is stopped with the group and not started again', async () => {
    const stage = new Stage(['a', { id: 'b', restart: 'temporary' }], { strategy: 'one-for-all' });
    await stage.watchAll('g/b');
    stage.news();
    await stage.tell('g/a', 'fail');
    expect(stage.news()).toBe('+a -g/b shutdown');
  });

  it('escalates after the budget: the supervisor above starts all of it anew', async () => {
    const stage = new Stage(['a', 'b'], { intensity: 1 });
    stage.news();
    await stage.tell('g/a', 'fail');
    expect(stage.news()).toBe('+a');
    await stage.tell('g/a', 'fail');
    expect(stage.news()).toBe('+a +b');
    expect(stage.actors.events.filter(({ kind }) => kind === 'escalated')).toHaveLength(1);
  });

  it('S12: a transient child that ended normally is done: no restart of its group starts it again', async () => {
    const stage = new Stage(['a', { id: 'b', restart: 'transient' }], { strategy: 'one-for-all' });
    await stage.tell('g/b', 'end');
    stage.news();
    await stage.tell('g/a', 'fail');
    expect(stage.news()).toBe('+a');
  });

  it('O1: the period slides in milliseconds', async () => {
    const stage = new Stage(['a'], { intensity: 1, periodMs: 5_000 });
    await stage.tell('g/a', 'fail');
    await stage.actors.advance(5_001);
    await stage.tell('g/a', 'fail');
    expect(stage.actors.events.some(({ kind }) => kind === 'escalated')).toBe(false);
    await stage.actors.advance(5_000);
    await stage.tell('g/a', 'fail');
    expect(stage.actors.events.some(({ kind }) => kind === 'escalated')).toBe(true);
  });

  it('O2: each restart that fails to start counts; those behind are not started in between', async () => {
    const stage = new Stage(['a', 'b', 'c'], { strategy: 'rest-for-one', intensity: 3 });
    stage.news();
    broken.set('b', 3);
    await stage.tell('g/b', 'fail');
    expect(stage.news()).toBe('!b !b !b +a +b +c'); // The budget is spent: the supervisor above begins anew.
  });

  it('O2: a back-off stands between the tries, and the node answers meanwhile', async () => {
    const backoff = exponentialBackoff({ initialMs: 10, factor: 2, jitter: 0 });
    const stage = new Stage(['a', 'b'], { backoff });
    stage.news();
    broken.set('a', 2);
    await stage.tell('g/a', 'fail');
    expect(await stage.ask('g/b')).toBe(1);
    await stage.actors.advance(10);
    expect(stage.news()).toBe('!a');
    await stage.actors.advance(20);
    expect(stage.news()).toBe('!a');
    await stage.actors.advance(40);
    expect(stage.news()).toBe('+a');
  });

  it('O3: a child that dies while a later one is being stopped is restarted with the group, once', async () => {
    const stage = new Stage(['a', 'b', 'c'], { strategy: 'rest-for-one', intensity: 5 });
    stage.at('g/c').tell('busy', 0);
    await stage.watchAll('g/c');
    stage.news();
    await stage.tell('g/b', 'fail'); // c is asked to stop, and is busy.
    expect(stage.news()).toBe('');
    await stage.tell('g/a', 'fail');
    expect(stage.news()).toBe('');
    openGate[0]!();
    await stage.actors.settle();
    expect(stage.news()).toBe('+a +b +c');
  });

  it('a restart loop that never ends leaves the supervisor responsive', async () => {
    const backoff = fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 5 });
    const stage = new Stage(['a', 'b'], { backoff });
    broken.set('a', 1_000);
    await stage.tell('g/a', 'fail');
    await stage.actors.advance(50);
    expect(await stage.ask('g/b')).toBe(1);
    stage.actors.node.administer('terminate-child', 'g', stage.actors.now);
    await stage.actors.settle();
    expect(stage.states()).toBe('g:down g/a:down g/b:down');
    expect(stage.actors.node.nextDeadline()).toBeUndefined();
  });
});

describe('significant children, administration, trees', () => {
  it('all-significant: the last one that ends ends the supervisor; the rest stop', async () => {
    const significant = { restart: 'transient', significant: true } as const;
    const stage = new Stage([{ id: 'a', ...significant }, { id: 'b', ...significant }, 'c'], {
      autoShutdown: 'all-significant',
    });
    await stage.watchAll('g/c');
    await stage.tell('g/a', 'end');
    expect(stage.states()).toContain('g/c:running');
    stage.news();
    await stage.tell('g/b', 'end');
    // The group was permanent, so its supervisor begins it anew.
    expect(stage.news()).toContain('+a +b +c');
  });

  it('dynamic children of one template', async () => {
    const stage = new Stage([]);
    const template = { actor: Worker, id: 'template', args: 'dynamic' };
    stage.actors.supervise('pool', {
      strategy: 'simple-one-for-one',
      intensity: 5,
      children: [template],
    });
    const replies: unknown[] = [];
    for (const id of ['x', 'y', 'x']) {
      stage.actors.node.supervise('pool', id, 0, (result) => replies.push(result.kind));
    }
    expect(replies).toEqual(['started', 'started', 'refused']);
    await stage.tell('pool/x', 'fail');
    expect(await stage.ask('pool/x')).toBe(1);
    stage.actors.node.stop(stage.at('pool/y').ref, 0);
    await stage.actors.settle();
    expect(() => stage.at('pool/y')).toThrow('no actor');
    stage.actors.node.supervise('pool', 'y', 0);
    expect(await stage.ask('pool/y')).toBe(1);
  });

  it('start, terminate, restart, delete a child', async () => {
    const stage = new Stage(['a']);
    const replies: string[] = [];
    const reply = ({ kind }: { readonly kind: string }) => replies.push(kind);
    const { node } = stage.actors;
    node.supervise('g', worker('b'), 0, reply);
    node.administer('delete-child', 'g/b', 0, reply);
    node.administer('terminate-child', 'g/b', 0, reply);
    node.administer('restart-child', 'g/b', 0, reply);
    expect(await stage.ask('g/b')).toBe(1);
    node.administer('terminate-child', 'g/b', 0, reply);
    node.administer('delete-child', 'g/b', 0, reply);
    expect(replies).toEqual([
      'started',
      'refused',
      'terminated',
      'started',
      'terminated',
      'deleted',
    ]);
    expect(() => stage.at('g/b')).toThrow('no actor');
  });

  it('three levels: a failed middle supervisor takes exactly its subtree with it', async () => {
    const middle: ActorGroup = { id: 'm', intensity: 0, children: [worker('x'), worker('y')] };
    const stage = new Stage(['a', middle, 'b'], { intensity: 5 });
    expect(stage.news()).toBe('+a +x +y +b');
    await stage.tell('g/m/x', 'fail');
    expect(stage.news()).toBe('+x +y');
    expect(stage.states()).toBe(
      'g:running g/a:running g/m:running g/m/x:running g/m/y:running g/b:running',
    );
  });

  it('an actor supervises what it spawns: restarts it, and fails when the budget is spent', async () => {
    const stage = new Stage(['a'], { intensity: 5 });
    await stage.tell('g/a', 'parent', 'child');
    expect(stage.news()).toBe('+a +child');
    for (let n = 0; n < 3; n += 1) await stage.tell('g/a/child', 'fail');
    expect(stage.news()).toBe('+child +child +child');
    await stage.tell('g/a/child', 'fail');
    expect(stage.news()).toBe('+a'); // Its children are gone with it.
    expect(stage.states()).toBe('g:running g/a:running');
  });

  it('10 000 children start, and stop, each once', async () => {
    const stage = new Stage(Array.from({ length: 10_000 }, (_, n) => `w${n}`));
    expect(log).toHaveLength(10_000);
    stage.actors.node.shutdown(0);
    await stage.actors.settle();
    expect(stage.actors.events.filter(({ kind }) => kind === 'ended')).toEqual([
      { kind: 'ended', failure: undefined },
    ]);
    expect([...stage.actors.node.world.cells.values()].every(({ life }) => life === 'down')).toBe(
      true,
    );
  });
});

describe('watches, links, keys', () => {
  it('a link takes the other one down, and a watch tells of both', async () => {
    const stage = new Stage([]);
    const [a, b] = [
      stage.actors.spawn(Worker, { id: 'a', args: 'a', restart: 'temporary' }),
      stage.actors.spawn(Worker, { id: 'b', args: 'b', restart: 'temporary' }),
    ];
    a.tell('link', { to: b.ref, path: '' });
    await stage.watchAll('a', 'b');
    stage.news();
    b.tell('fail');
    await stage.actors.settle();
    expect(stage.news()).toBe('-b abnormal -a abnormal');
    stage.watcher.tell('watch', { to: b.ref, path: '' });
    await stage.actors.settle();
    expect(stage.news()).toBe('-b not-found');
  });

  it('sharded: a budget per key; a spent one stops that key for a while, never its neighbours', async () => {
    const stage = new Stage([]);
    const keys = stage.actors.sharded(Worker, { intensity: 1, periodMs: 1_000 });
    const add = async (key: string) => {
      const asked = keys.of(key).ask('add');
      asked.catch(() => {});
      await stage.actors.settle();
      return asked;
    };
    expect([await add('x'), await add('y')]).toEqual([1, 1]);
    for (let n = 0; n < 2; n += 1) {
      keys.of('x').tell('fail');
      await stage.actors.settle();
      if (n === 0) expect(await add('x')).toBe(1);
    }
    await expect(add('x')).rejects.toEqual(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    expect(await add('y')).toBe(2);
    await stage.actors.advance(1_000);
    expect(await add('x')).toBe(1);
  });

  it('an actor that spawns without end, or ever deeper, is stopped by a named error', async () => {
    const Hydra = defineActor(url, 'Hydra', {
      initial: () => ({ n: 0 }),
      handlers: {
        grow(_state, deep: boolean, ctx) {
          const child = ctx.spawn(Hydra);
          ctx.send(deep ? child : ctx.self, 'grow', deep);
        },
      },
    });
    const actors = new LocalActors({ maxActors: 500, maxDepth: 20 });
    for (const deep of [true, false]) {
      actors.spawn(Hydra).tell('grow', deep);
      await actors.settle();
    }
    const codes = actors.events.map((event) => event.kind === 'error' && event.failure.code);
    expect(codes).toEqual(['ERR_HOLDFAST_ACTOR_LIMIT', 'ERR_HOLDFAST_ACTOR_LIMIT']);
    expect(actors.node.world.cells.size).toBe(500);
  });
});
