import { defineJob, discard, generate } from 'holdfast';
import { bid } from '../lib/bids.mjs';

export default defineJob('keyed-count', (env, args) => {
  env
    .from(generate(bid, { splits: Number(args.splits ?? 2) }))
    .keyBy((record) => record.auction)
    .count()
    .sinkTo(discard());
});
