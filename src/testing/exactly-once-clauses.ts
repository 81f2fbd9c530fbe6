/** The clauses for a two-phase sink while nothing crashes: cuts, commits, checkpoints that are given up. */

import { type Clause, range } from './sink-clause.js';

const MANY = 2_000;
const TRANSACTION_BYTES_FREE = 4_096;

export const EXACTLY_ONCE_CLAUSES: readonly Clause[] = [
  {
    clause: 'hidden-until-commit',
    name: 'nothing is visible before its commit',
    async play(stage) {
      const life = await stage.start();
      await stage.expect('after opening', []);
      await life.write(0, 0, 1);
      await stage.expect('after writing', []);
      const cut = await life.prepare(1);
      await stage.expect('after preparing', []);
      await life.commit(cut);
      await stage.expect('after the commit', [0, 1]);
    },
  },
  {
    clause: 'synchronous-cut',
    name: 'prepare cuts when it is called: what is written after the call is of the next checkpoint',
    async play(stage) {
      const life = await stage.start();
      life.writeNow(0, 0);
      const first = life.prepare(1);
      life.writeNow(0, 1);
      await life.commit(await first);
      await stage.expect('after the first commit', [0]);
      await life.commit(await life.prepare(2));
      await stage.expect('after the second commit', [0, 1]);
    },
  },
  {
    clause: 'commit-shows-all',
    name: 'a commit shows all that was prepared, in the order of writing',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, ...range(0, 40));
      await life.commit(await life.prepare(1));
      await stage.expect('after the first commit', range(0, 40));
      await life.write(0, ...range(40, 60));
      await life.commit(await life.prepare(2));
      await stage.expect('after the second commit', range(0, 60));
    },
  },
  {
    clause: 'commit-twice',
    name: 'committing twice is committing once',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0, 1);
      const first = await life.prepare(1);
      await life.commit(first);
      await life.commit({ checkpoint: 1, transactions: first.transactions });
      await stage.expect('after the same commit again', [0, 1]);
      await life.write(0, 2);
      const second = await life.prepare(2);
      await life.commit(second);
      await life.commit({ checkpoint: 1, transactions: first.transactions });
      await life.commit({ checkpoint: 2, transactions: second.transactions });
      await stage.expect('after repeating both commits, the older one late', [0, 1, 2]);
    },
  },
  {
    clause: 'commit-of-nothing',
    name: 'checkpoints without a row change nothing',
    async play(stage) {
      const life = await stage.start();
      await life.commit(await life.prepare(1));
      await stage.expect('after an empty checkpoint', []);
      await life.write(0, 0);
      const second = await life.prepare(2);
      const third = await life.prepare(3);
      await life.commit(second);
      await life.commit(third);
      await life.commit(await life.prepare(4));
      await stage.expect('after empty checkpoints behind one with a row', [0]);
      const next = await stage.restart(life, await life.prepare(5));
      await stage.expect('after a restart from an empty checkpoint', [0]);
      await next.write(0, 1);
      await next.commit(await next.prepare(6));
      await stage.expect('after the next commit', [0, 1]);
    },
  },
  {
    clause: 'small-transaction',
    name: 'a transaction is JSON data, and does not grow with its rows',
    async play(stage) {
      const life = await stage.start();
      const bytes = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length));
      await life.write(0, 0);
      const small = await life.prepare(1);
      await life.commit(small);
      await life.write(0, ...range(1, MANY));
      const large = await life.prepare(2);
      await life.commit(large);
      await stage.expect('after the commit of many rows', range(0, MANY));
      const [few, many] = [bytes(small.transactions), bytes(large.transactions)];
      if (many <= TRANSACTION_BYTES_FREE + 4 * few) return;
      throw stage.fault(
        `the transaction of ${MANY - 1} rows has ${many} bytes, that of one row ${few}; every manifest ` +
          'holds it, so stage the rows elsewhere and let it name the place',
      );
    },
  },
  {
    clause: 'abort-keeps-rows',
    name: 'rows of a checkpoint that was given up come with the next one, once',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0, 1);
      await life.prepare(1);
      life.abort(1);
      await stage.expect('after the abort', []);
      await life.write(0, 2);
      await life.prepare(2);
      life.abort(2);
      await life.write(0, 3);
      await life.commit(await life.prepare(3));
      await stage.expect('after two aborts and a commit', [0, 1, 2, 3]);
      await life.commit(await life.prepare(4));
      await stage.expect('after another commit', [0, 1, 2, 3]);
    },
  },
  {
    clause: 'abort-while-preparing',
    name: 'a checkpoint may be given up while it is being prepared',
    async play(stage) {
      const life = await stage.start();
      life.writeNow(0, 0);
      const first = life.prepare(1);
      first.catch(() => {});
      life.abort(1);
      life.writeNow(0, 1);
      const second = await life.prepare(2);
      await first;
      await life.commit(second);
      await stage.expect('after the commit of the next', [0, 1]);
      await life.commit(await life.prepare(3));
      await stage.expect('after another commit', [0, 1]);
    },
  },
  {
    clause: 'abort-of-unknown',
    name: 'giving up a checkpoint that was never prepared changes nothing',
    async play(stage) {
      const life = await stage.start();
      life.abort(1);
      await life.write(0, 0);
      life.abort(2);
      await life.commit(await life.prepare(3));
      await life.write(0, 1);
      life.abort(4);
      await life.commit(await life.prepare(5));
      await stage.expect('after the commits', [0, 1]);
    },
  },
  {
    clause: 'abort-twice',
    name: 'hearing of the same abort again, and late, changes nothing',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0);
      await life.prepare(1);
      life.abort(1);
      life.abort(1);
      await life.write(0, 1);
      const second = await life.prepare(2);
      life.abort(1);
      await life.commit(second);
      life.abort(1);
      await life.write(0, 2);
      await life.commit(await life.prepare(3));
      await stage.expect('after the commits', [0, 1, 2]);
    },
  },
  {
    clause: 'overlapping-checkpoints',
    name: 'several checkpoints may be prepared before the first of them is committed',
    async play(stage) {
      const life = await stage.start();
      const cuts = [];
      for (const index of range(0, 4)) {
        await life.write(0, index);
        cuts.push(await life.prepare(index + 1));
      }
      await stage.expect('before the first commit', []);
      await life.commit(cuts[0]!);
      await life.commit(cuts[1]!);
      // The third checkpoint is not committed by itself: its transactions come with those of the fourth.
      await life.commit({
        checkpoint: 4,
        transactions: [...cuts[2]!.transactions, ...cuts[3]!.transactions],
        visible: [...cuts[2]!.visible, ...cuts[3]!.visible],
      });
      await stage.expect('after the commits in order', [0, 1, 2, 3]);
    },
  },
  {
    clause: 'abort-of-several',
    name: 'several prepared checkpoints may be given up, newest first; their rows come with the next',
    async play(stage) {
      const life = await stage.start();
      for (const index of range(0, 3)) {
        await life.write(0, index);
        await life.prepare(index + 1);
      }
      await life.write(0, 3);
      for (const checkpoint of [3, 2, 1]) life.abort(checkpoint);
      await stage.expect('after the aborts', []);
      await life.write(0, 4);
      const first = await life.prepare(4);
      await life.write(0, 5);
      await life.prepare(5);
      await life.commit(first);
      await stage.expect('after the commit of the next', [0, 1, 2, 3, 4]);
      life.abort(5);
      await life.write(0, 6);
      await life.commit(await life.prepare(6));
      await stage.expect('after another abort and commit', [0, 1, 2, 3, 4, 5, 6]);
    },
  },
  {
    clause: 'instances',
    name: 'several instances share a target, and none shows or loses the rows of another',
    async play(stage) {
      const life = await stage.start(3);
      await life.write(0, 0, 1);
      await life.write(1, 10, 11);
      await life.commit(await life.prepare(1));
      await stage.expect('after the first commit', [0, 1], [10, 11]);
      await life.write(2, 20, 21);
      await life.write(1, 12);
      const cut = await life.prepare(2);
      const next = await stage.restart(life, cut);
      await stage.expect('after a restart', [0, 1], [10, 11, 12], [20, 21]);
      for (const instance of [0, 1, 2]) await next.write(instance, instance * 10 + 5);
      await next.commit(await next.prepare(3));
      await stage.expect('at last', [0, 1, 5], [10, 11, 12, 15], [20, 21, 25]);
    },
  },
  {
    clause: 'close-publishes-nothing',
    name: 'closing shows nothing, and takes nothing away that was prepared',
    async play(stage) {
      const life = await stage.start();
      await life.write(0, 0);
      const cut = await life.prepare(1);
      await life.write(0, 1);
      await life.close();
      await stage.expect('after closing without a commit', []);
      await stage.restart(life, cut);
      await stage.expect('after the restart from what was prepared', [0]);
    },
  },
];
