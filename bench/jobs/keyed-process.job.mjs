import { defineJob, discard, generate, value } from 'holdfast';
import { bid } from '../lib/bids.mjs';

/** The same counts by `process` with a value of its own, or by the `count` that is built in. */
const COUNTS = {
  process: (bids) =>
    bids.process({
      state: { bids: value() },
      onElement(_bid, { key, state }, out) {
        const count = (state.bids.get() ?? 0) + 1;
        state.bids.set(count);
        out.emit({ key, count });
      },
    }),
  aggregate: (bids) => bids.count(),
};

export default defineJob('keyed-process', (env, { by, records }) => {
  const bids = env
    .from(generate(bid, { count: records, splits: 2 }))
    .keyBy((record) => record.auction);
  COUNTS[by](bids).sinkTo(discard());
});
