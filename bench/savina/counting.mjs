/** One actor sends another many messages, each of which adds one to a number of a flat state. */

import { defineActor } from '../../dist/actors/index.js';

/** What a producer sends in one turn: less than a mailbox holds. */
const BATCH = 500;

export const Counter = defineActor(import.meta.url, 'Counter', {
  initial: () => ({ count: 0 }),
  handlers: {
    increment(state) {
      state.count += 1;
    },
    count: (state) => state.count,
  },
});

const Producer = defineActor(import.meta.url, 'Producer', {
  initial: ({ counter, messages }) => ({ counter, left: messages, done: undefined }),
  handlers: {
    start(state, _message, ctx) {
      state.done = ctx.replyLater();
      ctx.send(ctx.self, 'more');
    },
    more(state, _message, ctx) {
      const now = Math.min(BATCH, state.left);
      const { counter } = state;
      for (let i = 0; i < now; i += 1) ctx.send(counter, 'increment');
      state.left -= now;
      if (state.left > 0) ctx.send(ctx.self, 'more');
      else ctx.ask(counter, 'count', undefined, { reply: 'counted' });
    },
    counted(state, { value }, ctx) {
      ctx.reply(value, state.done);
    },
  },
});

export default {
  sizes: { full: 1_000_000, smoke: 5_000 },
  messages: (messages) => messages,
  async run({ spawn, ask }, messages) {
    return await ask(spawn(Producer, { counter: spawn(Counter), messages }), 'start');
  },
  expected: (messages) => messages,
};
