/** Many to many: each of a hundred actors pings others, chosen by a sum that repeats, and waits for each pong. */

import { defineActor } from '../../dist/actors/index.js';

const ACTORS = 100;

const Peer = defineActor(import.meta.url, 'Peer', {
  initial: ({ place, pings }) => ({ place, left: pings, seen: 0, peers: [], sink: undefined }),
  handlers: {
    connect(state, { peers, sink }) {
      state.peers = peers;
      state.sink = sink;
    },
    go(state, _message, ctx) {
      if (state.left === 0) {
        ctx.send(state.sink, 'ended');
        return;
      }
      state.left -= 1;
      const to = (state.place * 31 + state.left * 17) % ACTORS;
      ctx.send(state.peers[to], 'ping');
    },
    ping(state, _message, ctx) {
      state.seen += 1;
      ctx.send(ctx.sender, 'go');
    },
    seen: (state) => state.seen,
  },
});

const Sink = defineActor(import.meta.url, 'Sink', {
  initial: () => ({ ended: 0, done: undefined }),
  handlers: {
    whenAll(state, _message, ctx) {
      state.done = ctx.replyLater();
    },
    ended(state, _message, ctx) {
      state.ended += 1;
      if (state.ended === ACTORS) ctx.reply(state.ended, state.done);
    },
  },
});

export default {
  sizes: { full: 100_000, smoke: 1_000 },
  messages: (pings) => 2 * pings,
  async run({ spawn, tell, ask }, pings) {
    const sink = spawn(Sink);
    const peers = Array.from({ length: ACTORS }, (_, place) =>
      spawn(Peer, { place, pings: pings / ACTORS }),
    );
    for (const peer of peers) tell(peer, 'connect', { peers, sink });
    const all = ask(sink, 'whenAll');
    for (const peer of peers) tell(peer, 'go');
    await all;
    const seen = await Promise.all(peers.map((peer) => ask(peer, 'seen')));
    return seen.reduce((a, b) => a + b, 0);
  },
  expected: (pings) => pings,
};
