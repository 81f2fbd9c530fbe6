import { count, defineJob, discard, generate, sum } from 'holdfast';

export default defineJob('recovery', (env, args) => {
  const keys = Number(args.keys);
  env
    .from(
      generate(
        (i) => ({ key: `key-${(Math.imul(i, 0x9e3779b1) >>> 0) % keys}`, value: i % 1_000 }),
        {
          ratePerSecond: Number(args.ratePerSecond),
          splits: 2,
        },
      ),
    )
    .keyBy((record) => record.key)
    .aggregate({ records: count(), total: sum((record) => record.value) })
    .sinkTo(discard());
});
