/** How many ways there are to place n queens: a master deals boards of two queens to workers. Computes more than it sends. */

import { defineActor } from '../../dist/actors/index.js';

const WORKERS = 8;
const SOLUTIONS = { 6: 4, 8: 92, 10: 724, 11: 2_680, 12: 14_200, 13: 73_712, 14: 365_596 };

/** @returns solutions, given columns and both diagonals of the queens that stand */
function solutions(all, columns, left, right) {
  if (columns === all) return 1;
  let found = 0;
  for (let free = all & ~(columns | left | right); free !== 0; free &= free - 1) {
    const bit = free & -free;
    found += solutions(all, columns | bit, ((left | bit) << 1) & all, (right | bit) >> 1);
  }
  return found;
}

const Solver = defineActor(import.meta.url, 'Solver', {
  initial: () => ({ boards: 0 }),
  handlers: {
    solve(state, { size, first, second }, ctx) {
      state.boards += 1;
      const all = (1 << size) - 1;
      const one = 1 << first;
      const two = 1 << second;
      const left = (one << 1) & all;
      const right = one >> 1;
      const found =
        (two & (one | left | right)) !== 0
          ? 0
          : solutions(all, one | two, ((left | two) << 1) & all, (right | two) >> 1);
      ctx.send(ctx.sender, 'solved', found);
    },
  },
});

const Master = defineActor(import.meta.url, 'Master', {
  initial: (solvers) => ({ solvers, open: 0, found: 0, done: undefined }),
  handlers: {
    start(state, size, ctx) {
      state.done = ctx.replyLater();
      for (let board = 0; board < size * size; board += 1) {
        const solver = state.solvers[board % state.solvers.length];
        ctx.send(solver, 'solve', { size, first: Math.floor(board / size), second: board % size });
      }
      state.open = size * size;
    },
    solved(state, found, ctx) {
      state.found += found;
      state.open -= 1;
      if (state.open === 0) ctx.reply(state.found, state.done);
    },
  },
});

export default {
  isCpuBound: true,
  sizes: { full: 14, smoke: 6 },
  messages: (size) => 2 * size * size,
  async run({ spawn, ask }, size) {
    const solvers = Array.from({ length: WORKERS }, () => spawn(Solver));
    return await ask(spawn(Master, solvers), 'start', size);
  },
  expected: (size) => SOLUTIONS[size],
};
