/**
 * The job of the kill matrix. A subscriber of the protocol's points is set up in every thread, for
 * this module is loaded in every worker: where the environment says so, the process dies.
 */

import { count, defineJob, generate, ndjsonFiles, sum, tumbling } from 'holdfast';
import { armFromEnvironment } from './arm.mjs';
import { plain, record, SPLITS, slow, WINDOW_MS } from './input.mjs';

armFromEnvironment();

export default defineJob('kill-matrix', (env, args) => {
  const { out, records, plainRecords, perSecond, slowUs } = args as {
    readonly out: string;
    readonly records: number;
    readonly plainRecords: number;
    readonly perSecond: number;
    readonly slowUs: number;
  };
  const keyed = env
    .from(generate(record, { count: records, splits: SPLITS, ratePerSecond: perSecond }))
    .uid('records')
    .withTimestamps((one) => one.time, { outOfOrdernessMs: 100 })
    .keyBy((one) => one.key);
  keyed
    .aggregate({ n: count(), ids: sum((one) => slow(one.id, slowUs)) })
    .uid('counts')
    .sinkTo(ndjsonFiles(`${out}/counts`))
    .uid('counts-out');
  keyed
    .window(tumbling(WINDOW_MS))
    .aggregate({ n: count(), ids: sum((one) => one.id) })
    .uid('windows')
    .sinkTo(ndjsonFiles(`${out}/windows`))
    .uid('windows-out');
  env
    .from(generate(plain, { count: plainRecords, splits: 1, ratePerSecond: perSecond / 4 }))
    .uid('plain')
    .map((one) => ({ ...one, seen: true }))
    .sinkTo(ndjsonFiles(`${out}/plain`))
    .uid('plain-out');
});
