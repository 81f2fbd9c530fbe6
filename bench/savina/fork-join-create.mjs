/** Spawns many actors, each of which gets one message and ends. */

import { defineActor } from '../../dist/actors/index.js';

const Child = defineActor(import.meta.url, 'Child', {
  initial: () => ({}),
  handlers: {
    work(_state, n, ctx) {
      ctx.send(ctx.sender, 'worked', n & 1);
      ctx.stop();
    },
  },
});

const BATCH = 200;

const Parent = defineActor(import.meta.url, 'Parent', {
  initial: (children) => ({ left: children, open: 0, sum: 0, done: undefined }),
  handlers: {
    start(state, _message, ctx) {
      state.done = ctx.replyLater();
      ctx.send(ctx.self, 'more');
    },
    more(state, _message, ctx) {
      const now = Math.min(BATCH, state.left);
      for (let i = 0; i < now; i += 1) ctx.send(ctx.spawn(Child), 'work', state.left - i);
      state.left -= now;
      state.open += now;
    },
    worked(state, odd, ctx) {
      state.sum += odd;
      state.open -= 1;
      if (state.open > 0) return;
      if (state.left > 0) ctx.send(ctx.self, 'more');
      else ctx.reply(state.sum, state.done);
    },
  },
});

export default {
  sizes: { full: 200_000, smoke: 1_000 },
  messages: (children) => children,
  async run({ spawn, ask, register }, children) {
    register(Child);
    return await ask(spawn(Parent, children), 'start');
  },
  expected: (children) => Math.ceil(children / 2),
};
