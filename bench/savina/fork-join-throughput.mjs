/** Messages to sixty actors in turn; each computes a little. */

import { defineActor } from '../../dist/actors/index.js';

const WORKERS = 60;

const Worker = defineActor(import.meta.url, 'Worker', {
  initial: () => ({ done: 0, sum: 0 }),
  handlers: {
    work(state, n) {
      state.sum += Math.sin(n) ** 2 <= 1 ? 1 : 0;
      state.done += 1;
    },
    sum: (state) => state.sum,
  },
});

export default {
  sizes: { full: 300_000, smoke: 1_200 },
  messages: (messages) => messages,
  async run({ spawn, tell, ask, settle }, messages) {
    const workers = Array.from({ length: WORKERS }, () => spawn(Worker));
    for (let i = 0; i < messages; i += 1) {
      tell(workers[i % WORKERS], 'work', i);
      if (i % 30_000 === 29_999) await settle();
    }
    await settle();
    const sums = await Promise.all(workers.map((worker) => ask(worker, 'sum')));
    return sums.reduce((a, b) => a + b, 0);
  },
  expected: (messages) => messages,
};
