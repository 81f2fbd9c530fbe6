/** The clauses that every sink has to keep, and those for sinks that repeat rows after a crash. */

import { type Clause, range } from './sink-clause.js';

const MANY = 5_000;

/** Clauses for every sink. */
export const COMMON_CLAUSES: readonly Clause[] = [
  {
    clause: 'back-pressure',
    name: 'a writer that is full calls context.wake() when it no longer is',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, ...range(0, MANY));
      await life.commit(await life.prepare(1));
      await life.close();
      await stage.expectAtLeast(`after ${MANY} rows`, range(0, MANY));
    },
  },
  {
    clause: 'close-twice',
    name: 'closing twice is closing once',
    async play(stage) {
      const life = await stage.start(2);
      await life.close();
      const next = await stage.start();
      await next.write(0, 0);
      await next.commit(await next.prepare(1));
      await next.close();
      await stage.expectAtLeast('after closing', [0]);
    },
  },
];

/** Clauses for sinks without a commit. */
export const AT_LEAST_ONCE_CLAUSES: readonly Clause[] = [
  {
    clause: 'delivered-by-checkpoint',
    name: 'a row has arrived when its checkpoint is prepared: no restart brings it again',
    async play(stage) {
      const life = await stage.start(2);
      await life.write(0, 0, 1);
      await life.write(1, 2);
      const cut = await life.prepare(1);
      await stage.restart(life, cut);
      await stage.expectAtLeast('after a crash behind the checkpoint', [0, 1, 2]);
    },
  },
  {
    clause: 'again-after-crash',
    name: 'rows that come again after a crash leave none out',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0, 1);
      const first = await life.prepare(1);
      await life.write(0, 2);
      const next = await stage.restart(life, first);
      await next.write(0, 2, 3);
      await next.prepare(2);
      await next.close();
      await stage.expectAtLeast('at the end', [0, 1, 2, 3]);
    },
  },
  {
    clause: 'abort-keeps-rows',
    name: 'rows of a checkpoint that was given up arrive with the next one, or before',
    async play(stage) {
      const life = await stage.start();
      life.writeNow(0, 0);
      const first = life.prepare(1);
      first.catch(() => {});
      life.abort(1);
      life.writeNow(0, 1);
      await life.prepare(2);
      await first;
      await stage.expectAtLeast('after the next checkpoint', [0, 1]);
    },
  },
];
