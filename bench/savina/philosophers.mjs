/** Twenty philosophers ask one arbiter for their two forks, and try again when one is taken. */

import { defineActor } from '../../dist/actors/index.js';

const SEATS = 20;

const Arbiter = defineActor(import.meta.url, 'Arbiter', {
  initial: () => ({ taken: Array(SEATS).fill(false), meals: 0, gone: 0, done: undefined }),
  handlers: {
    whenAll(state, _message, ctx) {
      state.done = ctx.replyLater();
    },
    hungry(state, seat, ctx) {
      const other = (seat + 1) % SEATS;
      if (state.taken[seat] || state.taken[other]) {
        ctx.send(ctx.sender, 'denied');
        return;
      }
      state.taken[seat] = true;
      state.taken[other] = true;
      ctx.send(ctx.sender, 'eat');
    },
    eaten(state, seat) {
      const other = (seat + 1) % SEATS;
      if (!state.taken[seat] || !state.taken[other]) throw new Error('ate without forks');
      state.taken[seat] = false;
      state.taken[other] = false;
      state.meals += 1;
    },
    leaves(state, _message, ctx) {
      state.gone += 1;
      if (state.gone === SEATS) ctx.reply(state.meals, state.done);
    },
  },
});

const Philosopher = defineActor(import.meta.url, 'Philosopher', {
  initial: ({ seat, meals, arbiter }) => ({ seat, left: meals, arbiter }),
  handlers: {
    start(state, _message, ctx) {
      ctx.send(state.arbiter, 'hungry', state.seat);
    },
    denied(state, _message, ctx) {
      ctx.send(state.arbiter, 'hungry', state.seat);
    },
    eat(state, _message, ctx) {
      state.left -= 1;
      ctx.send(state.arbiter, 'eaten', state.seat);
      if (state.left > 0) ctx.send(state.arbiter, 'hungry', state.seat);
      else ctx.send(state.arbiter, 'leaves');
    },
  },
});

export default {
  sizes: { full: 40_000, smoke: 400 },
  messages: (meals) => 3 * meals,
  async run({ spawn, tell, ask }, meals) {
    const arbiter = spawn(Arbiter);
    const all = ask(arbiter, 'whenAll');
    for (let seat = 0; seat < SEATS; seat += 1) {
      tell(spawn(Philosopher, { seat, meals: meals / SEATS, arbiter }), 'start');
    }
    return await all;
  },
  expected: (meals) => meals,
};
