import { execSync } from 'node:child_process';
import { defineJob, discard, generate } from 'holdfast';

const TROUBLES = [
  () => {},
  () => {
    for (;;);
  },
  () => /^(a+)+$/.test(`${'a'.repeat(80)}b`),
  () => execSync('sleep 2.5'),
];

/**
 * Gets into the trouble whose number stands in the word `args.order`, and notes when
 * (`process.hrtime`, which all threads share, in ms).
 */
export default defineJob('trouble', (env, args) => {
  const order = new Int32Array(args.order);
  const since = new Float64Array(args.since);
  env
    .from(generate((i) => i, { splits: 2, ratePerSecond: args.ratePerSecond }))
    .map((i) => {
      const trouble = Atomics.exchange(order, 0, 0);
      if (trouble > 0) {
        since[0] = Number(process.hrtime.bigint()) / 1e6;
        TROUBLES[trouble]();
      }
      return i;
    })
    .sinkTo(discard());
});
