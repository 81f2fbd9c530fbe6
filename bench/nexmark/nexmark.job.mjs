/** One of Nexmark's queries over generated events. */

import { createHash } from 'node:crypto';
import { defineJob, discard, ndjsonFiles } from 'holdfast';
import { QUERIES } from './queries/index.mjs';
import { nexmarkSource, OUT_OF_ORDERNESS_MS } from './source.mjs';

/**
 * Arguments: `query`; `source`, the options of `nexmarkSource`; `to`: 'collect', 'discard', 'files' in `folder`, or 'hash' for
 * `tally`, two words of 64 bits in shared memory: rows, and the sum of their hashes.
 */
export default defineJob('nexmark', (env, { query, source, to, tally, folder }) => {
  const events = env
    .from(nexmarkSource(source))
    .withTimestamps(({ dateTime }) => dateTime, { outOfOrdernessMs: OUT_OF_ORDERNESS_MS });
  const { build, partitionBy } = QUERIES[query];
  const rows = build(events, env);
  if (to === 'collect') rows.collect('rows');
  else if (to === 'files') rows.sinkTo(ndjsonFiles(folder, { partitionBy }));
  else if (to === 'discard') rows.sinkTo(discard());
  else rows.map((row) => add(tally, row)).sinkTo(discard());
});

/** The sum does not depend on the order of rows. It counts replays, so it is for runs without faults. */
function add(tally, row) {
  const words = new BigInt64Array(tally);
  const hash = createHash('sha1').update(JSON.stringify(row)).digest().readBigInt64LE();
  Atomics.add(words, 0, 1n);
  Atomics.add(words, 1, hash);
  return 0;
}
