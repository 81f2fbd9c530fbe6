/** Numbers go through a chain of actors; each holds primes, and hands on what none of them divides. */

import { defineActor } from '../../dist/actors/index.js';

const PRIMES_EACH = 100;
const BATCH = 200;

const Filter = defineActor(import.meta.url, 'Filter', {
  initial: () => ({ primes: [], next: undefined }),
  handlers: {
    number(state, n, ctx) {
      for (const prime of state.primes) {
        if (prime * prime > n) break;
        if (n % prime === 0) return;
      }
      if (state.primes.length < PRIMES_EACH && state.next === undefined) {
        state.primes.push(n);
        return;
      }
      state.next ??= ctx.spawn(Filter);
      ctx.send(state.next, 'number', n);
    },
    // Goes the numbers' way, so it counts them all.
    count(state, { before, to }, ctx) {
      const primes = before + state.primes.length;
      if (state.next === undefined) ctx.send(to, 'counted', primes);
      else ctx.send(state.next, 'count', { before: primes, to });
    },
  },
});

const Source = defineActor(import.meta.url, 'Source', {
  initial: ({ first, upTo }) => ({ first, n: 2, upTo, done: undefined }),
  handlers: {
    start(state, _message, ctx) {
      state.done = ctx.replyLater();
      ctx.send(ctx.self, 'more');
    },
    more(state, _message, ctx) {
      const end = Math.min(state.upTo, state.n + BATCH);
      for (let n = state.n; n < end; n += 1) ctx.send(state.first, 'number', n);
      state.n = end;
      if (end < state.upTo) ctx.send(ctx.self, 'more');
      else ctx.send(state.first, 'count', { before: 0, to: ctx.self });
    },
    counted(state, primes, ctx) {
      ctx.reply(primes, state.done);
    },
  },
});

export default {
  sizes: { full: 30_000, smoke: 1_000 },
  messages: (upTo) => upTo,
  async run({ spawn, ask }, upTo) {
    return await ask(spawn(Source, { first: spawn(Filter), upTo }), 'start');
  },
  expected(upTo) {
    const isComposite = new Uint8Array(upTo);
    let primes = 0;
    for (let n = 2; n < upTo; n += 1) {
      if (isComposite[n]) continue;
      primes += 1;
      for (let m = n * n; m < upTo; m += n) isComposite[m] = 1;
    }
    return primes;
  },
};
