/**
 * One run over files of lines, in a process of its own: `node many-files.mjs FOLDER`. How many windows are open at a
 * time is counted in the window's own aggregation: from a day's first record to its first answer.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { days, discard, ndjsonFile, runInline, tumbling } from 'holdfast';

const [folder] = process.argv.slice(2);
const files = readdirSync(folder)
  .sort()
  .map((file) => join(folder, file));

const open = new Set();
let mostOpen = 0;
/** Counts records. Beside the count it keeps the day, by which the window is known. */
const countInDay = {
  kind: 'numeric',
  type: 'count-in-day',
  words: 2,
  init(data, at) {
    data[at] = 0;
    data[at + 1] = Number.NaN;
  },
  add(data, at, record) {
    data[at] += 1;
    const day = Math.floor(record.t / 86_400_000);
    data[at + 1] = day;
    if (open.has(day)) return;
    open.add(day);
    mostOpen = Math.max(mostOpen, open.size);
  },
  result(data, at) {
    open.delete(data[at + 1]);
    return data[at];
  },
};
const begin = process.cpuUsage();
const from = performance.now();
const { sourceRecords } = await runInline((env) => {
  env
    .from(ndjsonFile(files))
    .withTimestamps((record) => record.t)
    .keyBy((record) => record.k)
    .window(tumbling(days(1)))
    .aggregate({ n: countInDay })
    .sinkTo(discard());
});
const { user, system } = process.cpuUsage(begin);
process.stdout.write(
  JSON.stringify({
    records: sourceRecords,
    wallMs: performance.now() - from,
    processorMs: (user + system) / 1_000,
    mostOpen,
  }),
);
