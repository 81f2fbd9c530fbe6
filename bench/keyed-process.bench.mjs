/**
 * A keyed count by `process`, with a value of state and a row for each record, against the `count` that is built in: the whole
 * runtime on 2 slots, exactly-once, a checkpoint to disk every second. Processor time of whole runs, each in a process of its
 * own; rounds alternate and medians are compared. Not measured: starting the threads, compiling the job.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, round } from './lib/measure.mjs';

const PROGRAM = fileURLToPath(new URL('./lib/keyed-process.mjs', import.meta.url));
const call = promisify(execFile);

export default async function keyedProcess({ smoke, log }) {
  const rounds = smoke ? 1 : 5;
  const records = smoke ? 50_000 : 4_000_000;
  const runs = { process: [], aggregate: [] };
  for (let i = 0; i < rounds; i += 1) {
    for (const by of Object.keys(runs)) {
      const { stdout } = await call(process.execPath, [PROGRAM, by, String(records)]);
      runs[by].push((JSON.parse(stdout).processorMs * 1e6) / records);
    }
    log(`round ${i + 1}, ns: process ${round(runs.process[i])}, count ${round(runs.aggregate[i])}`);
  }
  return {
    name: 'keyed-process',
    value: Math.round(median(runs.process)),
    baseline: Math.round(median(runs.aggregate)),
    ratio: round(median(runs.aggregate) / median(runs.process)),
    unit: 'ns of processor time per record',
    target: 'ratio >= 0.8, records per second of processor time',
  };
}
