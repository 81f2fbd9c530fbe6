/** Actors of one thread: what their handlers do, who is told what, and what goes wrong. */

import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  type ActorDown,
  type ActorRef,
  type AskResult,
  defineActor,
  LocalActors,
} from '../../src/actors/index.js';

const url = import.meta.url;

const Account = defineActor(url, 'Account', {
  initial: () => ({ balance: 0 }),
  handlers: {
    deposit(state, { amount }: { amount: number }) {
      state.balance += amount;
    },
    withdraw(state, { amount }: { amount: number }) {
      state.balance -= amount;
      if (state.balance < 0)
        throw new RangeError('insufficient funds', { cause: new Error('poor') });
    },
    balance: (state) => state.balance,
    later: async (state) => String(state.balance),
    rename(_state, _name?: string) {},
  },
});

const code = (expected: string) => expect.objectContaining({ code: expected });
const settled = async <T>(actors: LocalActors, promise: Promise<T>): Promise<T> => {
  promise.catch(() => {});
  await actors.settle();
  return promise;
};

describe('a definition', () => {
  it('types what can be told and asked', () => {
    const { of } = new LocalActors().sharded(Account);
    const alice = of('alice');
    expectTypeOf(alice.ask<'balance'>).returns.resolves.toEqualTypeOf<number>();
    expectTypeOf(alice.ask<'later'>).returns.resolves.toEqualTypeOf<string>();
    expectTypeOf(alice.ask<'deposit'>).returns.resolves.toEqualTypeOf<void>();
    expectTypeOf(alice.tell<'deposit'>).parameters.toEqualTypeOf<
      ['deposit', message: { amount: number }]
    >();
    alice.tell('rename');
    alice.tell('rename', 'x');
    const wrong = () => {
      // @ts-expect-error a message is missing
      alice.tell('deposit');
      // @ts-expect-error no such handler
      alice.tell('steal');
      // @ts-expect-error no message goes with it
      alice.tell('balance', 1);
      // @ts-expect-error another message
      alice.tell('deposit', { amount: '5' });
    };
    expect(wrong).toThrow(code('ERR_HOLDFAST_UNKNOWN_HANDLER'));
  });

  it.each([
    ['no name', () => defineActor(url, '', { initial: () => ({}), handlers: { a() {} } })],
    [
      'a path for a name',
      () => defineActor(url, 'a/b', { initial: () => ({}), handlers: { a() {} } }),
    ],
    ['no url', () => defineActor('here', 'A', { initial: () => ({}), handlers: { a() {} } })],
    ['no handlers', () => defineActor(url, 'A', { initial: () => ({}), handlers: {} })],
    [
      'a handler that is none',
      () => defineActor(url, 'A', { initial: () => ({}), handlers: { a: 1 } as never }),
    ],
    ['no initial', () => defineActor(url, 'A', { handlers: { a() {} } } as never)],
    [
      'an option that is none',
      () =>
        defineActor(url, 'A', { initial: () => ({}), handlers: { a() {} }, mailBox: {} } as never),
    ],
    [
      'a verdict that is none',
      () =>
        defineActor(url, 'A', {
          initial: () => ({}),
          handlers: { a() {} },
          onError: 'ignore' as never,
        }),
    ],
    [
      'a mailbox of nothing',
      () =>
        defineActor(url, 'A', {
          initial: () => ({}),
          handlers: { a() {} },
          mailbox: { capacity: 0 },
        }),
    ],
    [
      'a policy that is none',
      () =>
        defineActor(url, 'A', {
          initial: () => ({}),
          handlers: { a() {} },
          mailbox: { policy: 'lose' as never },
        }),
    ],
  ])('is refused with a named error: %s', (_, define) => {
    expect(define).toThrow(code('ERR_HOLDFAST_BAD_OPTION'));
  });

  it('two of one name are refused', () => {
    const actors = new LocalActors();
    actors.spawn(Account);
    const Other = defineActor(url, 'Account', { initial: () => ({}), handlers: { a() {} } });
    expect(() => actors.spawn(Other)).toThrow(code('ERR_HOLDFAST_ACTOR_DEFINITION'));
  });
});

describe('tell and ask', () => {
  it('reach one logical actor per key', async () => {
    const actors = new LocalActors();
    const accounts = actors.sharded(Account);
    accounts.of('alice').tell('deposit', { amount: 5 });
    accounts.of('bob').tell('deposit', { amount: 7 });
    accounts.of('alice').tell('deposit', { amount: 5 });
    expect(await settled(actors, accounts.of('alice').ask('balance'))).toBe(10);
    expect(await settled(actors, accounts.of('bob').ask('later'))).toBe('7');
    expect(actors.node.world.cells.size).toBe(2);
  });

  it('a throw rejects the ask with name and cause, and leaves the state as it was', async () => {
    const actors = new LocalActors();
    const account = actors.spawn(Account);
    account.tell('deposit', { amount: 5 });
    const error = await settled(actors, account.ask('withdraw', { amount: 6 })).catch((e) => e);
    expect(error).toMatchObject({
      name: 'RangeError',
      message: 'insufficient funds',
      cause: { message: 'poor' },
    });
    expect(await settled(actors, account.ask('balance'))).toBe(5);
  });

  it('what a handler does leaves when it returns, all of it or none', async () => {
    const seen: string[] = [];
    const Sink = defineActor(url, 'Sink', {
      initial: () => ({ n: 0 }),
      handlers: {
        note(_, text: string) {
          seen.push(text);
        },
        down(_, { ref }: ActorDown) {
          seen.push(`down ${ref.path}`);
        },
      },
    });
    const Source = defineActor(url, 'Source', {
      initial: () => ({ n: 0 }),
      handlers: {
        act(state, { sink, fails }: { sink: ActorRef; fails: boolean }, ctx) {
          state.n += 1;
          ctx.send(sink, 'note', 'sent');
          ctx.spawn(Sink, { id: 'child' });
          ctx.after(10, 'tick', sink);
          ctx.stop(sink);
          ctx.reply('early');
          seen.push('acted');
          if (fails) throw new Error('no');
        },
        tick(_, sink: ActorRef, ctx) {
          ctx.send(sink, 'note', 'ticked');
        },
        n: (state) => state.n,
      },
    });
    const actors = new LocalActors();
    const sink = actors.spawn(Sink, { id: 'sink' });
    const source = actors.spawn(Source, { id: 'source' });
    await expect(
      settled(actors, source.ask('act', { sink: sink.ref, fails: true })),
    ).rejects.toThrow('no');
    await actors.advance(100);
    expect(seen).toEqual(['acted']);
    expect(actors.node.refOf('source/child')).toBeUndefined();
    expect(await settled(actors, source.ask('n'))).toBe(0);
    expect(await settled(actors, source.ask('act', { sink: sink.ref, fails: false }))).toBe(
      'early',
    );
    expect(actors.node.refOf('source/child')).toBeDefined();
    expect(seen).toEqual(['acted', 'acted']); // The sink was stopped before it took the message.
    expect(actors.node.deadLetters).toBe(1);
    await actors.advance(100);
    expect(actors.node.deadLetters).toBe(2);
  });

  it('an ask never hangs: no such actor, one that stops, one that is too slow', async () => {
    const Slow = defineActor(url, 'Slow', {
      initial: () => ({ n: 0 }),
      handlers: {
        never: () => new Promise(() => {}),
        quick: (state) => state.n,
        later(_state, _message: undefined, ctx) {
          ctx.replyLater();
        },
        end(_state, _message: undefined, ctx) {
          ctx.stop();
        },
      },
    });
    const actors = new LocalActors();
    const slow = actors.spawn(Slow);
    const first = slow.ask('never', undefined as never);
    const second = slow.ask('quick', { timeoutMs: 100 } as never);
    first.catch(() => {});
    second.catch(() => {});
    await actors.advance(5_000);
    await expect(first).rejects.toEqual(code('ERR_HOLDFAST_ASK_TIMEOUT'));
    await expect(second).rejects.toEqual(code('ERR_HOLDFAST_ASK_TIMEOUT'));
    const third = slow.ask('quick');
    third.catch(() => {});
    actors.node.stop(slow.ref, actors.now);
    expect(() => actors.node.stop(slow.ref, actors.now)).toThrow(
      code('ERR_HOLDFAST_ACTOR_STOPPED'),
    );
    await actors.advance(5_000); // The handler never ends, so it is killed.
    await expect(third).rejects.toEqual(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    await expect(settled(actors, slow.ask('quick'))).rejects.toEqual(
      code('ERR_HOLDFAST_ACTOR_STOPPED'),
    );
    const owing = actors.spawn(Slow);
    const owed = owing.ask('later');
    owed.catch(() => {});
    owing.tell('end');
    await actors.settle();
    await expect(owed).rejects.toEqual(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    expect(actors.node.world.asks.size).toBe(0);
  });
});

describe('between actors', () => {
  const Peer = defineActor(url, 'Peer', {
    initial: () => ({ answers: [] as unknown[], n: 0 }),
    handlers: {
      hold(state, { amount }: { amount: number }) {
        if (amount < 0) throw new TypeError('negative');
        state.n += amount;
        return state.n;
      },
      start(_state, { to, amount }: { to: ActorRef; amount: number }, ctx) {
        ctx.ask(to, 'hold', { amount }, { reply: 'answered', timeoutMs: 50, tag: amount });
      },
      answered(state, result: AskResult) {
        state.answers.push([result.tag, result.ok ? result.value : result.failure.name]);
      },
      answers: (state) => state.answers,
      async await(_state, { to, amount }: { to: ActorRef; amount: number }, ctx) {
        return await ctx.ask(to, 'hold', { amount });
      },
      async chain(_state, path: ActorRef[], ctx) {
        const [next, ...rest] = path;
        return next === undefined ? 'end' : await ctx.ask(next, 'chain', rest);
      },
      silent(_state, _message: undefined, ctx) {
        ctx.replyLater();
      },
      async leak(_state, { to }: { to: ActorRef }, ctx) {
        setImmediate(() => {
          try {
            ctx.send(to, 'hold', { amount: 1 });
          } catch (error) {
            leaked.push(error);
          }
        });
      },
      self(_state, _message: undefined, ctx) {
        ctx.ask(ctx.self, 'answers', undefined, { reply: 'answered' });
      },
      bad(_state, { to, what }: { to: ActorRef; what: string }, ctx) {
        if (what === 'function') ctx.send(to, 'hold', { amount: () => 1 });
        if (what === 'instance') ctx.send(to, 'hold', new (class Money {})());
        if (what === 'handler') ctx.send(to, 'holt', { amount: 1 });
        if (what === 'actor') ctx.send({ ...to, actor: 'Nobody' }, 'hold', { amount: 1 });
        if (what === 'answer') return () => 1;
        return undefined;
      },
    },
  });
  const leaked: unknown[] = [];

  it('answer or deadline comes as a message', async () => {
    const actors = new LocalActors();
    const [a, b] = [actors.spawn(Peer), actors.spawn(Peer)];
    a.tell('start', { to: b.ref, amount: 3 });
    a.tell('start', { to: b.ref, amount: -1 });
    a.tell('start', { to: { ...b.ref, incarnation: 99 }, amount: 1 });
    await actors.settle();
    expect(await settled(actors, a.ask('answers'))).toEqual([
      [1, 'HoldfastError'],
      [3, 3],
      [-1, 'TypeError'],
    ]);
    expect(await settled(actors, a.ask('await', { to: b.ref, amount: 4 }))).toBe(7);
    await expect(settled(actors, a.ask('await', { to: b.ref, amount: -4 }))).rejects.toMatchObject({
      name: 'TypeError',
    });
  });

  it('asking oneself, and a circle of waiting asks, are named errors at once', async () => {
    const actors = new LocalActors();
    const [a, b, c] = [
      actors.spawn(Peer, { id: 'a' }),
      actors.spawn(Peer, { id: 'b' }),
      actors.spawn(Peer, { id: 'c' }),
    ] as const;
    await expect(settled(actors, a.ask('self'))).rejects.toEqual(code('ERR_HOLDFAST_ASK_CYCLE'));
    await expect(settled(actors, a.ask('chain', [a.ref]))).rejects.toEqual(
      code('ERR_HOLDFAST_ASK_CYCLE'),
    );
    const circle = settled(actors, a.ask('chain', [b.ref, c.ref, a.ref]));
    await expect(circle).rejects.toThrow("actors wait for each other's answers: c → a → b → c");
    expect(await settled(actors, a.ask('chain', [b.ref, c.ref]))).toBe('end');
    expect(actors.now).toBe(0);
  });

  it('what an async handler does after its end is a named error', async () => {
    const actors = new LocalActors();
    const [a, b] = [actors.spawn(Peer), actors.spawn(Peer)];
    await settled(actors, a.ask('leak', { to: b.ref }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(leaked).toEqual([code('ERR_HOLDFAST_OUTSIDE_CALLBACK')]);
  });

  it.each([
    ['function', 'ERR_HOLDFAST_UNSUPPORTED_VALUE'],
    ['instance', 'ERR_HOLDFAST_UNSUPPORTED_VALUE'],
    ['answer', 'ERR_HOLDFAST_UNSUPPORTED_VALUE'],
    ['handler', 'ERR_HOLDFAST_UNKNOWN_HANDLER'],
    ['actor', 'ERR_HOLDFAST_UNKNOWN_ACTOR'],
  ])('a wrong %s is a named error', async (what, expected) => {
    const actors = new LocalActors();
    const a = actors.spawn(Peer);
    await expect(settled(actors, a.ask('bad', { to: a.ref, what }))).rejects.toEqual(
      code(expected),
    );
  });

  it('an async handler holds its actor, while others run on', async () => {
    const order: string[] = [];
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const Held = defineActor(url, 'Held', {
      initial: () => ({ n: 0 }),
      handlers: {
        async slow(state) {
          state.n += 1;
          await gate;
          order.push('slow');
          state.n += 1;
        },
        quick(state, who: string) {
          order.push(`${who} ${state.n}`);
        },
      },
    });
    const actors = new LocalActors();
    const [a, b] = [actors.spawn(Held), actors.spawn(Held)];
    a.tell('slow');
    a.tell('quick', 'a');
    b.tell('quick', 'b');
    await actors.settle();
    expect(order).toEqual(['b 0']);
    release();
    await actors.settle();
    expect(order).toEqual(['b 0', 'slow', 'a 2']);
  });

  it('a draft that is used after its handler is a named error', async () => {
    let kept: { inner: { n: number } } | undefined;
    const Keeper = defineActor(url, 'Keeper', {
      initial: () => ({ inner: { n: 0 } }),
      handlers: {
        keep(state) {
          kept = state;
        },
        use() {
          kept!.inner.n += 1;
        },
      },
    });
    const actors = new LocalActors();
    const keeper = actors.spawn(Keeper);
    keeper.tell('keep');
    await expect(settled(actors, keeper.ask('use'))).rejects.toEqual(
      code('ERR_HOLDFAST_OUTSIDE_CALLBACK'),
    );
  });
});
