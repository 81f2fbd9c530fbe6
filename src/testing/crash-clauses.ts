/** The clauses for a two-phase sink among crashes, which come before the manifest is written, or after it. */

import { type Clause, range } from './sink-clause.js';

/** The most turns of the event loop for which a commit goes on before its process "dies". */
const TURNS_MAX = 8;

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done));
};

export const CRASH_CLAUSES: readonly Clause[] = [
  {
    clause: 'commit-after-crash',
    name: 'a crash between manifest and commit: the next process commits, however often it has to',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0, 1);
      const first = await life.prepare(1);
      let next = await stage.restart(life, first);
      await stage.expect('after a restart from the manifest', [0, 1]);
      next = await stage.restart(next, first);
      await stage.expect('after another restart from it', [0, 1]);
      await next.write(0, 2);
      const second = await next.prepare(2);
      await next.commit(second);
      next = await stage.restart(next, second);
      await stage.expect('after a crash behind the commit', [0, 1, 2]);
      await next.write(0, 3);
      await next.commit(await next.prepare(3));
      await stage.expect('after the next commit', [0, 1, 2, 3]);
    },
  },
  {
    clause: 'commit-cut-short',
    name: 'a crash in the midst of a commit, wherever: the next process finishes it',
    async play(stage) {
      let life = await stage.start(2);
      for (const turn of range(0, TURNS_MAX)) {
        await life.write(0, turn);
        await life.write(1, 100 + turn);
        const cut = await life.prepare(turn + 1);
        const committing = life.commit(cut).catch(() => {}); // From the crash on it is a zombie's commit.
        await turns(turn);
        life = await stage.restart(life, cut);
        await committing;
        await stage.expect(
          `after a commit that went on for ${turn} turns of the event loop`,
          range(0, turn + 1),
          range(100, 101 + turn),
        );
      }
    },
  },
  {
    clause: 'commit-in-part',
    name: 'a commit that reached some transactions only is finished by the next process',
    async play(stage) {
      const life = await stage.start(3);
      for (const instance of [0, 1, 2]) await life.write(instance, instance);
      const cut = await life.prepare(1);
      await life.commit({ checkpoint: 1, transactions: cut.transactions.slice(1, 2) });
      await stage.restart(life, cut);
      await stage.expect('after the restart', [0], [1], [2]);
    },
  },
  {
    clause: 'restore-drops-newer',
    name: 'what was staged after the restored checkpoint is never shown, and may come again',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0);
      const first = await life.prepare(1);
      await life.commit(first);
      await life.write(0, 1, 2);
      await life.prepare(2);
      await life.write(0, 3);
      const next = await stage.restart(life, first);
      await stage.expect('after the restart from the checkpoint before', [0]);
      await next.commit(await next.prepare(3));
      await stage.expect('after an empty checkpoint', [0]);
      await next.write(0, 1, 2, 3);
      const fourth = await next.prepare(4);
      await next.commit(fourth);
      await stage.expect('after the rows have come again', [0, 1, 2, 3]);
      await stage.restart(next, fourth);
      await stage.expect('after another restart', [0, 1, 2, 3]);
    },
  },
  {
    clause: 'start-without-checkpoint',
    name: 'a restart before the first checkpoint shows nothing of the first try',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0);
      await life.prepare(1);
      const next = await stage.restart(life);
      await stage.expect('after the restart', []);
      await next.write(0, 0, 1);
      await next.commit(await next.prepare(2));
      await stage.expect('after the commit', [0, 1]);
    },
  },
  {
    clause: 'subsumed-after-crash',
    name: 'transactions of earlier checkpoints, promised again by a later one, are committed with it',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0);
      const first = await life.prepare(1);
      await life.write(0, 1);
      const second = await life.prepare(2);
      const transactions = [...first.transactions, ...second.transactions];
      const next = await stage.restart(life, { ...second, transactions });
      await stage.expect('after the restart', [0, 1]);
      await next.write(0, 2);
      await next.commit(await next.prepare(3));
      await stage.expect('after the next commit', [0, 1, 2]);
    },
  },
  {
    clause: 'zombie',
    name: 'a writer that was given up, and goes on, shows nothing and harms nothing',
    async play(stage) {
      const zombie = await stage.start();
      await zombie.write(0, 0);
      const first = await zombie.prepare(1);
      const next = await stage.restart(zombie, first);
      const asZombie = async (act: () => unknown): Promise<void> => {
        await (async () => await act())().catch(() => {}); // The sink may refuse.
      };
      await asZombie(() => zombie.write(0, 90));
      await next.write(0, 1);
      const cutting = next.prepare(2);
      await asZombie(() => zombie.prepare(2));
      const second = await cutting;
      await asZombie(() => zombie.abort(2));
      await stage.expect('while an older writer goes on', [0]);
      await next.commit(second);
      await stage.expect('after the commit', [0, 1]);
      await asZombie(() => zombie.write(0, 91));
      await asZombie(() => zombie.close());
      await next.write(0, 2);
      const third = await next.prepare(3);
      await next.commit(third);
      await stage.expect('after the older writer was closed', [0, 1, 2]);
      await stage.restart(next, third);
      await stage.expect('after a restart', [0, 1, 2]);
    },
  },
  {
    clause: 'rescale',
    name: 'restarts with another parallelism lose nothing and show nothing twice',
    rescales: true,
    async play(stage) {
      const two = await stage.start(2);
      await two.write(0, 0, 1);
      await two.write(1, 10, 11);
      const three = await stage.restart(two, await two.prepare(1), 3);
      await stage.expect('after the restart with three instances', [0, 1], [10, 11]);
      for (const instance of [0, 1, 2]) await three.write(instance, instance * 10 + 2);
      const one = await stage.restart(three, await three.prepare(2), 1);
      await stage.expect('after the restart with one', [0, 1, 2], [10, 11, 12], [22]);
      await one.write(0, 3);
      const last = await one.prepare(3);
      await one.commit(last);
      await stage.restart(one, last, 2);
      await stage.expect('after the restart with two', [0, 1, 2, 3], [10, 11, 12], [22]);
    },
  },
];
