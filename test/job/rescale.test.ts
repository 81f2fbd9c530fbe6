/**
 * Another parallelism with every start: 1 → 2 → 5 → 3 slots, each going on from a checkpoint of the one
 * before. Every key's records come once and in order over the whole of it, and what has moved is told.
 */

import { describe, expect, test } from 'vitest';
import {
  type CheckpointAlignment,
  exponentialBackoff,
  type Job,
  type RescaledEvent,
  run,
} from '../../dist/index.js';
import { inFlightBytes } from './checkpoint-kit.js';
import { CLASSES, type ControlRow, Faults, type ShuffledRow } from './fixtures/shuffle.job.js';
import { fixture, Meter, nextRestart, temporaryFolder, until } from './kit.js';

const STEPS = [1, 2, 5, 3] as const;
const SPLITS = 4;
const PER_SPLIT = 600;
const COUNT = SPLITS * PER_SPLIT;
/** Only against hanging. */
const DEADLINE_MS = 180_000;

/** Of 1 024 key groups; `test/hashring/moves-report.test.ts` has the same figures from the tables alone. */
const MOVED = [
  undefined,
  { before: 1, after: 2, keyGroups: 1_024, moved: 512, leastPossible: 512, byRanges: 512 },
  { before: 2, after: 5, keyGroups: 1_024, moved: 615, leastPossible: 614, byRanges: 819 },
  { before: 5, after: 3, keyGroups: 1_024, moved: 420, leastPossible: 409, byRanges: 751 },
] as const;

interface Stage {
  readonly job: Job;
  readonly gate: Meter;
  readonly meter: Meter;
  readonly rescaled: RescaledEvent[];
}

async function start(
  directory: string,
  parallelism: number,
  alignment: CheckpointAlignment,
  records: number,
): Promise<Stage> {
  const [gate, meter, controlMeter] = [new Meter(), new Meter(records), new Meter()];
  const job = await run(fixture('shuffle'), {
    parallelism,
    args: {
      count: COUNT,
      splits: SPLITS,
      controls: 0,
      meter: meter.shared,
      controlMeter: controlMeter.shared,
      gate: gate.shared,
      faults: new Faults().shared,
    },
    channel: { capacityBytes: 1_024 },
    checkpoint: { directory, alignment, intervalMs: 3_600_000, incremental: true },
    restart: exponentialBackoff({ initialMs: 1, maxMs: 50 }),
    heartbeat: { timeoutMs: 30_000 },
  });
  const rescaled: RescaledEvent[] = [];
  job.on('rescaled', (event) => rescaled.push(event));
  return { job, gate, meter, rescaled };
}

/** The sources stand still: they have emitted what they were let. */
async function settled({ job }: Stage): Promise<void> {
  let last = -1;
  let same = 0;
  await until(() => {
    const { sourceRecords } = job.progress();
    same = sourceRecords === last ? same + 1 : 0;
    last = sourceRecords;
    return same > 3;
  }, job);
}

/** Lets the sources go on to that index: they have then, or can no more for what is in flight. */
async function more({ job, meter }: Stage, records: number): Promise<void> {
  const before = job.progress().sourceRecords;
  meter.raise(records);
  let looks = 0;
  await until(() => {
    looks += 1;
    return job.progress().sourceRecords > before || looks > 50;
  }, job);
}

/** Each number once, and at both keyed stages as the record of its key that it is. */
function problems(rows: readonly unknown[]): readonly string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const row of rows as readonly (ShuffledRow | ControlRow)[]) {
    if (row.kind === 'control') continue;
    const id = `${row.split}: ${row.n}`;
    if (seen.has(id)) found.push(`${id}: again`);
    seen.add(id);
    const place = Math.floor(row.n / CLASSES) + 1;
    if (row.first !== place) found.push(`${id}: came as ${row.first} of its key, not ${place}`);
    if (row.second !== place) found.push(`${id}: came second as ${row.second}, not ${place}`);
  }
  if (seen.size !== 2 * COUNT) found.push(`${seen.size} numbers, not ${2 * COUNT}`);
  return found.slice(0, 20);
}

describe('1 → 2 → 5 → 3 slots', () => {
  test.each(['aligned', 'unaligned'] as const)(
    '%s',
    async (alignment) => {
      const directory = await temporaryFolder();
      let rows: readonly unknown[] = [];
      for (const [i, parallelism] of STEPS.entries()) {
        const isLast = i === STEPS.length - 1;
        const share = COUNT / STEPS.length;
        const it = await start(directory, parallelism, alignment, Math.ceil(share * (i + 0.5)));
        const { job, gate, meter, rescaled } = it;
        gate.raise(1);
        if (isLast) {
          meter.raise(COUNT);
          // A crash on the way: what was in flight at another parallelism is restored once more.
          const restarted = nextRestart(job);
          job.kill(1, 'terminate');
          await restarted;
          rows = (await job.finished).collected['rows']!;
        } else if (alignment === 'aligned' && i === 1) {
          // What follows the checkpoint is left behind, as by a crash of the process.
          await job.checkpointNow();
          await more(it, Math.ceil(share * (i + 1)));
          await job.cancel();
        } else if (alignment === 'aligned') {
          await more(it, Math.ceil(share * (i + 1)));
          await job.stop();
        } else {
          // After a rescale the first one waits for what was in flight; the next one need not.
          await job.checkpointNow();
          await settled(it);
          gate.raise(0);
          await more(it, Math.ceil(share * (i + 1)));
          const checkpoint = await job.checkpointNow();
          expect(await inFlightBytes(directory, checkpoint)).toBeGreaterThan(0);
          await job.cancel();
        }
        const moved = MOVED[i];
        const expected = ['first', 'second'].map((operator) => ({ operator, ...moved }));
        expect(rescaled.map(({ operators }) => operators)).toEqual(
          moved === undefined ? [] : [expected],
        );
      }
      expect(problems(rows)).toEqual([]);
    },
    DEADLINE_MS,
  );
});
