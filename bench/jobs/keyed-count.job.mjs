import { defineJob, discard, generate } from 'holdfast';
import { bid } from '../lib/bids.mjs';

export default defineJob('keyed-count', (env) => {
  env
    .from(generate(bid, { splits: 2 }))
    .keyBy((record) => record.auction)
    .count()
    .sinkTo(discard());
});
