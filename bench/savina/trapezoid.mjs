/** The integral of a function, in pieces that workers add up. Computes more than it sends. */

import { defineActor } from '../../dist/actors/index.js';

const PIECES = 100;
const END = 5;
const f = (x) => 3 * x * x + 2 * x + Math.sin(x);

const Piece = defineActor(import.meta.url, 'Piece', {
  initial: () => ({}),
  handlers: {
    integrate(_state, { from, to, steps }, ctx) {
      const width = (to - from) / steps;
      let area = 0;
      for (let i = 0; i < steps; i += 1) {
        const x = from + i * width;
        area += (width * (f(x) + f(x + width))) / 2;
      }
      ctx.send(ctx.sender, 'part', area);
      ctx.stop();
    },
  },
});

const Integral = defineActor(import.meta.url, 'Integral', {
  initial: () => ({ area: 0, open: PIECES, done: undefined }),
  handlers: {
    start(state, steps, ctx) {
      state.done = ctx.replyLater();
      const width = END / PIECES;
      for (let i = 0; i < PIECES; i += 1) {
        const range = { from: i * width, to: (i + 1) * width, steps: steps / PIECES };
        ctx.send(ctx.spawn(Piece), 'integrate', range);
      }
    },
    part(state, area, ctx) {
      state.area += area;
      state.open -= 1;
      if (state.open === 0) ctx.reply(Math.round(state.area * 100) / 100, state.done);
    },
  },
});

export default {
  isCpuBound: true,
  sizes: { full: 5_000_000, smoke: 100_000 },
  messages: () => 2 * PIECES,
  async run({ spawn, ask, register }, steps) {
    register(Piece);
    return await ask(spawn(Integral), 'start', steps);
  },
  expected: () => Math.round((END ** 3 + END ** 2 + 1 - Math.cos(END)) * 100) / 100,
};
