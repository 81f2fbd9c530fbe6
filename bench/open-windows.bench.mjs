/**
 * 32 000 windows of a minute that stay open for a year of allowed lateness, against the same job with no
 * lateness, which frees each window when it has fired; and 500 000 of them against 125 000, per window.
 * Processor time of whole runs in the calling thread, each in a process of its own; rounds alternate and
 * medians are compared. Not measured: the memory that open windows take beyond the processes' peaks.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, round } from './lib/measure.mjs';

const PROGRAM = fileURLToPath(new URL('./lib/open-windows.mjs', import.meta.url));
const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;
const call = promisify(execFile);

export default async function openWindows({ smoke, log }) {
  const rounds = smoke ? 1 : 7;
  const [few, windows, many] = smoke ? [1_000, 1_000, 4_000] : [125_000, 32_000, 500_000];
  const runs = { open: [], freed: [], few: [], many: [], none: [] };
  for (let i = 0; i < rounds; i += 1) {
    runs.open.push(await run(windows, YEAR_MS));
    runs.freed.push(await run(windows, 0));
    runs.few.push(await run(few, YEAR_MS));
    runs.none.push(await run(1, YEAR_MS));
    if (i < 3) runs.many.push(await run(many, YEAR_MS));
    log(
      `round ${i + 1}: ${Math.round(runs.open[i].processorMs)} ms with all of them open, ` +
        `${Math.round(runs.freed[i].processorMs)} ms without`,
    );
  }
  const processorMs = (some) => median(some.map((one) => one.processorMs));
  const startMs = processorMs(runs.none);
  const microsecondsEach = (some, count) => ((processorMs(some) - startMs) * 1_000) / count;
  return {
    name: 'open-windows',
    value: round(processorMs(runs.open), 1),
    baseline: round(processorMs(runs.freed), 1),
    ratio: round(processorMs(runs.open) / processorMs(runs.freed)),
    unit: 'ms of processor time',
    target: 'ratio <= 1.5, growth <= 1.5',
    windows,
    startMs: round(startMs, 1),
    microsecondsPerWindow: round(microsecondsEach(runs.few, few)),
    ofMany: round(microsecondsEach(runs.many, many)),
    growth: round(microsecondsEach(runs.many, many) / microsecondsEach(runs.few, few)),
    bytesPerWindow: Math.round(
      (median(runs.many.map((one) => one.peakBytes)) -
        median(runs.none.map((one) => one.peakBytes))) /
        many,
    ),
  };
}

async function run(windows, latenessMs) {
  const { stdout } = await call(process.execPath, [PROGRAM, String(windows), String(latenessMs)]);
  return JSON.parse(stdout);
}
