/** A hundred actors in a ring hand a number on, which becomes smaller by one each time. */

import { defineActor } from '../../dist/actors/index.js';

const ACTORS = 100;

const Link = defineActor(import.meta.url, 'Link', {
  initial: (place) => ({ place, next: undefined, boss: undefined }),
  handlers: {
    connect(state, { next, boss }) {
      state.next = next;
      state.boss = boss;
    },
    token(state, left, ctx) {
      if (left > 0) ctx.send(state.next, 'token', left - 1);
      else ctx.send(state.boss, 'ended', state.place);
    },
  },
});

const Boss = defineActor(import.meta.url, 'Boss', {
  initial: () => ({ done: undefined }),
  handlers: {
    start(state, { first, hops }, ctx) {
      state.done = ctx.replyLater();
      ctx.send(first, 'token', hops);
    },
    ended(state, place, ctx) {
      ctx.reply(place, state.done);
    },
  },
});

export default {
  sizes: { full: 300_000, smoke: 1_234 },
  messages: (hops) => hops,
  async run({ spawn, tell, ask }, hops) {
    const boss = spawn(Boss);
    const ring = Array.from({ length: ACTORS }, (_, place) => spawn(Link, place));
    ring.forEach((link, i) => {
      tell(link, 'connect', { next: ring[(i + 1) % ACTORS], boss });
    });
    return await ask(boss, 'start', { first: ring[0], hops });
  },
  expected: (hops) => hops % ACTORS,
};
