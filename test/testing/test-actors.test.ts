/** The kit for tests of actors: time by hand, probes, faults, restores between messages. */

import { describe, expect, expectTypeOf, it } from 'vitest';
import { type ActorRef, defineActor } from '../../src/actors/index.js';
import { testActors } from '../../src/testing/test-actors.js';

const url = import.meta.url;
const code = (expected: string) => expect.objectContaining({ code: expected });

const Audit = defineActor(url, 'Audit', {
  initial: () => ({ notes: [] as string[] }),
  handlers: {
    note(state, text: string) {
      state.notes.push(text);
    },
    limit: (_state, _name: string): number => 10,
    empty() {},
  },
});

const Account = defineActor(url, 'Account', {
  initial: () => ({ balance: 0, audit: undefined as ActorRef | undefined }),
  onError: (error) => (error instanceof RangeError ? 'resume' : 'restart'),
  handlers: {
    audited(state, audit: ActorRef) {
      state.audit = audit;
    },
    deposit(state, amount: number, ctx) {
      state.balance += amount;
      if (state.audit !== undefined) ctx.send(state.audit, 'note', `+${amount}`);
    },
    remind(state, ms: number, ctx) {
      ctx.after(ms, 'reminded');
      if (state.audit !== undefined) ctx.send(state.audit, 'empty');
    },
    reminded(state, _message: undefined, ctx) {
      ctx.send(state.audit!, 'note', `at ${ctx.now}`);
    },
    async withinLimit(state, _message: undefined, ctx) {
      const limit = (await ctx.ask(state.audit!, 'limit', 'balance')) as number;
      if (state.balance > limit) throw new RangeError(`more than ${limit}`);
      return state.balance;
    },
    async slow(state, _message: undefined, ctx) {
      await ctx.ask(state.audit!, 'limit', 'x', { timeoutMs: 50 });
    },
    balance: (state) => state.balance,
  },
});

const kit = (options = {}) => testActors({ actors: [Account, Audit], ...options });

describe('actors in a test', () => {
  it('are typed as those of a system', () => {
    const actors = kit();
    const account = actors.spawn(Account);
    expectTypeOf(account.ask<'balance'>).returns.resolves.toEqualTypeOf<number>();
    const probe = actors.probe(Audit);
    expectTypeOf(probe.ref).toExtend<ActorRef<typeof Audit>>();
    expectTypeOf(probe.next<'note'>).returns.resolves.toEqualTypeOf<string>();
    expectTypeOf(probe.next<'empty'>).returns.resolves.toEqualTypeOf<undefined>();
    expectTypeOf(actors.state(account)!.balance).toEqualTypeOf<number>();
    const wrong = () => {
      // @ts-expect-error another message
      account.tell('deposit', 'much');
      // @ts-expect-error no such handler
      probe.answer('nothing', () => 1);
      // @ts-expect-error another answer
      probe.answer('limit', () => 'ten');
    };
    expect(wrong).toBeTypeOf('function');
  });

  it('answer at once, and have a state that can be looked at but not changed', async () => {
    const actors = kit();
    const account = actors.sharded(Account).of('ann');
    account.tell('deposit', 5);
    expect(actors.state(account)).toEqual({ balance: 0, audit: undefined });
    expect(await account.ask('balance')).toBe(5);
    actors.state(account)!.balance = 7;
    expect(await account.ask('balance')).toBe(5);
  });

  it('know only the definitions that were given', () => {
    const Other = defineActor(url, 'Audit', { initial: () => ({}), handlers: { a() {} } });
    expect(() => kit().spawn(Other)).toThrow(code('ERR_HOLDFAST_UNKNOWN_ACTOR'));
    expect(() => testActors({ actors: [Audit] }).probe(Account)).toThrow(
      code('ERR_HOLDFAST_UNKNOWN_ACTOR'),
    );
    expect(() => kit({ actors: [Audit, Other] })).toThrow(code('ERR_HOLDFAST_ACTOR_DEFINITION'));
  });

  it.each([
    ['no definitions', { actors: undefined }],
    ['something that is no definition', { actors: [{}] }],
    ['a seed that is none', { seed: -1 }],
    ['a way to restore that is none', { restore: 'often' }],
    ['a time that is none', { startMs: Number.NaN }],
    ['drafts that are none', { drafts: 'deep' }],
    ['an option that is none', { sead: 1 }],
  ])('refuse %s by name', (_, options) => {
    expect(() => kit(options)).toThrow(code('ERR_HOLDFAST_BAD_OPTION'));
  });
});

describe('time', () => {
  it('stands still until the test lets it go on, deadline by deadline', async () => {
    const actors = kit({ startMs: 1_000 });
    const audit = actors.probe(Audit);
    const account = actors.spawn(Account);
    account.tell('audited', audit.ref);
    account.tell('remind', 60_000);
    account.tell('remind', 20_000);
    await actors.settle();
    expect(await audit.take()).toHaveLength(2);
    await actors.advance(19_999);
    await audit.none();
    await actors.advance(1);
    expect(await audit.next('note')).toBe('at 21000');
    await actors.advance(100_000);
    expect(await audit.next('note')).toBe('at 61000');
    expect(actors.now).toBe(121_000);
  });

  it('ends an ask that nobody answers', async () => {
    const Deaf = defineActor(url, 'Deaf', {
      initial: () => ({}),
      handlers: {
        hear(_state, _message: undefined, ctx) {
          ctx.replyLater();
        },
      },
    });
    const actors = testActors({ actors: [Deaf] });
    const answer = actors.spawn(Deaf).ask('hear', undefined, { timeoutMs: 300 });
    await actors.advance(300);
    await expect(answer).rejects.toThrow(code('ERR_HOLDFAST_ASK_TIMEOUT'));
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('does not go on by %d', (ms) => {
    expect(() => kit().advance(ms)).toThrow(code('ERR_HOLDFAST_BAD_OPTION'));
  });
});

describe('a probe', () => {
  it('gets what is sent to it, in order and with its sender, and answers as it is told', async () => {
    const actors = kit();
    const audit = actors.probe(Audit);
    const account = actors.spawn(Account);
    audit.answer('limit', () => 3);
    account.tell('audited', audit.ref);
    account.tell('deposit', 4);
    await expect(account.ask('withinLimit')).rejects.toThrow('more than 3');
    expect(await audit.take()).toEqual([
      { handler: 'note', message: '+4', sender: account.ref },
      { handler: 'limit', message: 'balance', sender: account.ref },
    ]);
    audit.answer('limit', () => {
      throw new TypeError('no limits here');
    });
    await expect(account.ask('withinLimit')).rejects.toThrow('no limits here');
  });

  it('says what has come when it is not what was expected', async () => {
    const actors = kit();
    const audit = actors.probe(Audit);
    await expect(audit.next('note')).rejects.toThrow(/nothing has come/);
    await audit.none();
    actors.handle(audit.ref).tell('note', 'a');
    await expect(audit.next('limit')).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_PROBE',
      message: expect.stringContaining("'note' has come first"),
    });
    await expect(audit.none()).rejects.toThrow(code('ERR_HOLDFAST_PROBE'));
    expect(await audit.next('note')).toBe('a');
  });
});

describe('faults', () => {
  it('a message throws, and the handler has not run; each call is one more message', async () => {
    const actors = kit();
    const account = actors.spawn(Account, { id: 'a' });
    account.tell('deposit', 5);
    actors.throwNext(account, new RangeError('once'));
    actors.throwNext(account, new RangeError('twice'));
    await actors.settle();
    await expect(account.ask('withinLimit')).rejects.toThrow('twice');
    expect(await account.ask('balance')).toBe(0);
    expect(actors.events).toMatchObject([
      { kind: 'error', path: 'a', failure: { message: 'once' } },
    ]);
  });

  it('one that is killed comes back by its supervisor with its first state, at the same address', async () => {
    const actors = kit();
    actors.supervise('bank', { strategy: 'one-for-one', children: [{ id: 'a', actor: Account }] });
    const account = actors.at('bank/a', Account);
    account.tell('deposit', 5);
    await actors.settle();
    actors.kill(account);
    await actors.advance(1_000);
    expect(await account.ask('balance')).toBe(0);
    expect(actors.events.map(({ kind }) => kind)).toContain('restarting');
    expect(actors.tree()).toMatchObject([
      { path: 'bank', kind: 'supervisor', children: [{ path: 'bank/a', state: 'running' }] },
    ]);
    actors.throwNext(account, new Error('a bug'));
    account.tell('deposit', 5);
    await actors.advance(1_000);
    expect(await account.ask('balance')).toBe(0);
  });

  it('what is sent to one that has ended is a dead letter', async () => {
    const actors = kit();
    const account = actors.spawn(Account);
    actors.stop(account);
    await actors.settle();
    account.tell('deposit', 5);
    expect(actors.deadLetters).toMatchObject([{ reason: 'stopped', handler: 'deposit' }]);
    await expect(account.ask('balance')).rejects.toThrow(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    expect(() => actors.kill(account)).toThrow(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    expect(() => actors.stop(account)).toThrow(code('ERR_HOLDFAST_ACTOR_STOPPED'));
    expect(() => actors.at('nowhere', Account)).toThrow(code('ERR_HOLDFAST_ACTOR_STOPPED'));
  });
});

describe('restores', () => {
  it('now: states, timers and messages go on', async () => {
    const actors = kit();
    const audit = actors.probe(Audit);
    const account = actors.spawn(Account);
    account.tell('audited', audit.ref);
    account.tell('remind', 100);
    await actors.settle();
    account.tell('deposit', 5);
    actors.restore();
    await actors.advance(100);
    expect((await audit.take()).map(({ message }) => message)).toEqual([undefined, '+5', 'at 100']);
    expect(await account.ask('balance')).toBe(5);
  });

  it('between every two messages: an async handler asks once, and what is kept outside is seen', async () => {
    const Forgetful = defineActor(url, 'Forgetful', {
      initial: () => ({ seen: new WeakRef({}) as object }),
      handlers: { a() {} },
    });
    const actors = kit({ restore: 'between-messages' });
    const audit = actors.probe(Audit);
    audit.answer('limit', () => 30);
    const account = actors.spawn(Account);
    account.tell('audited', audit.ref);
    for (let i = 0; i < 4; i += 1) account.tell('deposit', 5);
    expect(await account.ask('withinLimit')).toBe(20);
    expect((await audit.take()).map(({ handler }) => handler).sort()).toEqual([
      'limit',
      ...Array(4).fill('note'),
    ]);
    const other = testActors({ actors: [Forgetful], restore: 'between-messages' });
    await expect(other.spawn(Forgetful).ask('a')).rejects.toThrow(
      code('ERR_HOLDFAST_UNSUPPORTED_VALUE'),
    );
  });
});

it('a seed repeats an order, and seeds differ', async () => {
  const orderOf = async (seed: number) => {
    const actors = kit({ seed });
    const audit = actors.probe(Audit);
    for (let i = 0; i < 8; i += 1) {
      const account = actors.spawn(Account);
      account.tell('audited', audit.ref);
      account.tell('deposit', i);
    }
    return (await audit.take()).map(({ message }) => message).join();
  };
  const orders = await Promise.all([1, 1, 2, 3].map(orderOf));
  expect(orders[1]).toBe(orders[0]);
  expect(new Set(orders).size).toBe(3);
});
