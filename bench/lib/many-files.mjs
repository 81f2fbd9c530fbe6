/**
 * One run over files of lines, in a process of its own: `node many-files.mjs FOLDER FILES`. The most windows that
 * were open at a time are counted where their rows come out: between a day's first record and its firing.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { count, days, discard, ndjsonFile, runInline, tumbling } from 'holdfast';

const [folder] = process.argv.slice(2);
const files = readdirSync(folder)
  .sort()
  .map((file) => join(folder, file));

const open = new Set();
let mostOpen = 0;
const begin = process.cpuUsage();
const from = performance.now();
const { sourceRecords } = await runInline((env) => {
  env
    .from(ndjsonFile(files))
    .withTimestamps((record) => record.t)
    .map((record) => {
      const day = Math.floor(record.t / 86_400_000);
      if (!open.has(day)) {
        open.add(day);
        mostOpen = Math.max(mostOpen, open.size);
      }
      return record;
    })
    .keyBy((record) => record.k)
    .window(tumbling(days(1)))
    .aggregate({ n: count() })
    .map((row) => {
      open.delete(Math.floor(row.windowStart / 86_400_000));
      return row;
    })
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
