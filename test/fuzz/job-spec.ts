/**
 * The jobs that the fuzz test draws: as data, small enough to be read, from which the real graph is built
 * (fuzz-job.ts) and from which a sequential interpreter tells the right answer (right-answer.ts).
 *
 * Only what is promised is drawn: bounded splits, `withTimestamps` in the source's own chain, no idleness, and
 * functions that do not depend on the order of records.
 */

import { type Random, randomInt } from '../../src/base/random.js';

export interface FuzzRecord {
  /** Unique within the job. */
  readonly id: number;
  readonly k: string;
  readonly v: number;
  /** Event time in ms. */
  readonly t: number;
}

export interface FuzzSource {
  /** Records of each split, in the order in which they are read. */
  readonly splits: readonly (readonly FuzzRecord[])[];
  readonly outOfOrdernessMs: number;
  /** Records of a batch, at most. */
  readonly batch: number;
}

/** `drop` leaves out a record in four, `twice` emits each record twice, `shift` changes its value. */
export type FuzzStep = 'shift' | 'drop' | 'twice';

export interface FuzzOverlap {
  readonly kind: 'sliding' | 'cumulative';
  readonly everyMs: number;
}

export interface FuzzJob {
  readonly sources: readonly FuzzSource[];
  /** Ahead of `withTimestamps`: what is dropped here tells nothing of time. */
  readonly before: readonly FuzzStep[];
  readonly after: readonly FuzzStep[];
  /** Records of a source are dealt to all instances ahead of `keyBy`. */
  readonly rebalance: boolean;
  readonly sizeMs: number;
  /** Above 0 windows are sessions with this gap, of which `sizeMs` says nothing. */
  readonly gapMs: number;
  /** Windows that overlap: how, and how far apart their ends are. Undefined: they do not. */
  readonly overlap: FuzzOverlap | undefined;
  readonly allowedLatenessMs: number;
  readonly fold: 'aggregate' | 'reduce';
  /** Size of a second window, a multiple of the first, that folds the rows of the first; 0: none. */
  readonly againMs: number;
}

export const MOST_RECORDS = 160;

export function drawJob(random: Random): FuzzJob {
  const pick = <T>(...from: readonly T[]): T => from[randomInt(random, from.length)]!;
  const some = <T>(share: number, ...from: readonly T[]): T[] =>
    from.filter(() => random.next() < share);
  const sizeMs = pick(50, 100, 250, 1_000);
  const allowedLatenessMs = pick(0, 0, sizeMs, 3 * sizeMs, 100_000);
  const keys = pick(1, 3, 8);
  let id = 0;
  const drawSplit = (count: number, spreadMs: number): FuzzRecord[] => {
    // Splits begin anywhere: some are long over when others begin.
    let at = randomInt(random, 4) * pick(0, sizeMs, 10 * sizeMs);
    const stepMs = pick(1, 7, 40, sizeMs);
    return Array.from({ length: count }, () => {
      at += randomInt(random, 2 * stepMs + 1);
      // Most are in order, some are behind, a few are far behind.
      const lag = random.next() < 0.3 ? randomInt(random, spreadMs * pick(1, 1, 6) + 1) : 0;
      id += 1;
      return { id, k: `k${randomInt(random, keys)}`, v: randomInt(random, 20), t: at - lag };
    });
  };
  const sources = Array.from({ length: random.next() < 0.75 ? 1 : 2 }, (): FuzzSource => {
    const outOfOrdernessMs = pick(0, 10, sizeMs);
    const splits = 1 + randomInt(random, 6);
    const longest = Math.floor(MOST_RECORDS / (2 * splits));
    return {
      outOfOrdernessMs,
      batch: pick(1, 3, 16),
      splits: Array.from({ length: splits }, () =>
        drawSplit(pick(0, 1, 3, longest, longest, longest), outOfOrdernessMs + sizeMs),
      ),
    };
  });
  const fold = pick('aggregate', 'aggregate', 'reduce');
  const isTwofold = fold === 'aggregate' && allowedLatenessMs === 0 && random.next() < 0.3;
  // A reduced record does not tell which earlier ones it takes the place of.
  const maySession = fold === 'aggregate' || allowedLatenessMs === 0;
  const gapMs = maySession && random.next() < 0.35 ? pick(1, 7, 40, sizeMs) : 0;
  const job: FuzzJob = {
    sources,
    before: some<FuzzStep>(0.2, 'shift', 'drop', 'twice'),
    after: some<FuzzStep>(0.2, 'shift', 'drop', 'twice'),
    rebalance: random.next() < 0.25,
    sizeMs,
    gapMs,
    overlap: undefined,
    allowedLatenessMs,
    fold,
    againMs: isTwofold ? sizeMs * pick(2, 5) : 0,
  };
  const mayOverlap = fold === 'aggregate' && gapMs === 0 && job.againMs === 0;
  if (!mayOverlap || random.next() < 0.5) return job;
  const overlap = pick<FuzzOverlap>(
    { kind: 'sliding', everyMs: sizeMs / 5 },
    // Ends of windows divide slides.
    { kind: 'sliding', everyMs: Math.ceil(sizeMs / 3) },
    { kind: 'cumulative', everyMs: sizeMs / 5 },
  );
  return { ...job, overlap };
}

/** How a job is run. The same job comes to the same answer in every one of these. */
export interface FuzzRun {
  /** Of each life; the next one begins when a life was stopped, or its process was killed. */
  readonly parallelism: readonly number[];
  /** When a life ends, in virtual ms from its beginning, and how. One less than there are lives. */
  readonly ends: readonly { readonly atMs: number; readonly how: 'stop' | 'kill' }[];
  /** When a thread is killed, in virtual ms. */
  readonly crashesAtMs: readonly number[];
  readonly alignment: 'aligned' | 'unaligned';
  readonly intervalMs: number;
  readonly capacityBytes: number;
  /** Longest pause of a source between two batches, in virtual ms. */
  readonly paceMs: number;
  /** Of chance within the run: interleavings, pauses. */
  readonly seed: number;
}

export const PARALLELISMS = [1, 2, 3, 5] as const;

/** One run at each parallelism: undisturbed, or with kills, or rescaled half-way. */
export function drawRuns(random: Random): readonly FuzzRun[] {
  const pick = <T>(...from: readonly T[]): T => from[randomInt(random, from.length)]!;
  return PARALLELISMS.map((parallelism): FuzzRun => {
    const isRescaled = random.next() < 0.3;
    const isDisturbed = random.next() < 0.4;
    return {
      parallelism: isRescaled ? [parallelism, pick(...PARALLELISMS)] : [parallelism],
      ends: isRescaled
        ? [{ atMs: 30 + randomInt(random, 300), how: pick('stop', 'stop', 'kill') }]
        : [],
      crashesAtMs: isDisturbed
        ? Array.from({ length: 1 + randomInt(random, 3) }, () => randomInt(random, 600))
        : [],
      alignment: pick('aligned', 'unaligned'),
      intervalMs: pick(15, 40, 100),
      capacityBytes: pick(1_024, 16 * 1_024),
      paceMs: pick(2, 20, 60),
      seed: randomInt(random, 2 ** 31),
    };
  });
}

/** As somebody would write it down. */
export function describeJob(job: FuzzJob): string {
  const step = (name: FuzzStep) => `.${name}()`;
  const lines = job.sources.flatMap(({ splits, outOfOrdernessMs, batch }, s) => [
    `source ${s}: ${splits.length} splits, batches of ${batch}, outOfOrdernessMs ${outOfOrdernessMs}`,
    ...splits.map((records, p) => {
      const listed = records.map(({ id, k, v, t }) => `${id}:${k}=${v}@${t}`).join(' ');
      return `  split ${p}: ${listed === '' ? 'empty' : listed}`;
    }),
  ]);
  const { before, after, rebalance, sizeMs, gapMs, overlap, allowedLatenessMs, fold, againMs } =
    job;
  const plain = gapMs > 0 ? `session(${gapMs})` : `tumbling(${sizeMs})`;
  const window = overlap === undefined ? plain : `${overlap.kind}(${sizeMs}, ${overlap.everyMs})`;
  const chain = [
    ...before.map(step),
    '.withTimestamps(t)',
    ...(job.sources.length > 1 ? ['.union()'] : []),
    ...after.map(step),
    ...(rebalance ? ['.rebalance()'] : []),
    `.keyBy(k).window(${window}).allowedLateness(${allowedLatenessMs}).${fold}()`,
    ...(againMs > 0 ? [`.keyBy(key).window(tumbling(${againMs})).aggregate()`] : []),
  ];
  return [...lines, chain.join('')].join('\n');
}
