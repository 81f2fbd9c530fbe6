import { count, defineJob, generate, sum } from 'holdfast';

/** A sink that takes nothing for as long as a word in shared memory is 0. */
function gate(word) {
  const isShut = () => Atomics.load(word, 0) === 0;
  return {
    kind: 'gate',
    stateless: true,
    open({ wake }) {
      const looking = setInterval(() => {
        if (isShut()) return;
        clearInterval(looking);
        wake();
      }, 1);
      return {
        get full() {
          return isShut();
        },
        write() {},
        close: () => clearInterval(looking),
      };
    },
  };
}

/** A source as fast as it can be, a shuffle by key, running totals, and a second exchange before the gate. */
export default defineJob('unaligned', (env, args) => {
  const keys = Number(args.keys);
  env
    .from(
      generate(
        (i) => ({ key: `key-${(Math.imul(i, 0x9e3779b1) >>> 0) % keys}`, value: i % 1_000 }),
        { splits: 4 },
      ),
    )
    .keyBy((record) => record.key)
    .aggregate({ records: count(), total: sum((record) => record.value) })
    .rebalance()
    .sinkTo(gate(new Int32Array(args.gate)));
});
