/** Bounded mailboxes: who waits, what is dropped, and that nobody waits for ever. */

import { describe, expect, it } from 'vitest';
import {
  type ActorRef,
  defineActor,
  LocalActors,
  type MailboxPolicy,
} from '../../src/actors/index.js';

const url = import.meta.url;
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('three actors in a ring, mailboxes of one, fan-out of two', () => {
  const Node = defineActor(url, 'RingNode', {
    initial: () => ({ next: undefined as ActorRef | undefined, seen: 0 }),
    mailbox: { capacity: 1 },
    handlers: {
      join(state, next: ActorRef) {
        state.next = next;
      },
      pass(state, left: number, ctx) {
        state.seen += 1;
        if (left === 0) return;
        ctx.send(state.next!, 'pass', left - 1);
        ctx.send(state.next!, 'pass', left - 1);
      },
      seen: (state) => state.seen,
    },
  });
  const ring = async () => {
    const actors = new LocalActors();
    const all = ['a', 'b', 'c'].map((id) => actors.spawn(Node, { id }));
    for (const [at, node] of all.entries()) node.tell('join', all[(at + 1) % 3]!.ref);
    await actors.settle();
    return { actors, all };
  };

  it('a ring of senders that all wait is an error that names it, and the rest goes on', async () => {
    const { actors, all } = await ring();
    all[0]!.tell('pass', 6);
    await actors.settle();
    const errors = actors.events.flatMap((event) =>
      event.kind === 'error' ? [event.failure] : [],
    );
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0]).toMatchObject({
      code: 'ERR_HOLDFAST_MAILBOX_RING',
      message: expect.stringMatching(
        /wait for room in each other's mailboxes: (a → b → c → a|b → c → a → b|c → a → b → c)\. /,
      ),
    });
    for (const { ref } of all) {
      const cell = actors.node.world.lookUp(ref)!;
      expect([cell.first, cell.more?.waiters, cell.more?.parked?.size ?? 0]).toEqual([
        undefined,
        undefined,
        0,
      ]);
    }
    const asked = all[2]!.ask('seen');
    await actors.settle();
    expect(await asked).toBeGreaterThan(0);
  });

  it('what fits passes without an error: nobody overtakes, nothing is lost', async () => {
    const { actors, all } = await ring();
    all[0]!.tell('pass', 1);
    await actors.settle();
    expect(actors.events).toEqual([]);
    const asked = all[1]!.ask('seen');
    await actors.settle();
    expect(await asked).toBe(2);
  });
});

const order: number[] = [];
const sink = (policy: MailboxPolicy) =>
  defineActor(url, `Sink ${policy}`, {
    initial: () => ({ n: 0 }),
    mailbox: { capacity: 2, policy },
    handlers: {
      take(_, n: number) {
        order.push(n);
      },
    },
  });
const Burst = defineActor(url, 'Burst', {
  initial: () => ({ sent: 0 }),
  handlers: {
    send(state, { to, from, count }: { to: ActorRef; from: number; count: number }, ctx) {
      for (let i = 0; i < count; i += 1) ctx.send(to, 'take', from + i);
      state.sent += count;
      return state.sent;
    },
  },
});

describe('a full mailbox', () => {
  const play = async (policy: MailboxPolicy) => {
    order.length = 0;
    const actors = new LocalActors();
    const to = actors.spawn(sink(policy)).ref;
    const burst = actors.spawn(Burst);
    const asked = burst.ask('send', { to, from: 0, count: 5 });
    const again = burst.ask('send', { to, from: 5, count: 1 });
    again.catch(() => {});
    asked.catch(() => {});
    await actors.settle();
    return { actors, asked, again };
  };

  it('block: the sender waits, in order, and nothing is lost', async () => {
    const { actors, again } = await play('block');
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await again).toBe(6);
    expect(actors.node.deadLetters).toBe(0);
  });

  it('drop-newest', async () => {
    const { actors } = await play('drop-newest');
    expect([order, actors.node.deadLetters]).toEqual([[0, 1], 4]);
  });

  it('drop-oldest', async () => {
    const { actors } = await play('drop-oldest');
    expect([order, actors.node.deadLetters]).toEqual([[4, 5], 4]);
  });

  it('fail: the whole of what the handler does is undone', async () => {
    const { actors, asked, again } = await play('fail');
    await expect(asked).rejects.toEqual(code('ERR_HOLDFAST_MAILBOX_FULL'));
    expect(await again).toBe(1);
    expect([order, actors.node.deadLetters]).toEqual([[5], 0]);
  });

  it('from outside: whoever tells hears that there is no room, and when there is', async () => {
    order.length = 0;
    const actors = new LocalActors();
    const { ref } = actors.spawn(sink('block'));
    const room = [0, 1, 2].map((n) => actors.node.tell(ref, 'take', n, 0));
    expect(room).toEqual([true, true, false]);
    await actors.settle();
    expect(order).toEqual([0, 1, 2]);
  });

  it('answers, timers and signals need no room', async () => {
    const Asker = defineActor(url, 'Asker', {
      initial: () => ({ got: 0 }),
      mailbox: { capacity: 1 },
      handlers: {
        ask(_, to: ActorRef, ctx) {
          ctx.ask(to, 'echo', 1, { reply: 'got' });
          ctx.ask(to, 'echo', 1, { reply: 'got' });
          ctx.after(0, 'got');
          ctx.watch(to, 'got');
        },
        got(state) {
          state.got += 1;
        },
        count: (state) => state.got,
      },
    });
    const Echo = defineActor(url, 'Echo', {
      initial: () => ({}),
      handlers: { echo: (_, n: number) => n },
    });
    const actors = new LocalActors();
    const echo = actors.spawn(Echo);
    const asker = actors.spawn(Asker);
    asker.tell('ask', echo.ref);
    await actors.settle();
    actors.node.stop(echo.ref, actors.now);
    await actors.advance(1);
    const count = asker.ask('count');
    await actors.settle();
    expect(await count).toBe(4);
  });

  it('the same with an awaited ask: a ring of one that waits for an answer and one that waits for room', async () => {
    const Two = defineActor(url, 'Two', {
      initial: () => ({ n: 0 }),
      mailbox: { capacity: 1 },
      handlers: {
        async ask(_, to: ActorRef, ctx) {
          return await ctx.ask(to, 'flood', ctx.self);
        },
        flood(state, to: ActorRef, ctx) {
          for (let i = 0; i < 3; i += 1) ctx.send(to, 'take');
          state.n += 1;
          return state.n;
        },
        take() {},
      },
    });
    const actors = new LocalActors();
    const [a, b] = [actors.spawn(Two, { id: 'a' }), actors.spawn(Two, { id: 'b' })];
    const asked = a.ask('ask', b.ref);
    await actors.settle();
    expect(await asked).toBe(1); // The answer ends the wait, so that a is free and b's messages get room.
    expect(actors.events).toEqual([]);
  });

  it('a stopped actor leaves no sender waiting', async () => {
    const actors = new LocalActors();
    const Stuck = defineActor(url, 'Stuck', {
      initial: () => ({}),
      mailbox: { capacity: 1 },
      handlers: { take: (_, n: number) => (n === 0 ? new Promise(() => {}) : n) },
    });
    const stuck = actors.spawn(Stuck, { shutdown: 100 });
    const burst = actors.spawn(Burst);
    burst.tell('send', { to: stuck.ref, from: 0, count: 4 });
    const next = burst.ask('send', { to: stuck.ref, from: 9, count: 0 });
    await actors.settle();
    actors.node.stop(stuck.ref, actors.now);
    await actors.advance(100);
    expect(await next).toBe(4);
    expect(actors.node.deadLetters).toBe(3);
  });
});
