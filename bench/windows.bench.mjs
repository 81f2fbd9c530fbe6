/**
 * Windows of 10 000 keys: tumbling ones of a second, sliding ones of five seconds by one, and sessions, each with one record
 * per key and second and with five. The ratios are to tumbling ones over as many records of each key. Processor time of
 * whole runs in the calling thread, each in a process of its own, less that of a run over next to nothing; rounds
 * alternate and medians are compared. Not measured: exchanges between threads, checkpoints.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, round } from './lib/measure.mjs';

const PROGRAM = fileURLToPath(new URL('./lib/windows.mjs', import.meta.url));
const call = promisify(execFile);
const KINDS = ['tumbling', 'sliding', 'session'];

export default async function windows({ smoke, log }) {
  const rounds = smoke ? 1 : 5;
  const records = smoke ? 50_000 : 2_000_000;
  const cases = KINDS.flatMap((kind) => [1, 5].map((visits) => ({ kind, visits, runs: [] })));
  const starts = [];
  for (let i = 0; i < rounds; i += 1) {
    starts.push(await processorMs('tumbling', 1, 1));
    for (const one of cases) one.runs.push(await processorMs(one.kind, one.visits, records));
    const shown = cases.map(
      ({ kind, visits, runs }) => `${kind} ${visits}: ${Math.round(runs[i])}`,
    );
    log(`round ${i + 1}, ms: ${shown.join(', ')}`);
  }
  const nanoseconds = (kind, visits) => {
    const { runs } = cases.find((one) => one.kind === kind && one.visits === visits);
    return ((median(runs) - median(starts)) * 1e6) / records;
  };
  const ratio = (kind, visits) =>
    round(nanoseconds(kind, visits) / nanoseconds('tumbling', visits));
  return {
    name: 'windows',
    value: Math.round(nanoseconds('sliding', 1)),
    baseline: Math.round(nanoseconds('tumbling', 1)),
    ratio: ratio('sliding', 1),
    unit: 'ns of processor time per record',
    target: 'ratio <= 1.3',
    slidingOfFive: ratio('sliding', 5),
    sessionsOfOne: ratio('session', 1),
    sessionsOfFive: ratio('session', 5),
    tumblingOfFive: Math.round(nanoseconds('tumbling', 5)),
  };
}

async function processorMs(kind, visits, records) {
  const words = [kind, visits, records].map(String);
  const { stdout } = await call(process.execPath, [PROGRAM, ...words]);
  return JSON.parse(stdout).processorMs;
}
