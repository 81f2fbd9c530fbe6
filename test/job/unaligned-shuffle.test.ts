/**
 * After Flink's UnalignedCheckpointITCase: increasing numbers through several shuffles with tiny buffers,
 * into a slow sink, and failures in map, in capture, in restore and in close, each with a restart from
 * a checkpoint that holds records in flight. Nothing is lost, repeated or out of order.
 */

import { describe, expect, test } from 'vitest';
import { type CheckpointAlignment, exponentialBackoff, type Job, run } from '../../dist/index.js';
import { inFlightBytes } from './checkpoint-kit.js';
import {
  CLASSES,
  type ControlRow,
  Faults,
  type Place,
  type ShuffledRow,
} from './fixtures/shuffle.job.js';
import { fixture, Meter, temporaryFolder, until } from './kit.js';

interface Shape {
  readonly parallelism: number;
  /** Numbers of each split; as many splits as instances, twice. */
  readonly perSplit: number;
  readonly alignment: CheckpointAlignment;
}

const CONTROLS = 60;
/** Only against hanging: twelve threads share two processors with whatever else runs. */
const DEADLINE_MS = 240_000;

interface Shuffle {
  readonly job: Job;
  readonly directory: string;
  readonly faults: Faults;
  readonly gate: Meter;
  /** Lets the sources emit this share (0…1) of all they have. */
  raise(share: number): void;
  /** What sources may read up to a share. */
  allowed(share: number): number;
}

async function start({ parallelism, perSplit, alignment }: Shape): Promise<Shuffle> {
  const directory = await temporaryFolder();
  const faults = new Faults();
  const [gate, meter, controlMeter] = [new Meter(), new Meter(), new Meter()];
  const count = perSplit * parallelism;
  const job = await run(fixture('shuffle'), {
    parallelism,
    args: {
      count,
      splits: parallelism,
      controls: CONTROLS,
      meter: meter.shared,
      controlMeter: controlMeter.shared,
      gate: gate.shared,
      faults: faults.shared,
    },
    channel: { capacityBytes: 1024 },
    checkpoint: { directory, alignment, intervalMs: 3_600_000 },
    restart: exponentialBackoff({ initialMs: 1, maxMs: 50 }),
    // Threads of this test have a processor for a tenth of their time at best.
    heartbeat: { timeoutMs: 30_000 },
  });
  const raise = (share: number): void => {
    meter.raise(Math.ceil(count * share));
    controlMeter.raise(Math.ceil(CONTROLS * share));
  };
  const allowed = (share: number): number =>
    2 * Math.ceil(count * share) + Math.ceil(CONTROLS * share);
  return { job, directory, faults, gate, raise, allowed };
}

/** Lost, repeated and disordered numbers, by the rows alone. */
function problems(rows: readonly unknown[], { parallelism, perSplit }: Shape): readonly string[] {
  const found: string[] = [];
  const seen = new Map<string, number>();
  for (const row of rows as readonly (ShuffledRow | ControlRow)[]) {
    const id = row.kind === 'control' ? `control ${row.n}` : `${row.split}: ${row.n}`;
    seen.set(id, (seen.get(id) ?? 0) + 1);
    if (row.kind === 'control') continue;
    // In order, number n is the record of its key that comes after all smaller ones of its class.
    const place = Math.floor(row.n / CLASSES) + 1;
    if (row.first !== place) found.push(`${id}: came as ${row.first} of its key, not ${place}`);
    if (row.second !== place) found.push(`${id}: came second as ${row.second}, not ${place}`);
  }
  const expectTimes = (id: string, times: number): void => {
    const given = seen.get(id) ?? 0;
    if (given !== times) found.push(`${id}: ${given} times, not ${times}`);
    seen.delete(id);
  };
  for (let split = 0; split < 2 * parallelism; split += 1) {
    for (let n = 0; n < perSplit; n += 1) expectTimes(`${split}: ${n}`, 1);
  }
  for (let n = 0; n < CONTROLS; n += 1) expectTimes(`control ${n}`, parallelism);
  for (const id of seen.keys()) found.push(`${id}: nobody sent it`);
  return found.slice(0, 20);
}

/** Nothing is emitted for so many looks although it may: the channels are full. */
const FULL_LOOKS = 200;

/** Something has been emitted that the sink has not taken, and most likely all that there is room for. */
async function filled({ job }: Shuffle, before: number): Promise<void> {
  let looks = 0;
  // Unless there was no room for more to begin with.
  await until(() => {
    looks += 1;
    return job.progress().sourceRecords > before || looks === FULL_LOOKS;
  }, job);
  let last = -1;
  await until(() => {
    const { sourceRecords } = job.progress();
    const same = sourceRecords === last;
    last = sourceRecords;
    return same;
  }, job);
}

interface Round {
  /** How it begins: a failure of the job's own, a kill, or a checkpoint that fails. */
  readonly by: 'map' | 'checkpoint' | 'terminate' | 'exit' | 'throw';
  readonly planted: readonly Place[];
  /** What is reported, at least: a failure in restore comes behind the one that led to it. */
  readonly failures: number;
}

const MAP: Round = { by: 'map', planted: ['map'], failures: 1 };
const SOURCE: Round = { by: 'terminate', planted: ['open source'], failures: 2 };
const PREPARE: Round = { by: 'checkpoint', planted: ['prepare'], failures: 1 };
const SINK: Round = { by: 'exit', planted: ['open sink'], failures: 2 };
/** A state that has no form as data is refused at the record that makes it so. */
const ENCODE: Round = { by: 'map', planted: ['encode'], failures: 1 };
const THROW: Round = { by: 'throw', planted: [], failures: 1 };
const CLOSE: Round = { by: 'map', planted: ['map', 'close'], failures: 1 };

/** A failure, with a checkpoint behind it that holds what was in flight. @returns when the job runs again */
async function fail(it: Shuffle, { by, planted, failures }: Round, slot: number): Promise<void> {
  const { job, faults, gate } = it;
  let seen = 0;
  let isRunning = true;
  const onFailure = (): void => {
    seen += 1;
    isRunning = false;
  };
  const onRestarted = (): void => {
    isRunning = true;
  };
  job.on('failure', onFailure).on('restarted', onRestarted);
  for (const place of planted) faults.arm(place);
  gate.raise(1);
  if (by === 'checkpoint') {
    await expect(job.checkpointNow()).rejects.toThrow();
  } else if (by !== 'map') {
    job.kill(slot, by);
  }
  await until(() => seen >= failures && isRunning, job);
  for (const place of planted) expect(faults.happened(place), place).toBeGreaterThan(0);
  job.off('failure', onFailure).off('restarted', onRestarted);
}

interface Case extends Shape {
  readonly rounds: readonly Round[];
}

async function throughFailures({ rounds, ...shape }: Case): Promise<void> {
  const it = await start(shape);
  const { job, gate, directory } = it;
  const restored: (number | undefined)[] = [];
  const wanted: number[] = [];
  job.on('restarted', ({ checkpoint }) => restored.push(checkpoint));
  for (const [i, round] of rounds.entries()) {
    // Sources read on when what was in flight at the restart has been worked off.
    it.raise((i + 0.25) / rounds.length);
    await until(() => job.progress().sourceRecords > it.allowed(i / rounds.length), job);
    gate.raise(0);
    const before = job.progress().sourceRecords;
    it.raise((i + 0.5) / rounds.length);
    await filled(it, before);
    const checkpoint = await job.checkpointNow();
    expect(await inFlightBytes(directory, checkpoint)).toBeGreaterThan(0);
    wanted.push(checkpoint);
    it.raise((i + 1) / rounds.length);
    await fail(it, round, i % shape.parallelism);
  }
  const { collected, restarts } = await job.finished;
  expect(problems(collected['rows']!, shape)).toEqual([]);
  // One each, or more where a restart has failed on its way.
  expect([...new Set(restored)]).toEqual(wanted);
  expect(restarts).toBeGreaterThanOrEqual(rounds.length);
}

describe('numbers through shuffles with tiny buffers, and failures everywhere', () => {
  const all = [MAP, SOURCE, PREPARE, SINK, ENCODE, THROW, CLOSE];
  const some = [CLOSE, PREPARE, SOURCE];
  test.each<Case>([
    { parallelism: 1, perSplit: 2_100, alignment: 'unaligned', rounds: all },
    { parallelism: 5, perSplit: 700, alignment: 'unaligned', rounds: all },
    { parallelism: 5, perSplit: 600, alignment: { alignedTimeoutMs: 20 }, rounds: some },
    { parallelism: 12, perSplit: 100, alignment: 'unaligned', rounds: some },
  ])('parallelism $parallelism, $alignment', throughFailures, DEADLINE_MS);
});
