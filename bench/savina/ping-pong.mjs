/** Two actors that send one message to and fro. */

import { defineActor } from '../../dist/actors/index.js';

const Pong = defineActor(import.meta.url, 'Pong', {
  initial: () => ({ pings: 0 }),
  handlers: {
    ping(state, _message, ctx) {
      state.pings += 1;
      ctx.send(ctx.sender, 'pong', state.pings);
    },
  },
});

const Ping = defineActor(import.meta.url, 'Ping', {
  initial: ({ pong, rounds }) => ({ pong, rounds, done: undefined }),
  handlers: {
    start(state, _message, ctx) {
      state.done = ctx.replyLater();
      ctx.send(state.pong, 'ping');
    },
    pong(state, pings, ctx) {
      if (pings === state.rounds) ctx.reply(pings, state.done);
      else ctx.send(state.pong, 'ping');
    },
  },
});

export default {
  sizes: { full: 200_000, smoke: 1_000 },
  messages: (rounds) => 2 * rounds,
  async run({ spawn, ask }, rounds) {
    return await ask(spawn(Ping, { pong: spawn(Pong), rounds }), 'start');
  },
  expected: (rounds) => rounds,
};
