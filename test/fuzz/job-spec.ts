/**
 * The jobs that the fuzz test draws: as data, small enough to be read, and a shape (shapes/) that tells what is done with
 * the records, and what must come of it.
 *
 * Only what is promised is drawn: bounded splits, `withTimestamps` in the source's own chain, no idleness, and
 * functions that do not depend on the order of records, but where a key's records are all of one split.
 */

import { type Random, randomInt } from '../../src/base/random.js';
import type { FuzzRecord, Shape, ShapeKind } from './shape.js';
import { picker } from './shapes/kit.js';
import { SHAPES } from './shapes/shapes.js';

export interface FuzzSource {
  /** Records of each split, in the order in which they are read. */
  readonly splits: readonly (readonly FuzzRecord[])[];
  readonly outOfOrdernessMs: number;
  /** Records of a batch, at most. */
  readonly batch: number;
}

/**
 * `drop` leaves out a record in four, `twice` emits each record twice, `shift` changes its value. `ask` calls a service
 * that answers late and fails at first, `ask any` the same without keeping the order.
 */
export type FuzzStep = 'shift' | 'drop' | 'twice' | 'ask' | 'ask any';

export interface FuzzJob {
  readonly sources: readonly FuzzSource[];
  /** Ahead of `withTimestamps`: what is dropped here tells nothing of time. */
  readonly before: readonly FuzzStep[];
  readonly after: readonly FuzzStep[];
  /** Records of a source are dealt to all instances ahead of the shape. */
  readonly rebalance: boolean;
  /** The first source is the left side of the shape, the others are its right one. One alone is both. */
  readonly sides: 1 | 2;
  readonly name: string;
  readonly shape: Shape;
}

export const MOST_RECORDS = 160;

/** @param only draws of this shape alone */
export function drawJob(random: Random, only?: string): FuzzJob {
  const pick = picker(random);
  const some = <T>(share: number, ...from: readonly T[]): T[] =>
    from.filter(() => random.next() < share);
  const { name, sides, keys, draw, times } = drawKind(random, only);
  const { fromMs, msPerMs } = times ?? { fromMs: 0, msPerMs: 1 };
  const sizeMs = pick(50, 100, 250, 1_000);
  const isOwn = keys === 'own';
  const keyCount = pick(1, 3, 8);
  const sourceCount = sides === 2 ? pick(1, 2, 2, 2, 3) : pick(1, 1, 2, 3);
  let id = 0;
  const drawSplit = (count: number, spreadMs: number, own: string): FuzzRecord[] => {
    // Splits begin anywhere: some are long over when others begin.
    let at = randomInt(random, 4) * pick(0, sizeMs, 10 * sizeMs);
    const stepMs = pick(1, 7, 40, sizeMs);
    return Array.from({ length: count }, () => {
      at += randomInt(random, 2 * stepMs + 1);
      // Most are in order, some are behind, a few are far behind.
      const lag = random.next() < 0.3 ? randomInt(random, spreadMs * pick(1, 1, 6) + 1) : 0;
      id += 1;
      return {
        id,
        k: `k${randomInt(random, keyCount)}${own}`,
        v: randomInt(random, 20),
        t: fromMs + (at - lag) * msPerMs,
      };
    });
  };
  const sources = Array.from({ length: sourceCount }, (_, s): FuzzSource => {
    const outOfOrdernessMs = pick(0, 10, sizeMs);
    const splits = 1 + randomInt(random, 6);
    const longest = Math.floor(MOST_RECORDS / (2 * splits));
    return {
      outOfOrdernessMs: outOfOrdernessMs * msPerMs,
      batch: pick(1, 3, 16),
      splits: Array.from({ length: splits }, (__, p) =>
        drawSplit(
          pick(0, 1, 3, longest, longest, longest),
          outOfOrdernessMs + sizeMs,
          isOwn ? `.${s}.${p}` : '',
        ),
      ),
    };
  });
  const ask: FuzzStep[] = random.next() < 0.15 ? [isOwn ? 'ask' : pick('ask', 'ask any')] : [];
  return {
    sources,
    before: some<FuzzStep>(0.2, 'shift', 'drop', 'twice'),
    after: [...some<FuzzStep>(0.2, 'shift', 'drop', 'twice'), ...ask],
    rebalance: !isOwn && random.next() < 0.25,
    sides,
    name,
    shape: draw(random, sizeMs),
  };
}

function drawKind(random: Random, only: string | undefined): ShapeKind {
  const among = only === undefined ? SHAPES : SHAPES.filter(({ name }) => name === only);
  const weightOf = ({ weight = 1 }: ShapeKind) => weight;
  let left = random.next() * among.reduce((all, kind) => all + weightOf(kind), 0);
  for (const kind of among) {
    left -= weightOf(kind);
    if (left < 0) return kind;
  }
  throw new Error(`there is no shape '${only}': ${SHAPES.map(({ name }) => name).join(', ')}`);
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
  const pick = picker(random);
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
export function describeJob({ sources, before, after, rebalance, sides, shape }: FuzzJob): string {
  const step = (name: FuzzStep) => `.${name}()`;
  const lines = sources.flatMap(({ splits, outOfOrdernessMs, batch }, s) => [
    `source ${s}: ${splits.length} splits, batches of ${batch}, outOfOrdernessMs ${outOfOrdernessMs}`,
    ...splits.map((records, p) => {
      const listed = records.map(({ id, k, v, t }) => `${id}:${k}=${v}@${t}`).join(' ');
      return `  split ${p}: ${listed === '' ? 'empty' : listed}`;
    }),
  ]);
  const joint =
    sides === 2
      ? sources.length === 1
        ? ', with itself: '
        : ', the first with the others: '
      : sources.length > 1
        ? '.union()'
        : '';
  const chain = [
    ...before.map(step),
    '.withTimestamps(t)',
    ...after.map(step),
    ...(rebalance ? ['.rebalance()'] : []),
    joint,
    shape.text,
  ];
  return [...lines, chain.join('')].join('\n');
}
