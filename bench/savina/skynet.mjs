/** A tree in which each actor spawns ten, down to a million leaves; the leaves' numbers are added on the way up. */

import { defineActor } from '../../dist/actors/index.js';

const Node = defineActor(import.meta.url, 'Node', {
  initial: ({ from, size }) => ({ from, size, open: 0, sum: 0, above: undefined, done: undefined }),
  handlers: {
    start(state, above, ctx) {
      state.above = above;
      if (above === undefined) state.done = ctx.replyLater();
      if (state.size === 1) {
        ctx.send(above, 'sum', state.from);
        ctx.stop();
        return;
      }
      const size = state.size / 10;
      for (let i = 0; i < 10; i += 1) {
        ctx.send(
          ctx.spawn(Node, { args: { from: state.from + i * size, size } }),
          'start',
          ctx.self,
        );
      }
      state.open = 10;
    },
    sum(state, sum, ctx) {
      state.sum += sum;
      state.open -= 1;
      if (state.open > 0) return;
      if (state.done !== undefined) ctx.reply(state.sum, state.done);
      else ctx.send(state.above, 'sum', state.sum);
      ctx.stop();
    },
  },
});

export default {
  sizes: { full: 1_000_000, smoke: 1_000 },
  messages: (leaves) => Math.round((leaves * 20) / 9),
  async run({ spawn, ask }, size) {
    return await ask(spawn(Node, { from: 0, size }), 'start');
  },
  expected: (leaves) => (leaves * (leaves - 1)) / 2,
};
