/**
 * The jobs that a simulation draws: as data, from which the real graph is built, and from which a
 * sequential interpreter (reference.ts) tells what has to come out.
 *
 * A pipeline is one region: sources, a union of them, stateless steps, and one keyed step, into sinks.
 * Rows are `{ g, r }`: all rows of a group `g` come out in one order, whatever the interleaving. That
 * holds because a group is either all of one split, or its rows depend on nothing but how many came.
 */

import { type Random, randomInt } from '../../src/base/random.js';
import { carried, wrong } from './sim-values.js';

export interface SimRecord {
  /** Source, split, index in it, and copy (of a flatMap). */
  readonly s: number;
  readonly p: number;
  readonly i: number;
  readonly c: number;
  readonly k: string;
  readonly v: number;
  readonly t: number;
  readonly pad: string;
  /** The number of the value that it carries; undefined where records are plain. */
  readonly n: number | undefined;
  /** `carried(n)` (sim-values.ts). */
  readonly x: unknown;
}

export interface Row {
  readonly g: string;
  readonly r: string;
}

export interface SourceSpec {
  readonly splits: number;
  readonly records: number;
  /** Records of a batch, at most. */
  readonly batch: number;
  /** Virtual ms between batches, at most. */
  readonly paceMs: number;
  readonly single: boolean;
}

export type Step = 'map' | 'filter' | 'flatMap' | 'rebalance';
export type Keyed = 'none' | 'aggregate' | 'reduce' | 'twice' | 'window' | 'late';
export type SinkKind = 'staged' | 'ledger' | 'collect';

export interface PipelineSpec {
  readonly sources: readonly SourceSpec[];
  readonly steps: readonly Step[];
  readonly keyed: Keyed;
  /** Allowed by windows that take late records. */
  readonly latenessMs: number;
  /** Keys: of each split its own, or shared by all. */
  readonly keys: 'own' | 'shared';
  readonly keyCount: number;
  readonly sinks: readonly SinkKind[];
  /** Another sink reads what the keyed step reads. */
  readonly tap: SinkKind | undefined;
  readonly singleSink: boolean;
  readonly padding: number;
  /** One instance of everything. */
  readonly narrow: boolean;
  /** Virtual ms that a row takes behind the last shuffle: with many, what is sent there waits. */
  readonly workMs: number;
}

export interface Topology {
  readonly pipelines: readonly PipelineSpec[];
}

export const WINDOW_MS = 100;
export const DISORDER_MS = 15;
const TIME_STEP_MS = 5;

/**
 * What a seed is about. `ends`: tasks without a shuffle between them, each of which ends by itself, and
 * whose word comes late. `changes`: many keys, of which few change between checkpoints, and these often fail.
 * `pressure`: sources that do not wait, ahead of a slow step: much is in flight.
 */
export type Theme = 'any' | 'ends' | 'changes' | 'pressure';

export function drawTheme(random: Random): Theme {
  const dice = random.next();
  if (dice < 0.08) return 'ends';
  if (dice < 0.2) return 'changes';
  return dice < 0.32 ? 'pressure' : 'any';
}

export function drawTopology(random: Random, theme: Theme): Topology {
  if (theme === 'ends') return { pipelines: [plainPipeline(random)] };
  if (theme === 'changes') return { pipelines: [changingPipeline(random)] };
  if (theme === 'pressure') return { pipelines: [pressingPipeline(random)] };
  const dice = random.next();
  const count = dice < 0.6 ? 1 : dice < 0.85 ? 2 : 3;
  return { pipelines: Array.from({ length: count }, () => drawPipeline(random, count)) };
}

function plainPipeline(random: Random): PipelineSpec {
  const drawn = drawPipeline(random, 1);
  const source = { ...drawn.sources[0]!, splits: 4, single: false };
  const steps = drawn.steps.filter((step) => step !== 'rebalance');
  const plain = { sources: [source], steps, keyed: 'none', keys: 'own' } as const;
  return { ...drawn, ...plain, tap: undefined, singleSink: false, narrow: false };
}

function changingPipeline(random: Random): PipelineSpec {
  const drawn = drawPipeline(random, 1);
  const keyed = (['aggregate', 'reduce', 'window'] as const)[randomInt(random, 3)]!;
  const sources = drawn.sources.map((source) => ({ ...source, records: source.records + 15 }));
  // Sinks without files: what fails is the checkpoint.
  const sinks = [random.next() < 0.5 ? 'ledger' : 'collect'] as const;
  return { ...drawn, sources, keyed, keyCount: 25, sinks, tap: undefined };
}

/** Not dealt, with keys of their own: a row that comes out of order can be told. */
function pressingPipeline(random: Random): PipelineSpec {
  const drawn = drawPipeline(random, 1);
  const keyed = (['aggregate', 'late', 'reduce', 'window'] as const)[randomInt(random, 4)]!;
  const sources = drawn.sources.map((source): SourceSpec => {
    return { ...source, records: source.records + 10, batch: 8, paceMs: 2, single: false };
  });
  const steps = drawn.steps.filter((step) => step !== 'rebalance');
  const workMs = 2 + randomInt(random, 6);
  return { ...drawn, sources, steps, keyed, keys: 'own', narrow: false, workMs };
}

function drawPipeline(random: Random, among: number): PipelineSpec {
  const pick = <T>(...from: readonly T[]): T => from[randomInt(random, from.length)]!;
  const isNarrow = random.next() < 0.08;
  const sourceCount = random.next() < 0.65 ? 1 : 2 + randomInt(random, 2);
  const sources = Array.from({ length: sourceCount }, (): SourceSpec => {
    return {
      splits: 1 + randomInt(random, 4),
      records: Math.ceil((12 + randomInt(random, 36)) / Math.sqrt(among * sourceCount)),
      batch: pick(1, 3, 8),
      paceMs: pick(20, 60, 120),
      single: isNarrow || random.next() < 0.2,
    };
  });
  const steps = (['map', 'filter', 'flatMap', 'rebalance'] as const).filter(
    () => random.next() < 0.3,
  );
  const keyed = pick<Keyed>('none', 'aggregate', 'reduce', 'twice', 'window', 'late', 'late');
  return {
    sources,
    steps,
    keyed,
    latenessMs: keyed === 'late' ? pick(0, 0, WINDOW_MS / 2, 2 * WINDOW_MS) : 0,
    keys: isDealt({ sources, steps }) ? 'shared' : pick('own', 'shared'),
    keyCount: pick(1, 3, 10),
    sinks:
      random.next() < 0.25 ? ['staged', 'ledger'] : [pick('staged', 'staged', 'ledger', 'collect')],
    tap: random.next() < 0.2 ? pick('staged', 'ledger') : undefined,
    singleSink: isNarrow || random.next() < 0.2,
    narrow: isNarrow,
    padding: random.next() < 0.1 ? 2_500 : 0,
    workMs: pick(0, 0, 0.5, 2),
  };
}

/** Records of a split are dealt to several instances: their order is lost. */
export function isDealt({ sources, steps }: Pick<PipelineSpec, 'sources' | 'steps'>): boolean {
  // From one instance to several there is no other way.
  return steps.includes('rebalance') || sources.some(({ single }) => single);
}

/** A number that depends on all of these and looks like chance. */
export function mix(...numbers: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const number of numbers) {
    hash = Math.imul(hash ^ number, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}

/** Record `i` of a split: the same whenever it is read. */
export function recordOf(
  pipeline: PipelineSpec,
  pipelineIndex: number,
  s: number,
  p: number,
  i: number,
): SimRecord {
  const own = mix(pipelineIndex, s, p, i);
  const number = own % pipeline.keyCount;
  const k = pipeline.keys === 'own' ? `${s}.${p}.${number}` : `k${number}`;
  const v = pipeline.keys === 'own' ? 1 + (own % 9) : 1 + number;
  // Splits of a source follow each other in time; within one, some records lag behind.
  const at = (p * pipeline.sources[s]!.records + i) * TIME_STEP_MS;
  const isLate = pipeline.keyed === 'late' && mix(own, 7) % 3 === 0;
  const lag = isLate ? DISORDER_MS + (own % 250) : own % (DISORDER_MS + 1);
  const pad = 'x'.repeat(pipeline.padding);
  const n = mix(pipelineIndex, pipeline.keyCount, s) % 2 === 0 ? own : undefined;
  const x = n === undefined ? undefined : carried(n);
  return { s, p, i, c: 0, k, v, t: Math.max(0, at - lag), pad, n, x };
}

export const keeps = (record: SimRecord): boolean => mix(record.s, record.p, record.i) % 4 !== 0;

export const mapped = (record: SimRecord): SimRecord => ({ ...record, v: record.v + 1 });

export const copies = (record: SimRecord): readonly SimRecord[] => [record, { ...record, c: 1 }];

export const splitOf = (record: SimRecord): string => `${record.s}.${record.p}`;

export const tapRow = (record: SimRecord): Row => ({
  g: splitOf(record),
  r: `${record.i}.${record.c}:${record.v}${wrong(record.x, record.n)}`,
});

export const lateRow = (record: SimRecord): Row => ({
  g: record.k,
  r: `${windowOf(record.t)}:${record.s}.${record.p}.${record.i}.${record.c}${wrong(record.x, record.n)}`,
});

export const windowOf = (time: number): number => Math.floor(time / WINDOW_MS) * WINDOW_MS;

/** The second key of `twice`. */
export const regroup = (key: string): string =>
  `m${mix(key.length, key.charCodeAt(key.length - 1)) % 3}`;
