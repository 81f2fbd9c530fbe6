import { defineJob, discard, generate } from 'holdfast';
import { burn } from '../lib/burn.mjs';

export default defineJob('cpu-bound', (env, args) => {
  const rounds = Number(args.rounds);
  env
    .from(generate((i) => ({ id: i, seed: i * 7 }), { count: 1e12 }))
    .map((record) => ({ id: record.id, digest: burn(record.seed, rounds) }))
    .sinkTo(discard());
});
