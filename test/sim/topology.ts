/**
 * The jobs that a simulation draws: as data, from which the real graph is built, and from which a
 * sequential interpreter (reference.ts) tells what has to come out.
 *
 * A pipeline is one region: sources, a union of them or an operator that takes the first on one side and the rest on
 * the other, stateless steps, and one keyed step, into sinks.
 * Rows are `{ g, r }`: all rows of a group `g` come out in one order, whatever the interleaving. That
 * holds because a group is either all of one split, or its rows depend on nothing but how many came.
 */

import { type Random, randomInt } from '../../src/base/random.js';
import { carried, wrong } from './sim-values.js';

export interface SimRecord {
  /** Source, split, index in it, and copy. */
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

/** Where the splits of a source differ. */
export interface SplitSpec {
  readonly records: number;
  /** Event time of its first record, but for the lag. */
  readonly startMs: number;
  readonly bounded: boolean;
  /** It gives no more from this record on before the world's clock is there; `REST`: before it is let go on. */
  readonly rest: { readonly before: number; readonly untilMs: number } | undefined;
}

/** Until all has come out that can come out while it rests. */
export const REST = -1;

export interface SourceSpec {
  readonly splits: number;
  readonly records: number;
  /** As many as `splits`; undefined: they are all alike, and follow each other in time. */
  readonly unequal?: readonly SplitSpec[];
  readonly idleAfterMs?: number | undefined;
  readonly maxDriftMs?: number | undefined;
  /** Records of a batch, at most. */
  readonly batch: number;
  /** Virtual ms between batches, at most. */
  readonly paceMs: number;
  readonly single: boolean;
}

/** What brings several sources together. */
export type Joint = 'union' | 'connect' | 'connect by key';
export type Step = 'map' | 'filter' | 'flatMap' | 'rebalance';
export type Keyed = 'none' | 'aggregate' | 'reduce' | 'twice' | 'window' | 'late';
export type SinkKind = 'staged' | 'ledger' | 'collect';

export interface PipelineSpec {
  readonly sources: readonly SourceSpec[];
  readonly joint: Joint;
  readonly steps: readonly Step[];
  readonly keyed: Keyed;
  /** A window (not one that takes late records) is made by a process function, of state and timers. */
  readonly byTimers: boolean;
  /** Above 0 the window is a session with this gap. */
  readonly gapMs: number;
  /** Of `twice`: the second step reads what becomes of the rows of the first, and takes back what is replaced. */
  readonly changing: boolean;
  /** Above 0 the window slides by this. */
  readonly slideMs: number;
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
  /** What throws on poisoned records, which are put aside: a callback, half an answer, a state half changed. */
  readonly poisoned?: 'map' | 'flatMap' | 'reduce' | undefined;
  /** Virtual ms that a row takes behind the last shuffle: with many, what is sent there waits. */
  readonly workMs: number;
}

export interface Topology {
  readonly pipelines: readonly PipelineSpec[];
}

const JOINTS: readonly Joint[] = ['union', 'connect', 'connect by key'];

export const WINDOW_MS = 100;
export const DISORDER_MS = 15;
const SESSION_GAP_MS = 20;
/** Windows end within slides. */
export const SLIDE_MS = 40;
const TIME_STEP_MS = 5;

/**
 * What a seed is about. `ends`: tasks without a shuffle between them, each of which ends by itself, and
 * whose word comes late. `changes`: many keys, of which few change between checkpoints, and these often fail.
 * `pressure`: sources that do not wait, ahead of a slow step: much is in flight.
 * `times`: splits that differ and rest, idle ones, and records that are put aside.
 */
export type Theme = 'any' | 'ends' | 'changes' | 'pressure' | 'times';

export function drawTheme(random: Random): Theme {
  const dice = random.next();
  if (dice < 0.08) return 'ends';
  if (dice < 0.2) return 'changes';
  if (dice < 0.32) return 'pressure';
  return dice < 0.89 ? 'any' : 'times';
}

export function drawTopology(random: Random, theme: Theme): Topology {
  if (theme === 'ends') return { pipelines: [plainPipeline(random)] };
  if (theme === 'changes') return { pipelines: [changingPipeline(random)] };
  if (theme === 'pressure') return { pipelines: [pressingPipeline(random)] };
  if (theme === 'times') return { pipelines: [timedPipeline(random)] };
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
  const joint = drawn.joint === 'connect by key' ? 'connect' : drawn.joint;
  const workMs = 2 + randomInt(random, 6);
  return { ...drawn, sources, joint, steps, keyed, keys: 'own', narrow: false, workMs };
}

function timedPipeline(random: Random): PipelineSpec {
  const dice = random.next();
  if (dice < 0.3) return restingPipeline(random);
  if (dice < 0.45) return idlePipeline(random);
  if (dice < 0.55) return overPipeline(random);
  const pick = <T>(...from: readonly T[]): T => from[randomInt(random, from.length)]!;
  const drawn = drawPipeline(random, 1);
  const keyed = pick<Keyed>('late', 'late', 'late', 'window', 'aggregate', 'reduce');
  const latenessMs = keyed === 'late' ? pick(0, 0, WINDOW_MS / 2, 2 * WINDOW_MS) : 0;
  const first = { ...drawn.sources[0]!, batch: pick(1, 1, 2), paceMs: pick(100, 200, 300) };
  // Windows without a place for late records would lose those that idleness makes late.
  const mayBeIdle = keyed !== 'window' && random.next() < 0.6;
  const sources = Array.from({ length: pick(1, 1, 2) }, (): SourceSpec => {
    const idleAfterMs = mayBeIdle && random.next() < 0.8 ? pick(60, 150, 400) : undefined;
    const unequal = unequalSplits(random, idleAfterMs === undefined ? 0.3 : 0.5);
    const maxDriftMs = random.next() < 0.3 ? pick(50, 200) : undefined;
    return { ...first, splits: unequal.length, unequal, idleAfterMs, maxDriftMs };
  });
  const steps = drawn.steps.filter((step) => step !== 'rebalance' || random.next() < 0.3);
  const keys = isDealt({ ...drawn, sources, steps }) ? 'shared' : drawn.keys;
  const isOrdered = keyed === 'reduce' && keys === 'own';
  const poisoned =
    random.next() < 0.5 ? pick('map', 'flatMap', isOrdered ? 'reduce' : 'map') : undefined;
  return { ...drawn, keyed, latenessMs, sources, steps, keys, poisoned };
}

/** One split rests, far ahead of the others, which come as far meanwhile: among restarts, nothing else says its time. */
function restingPipeline(random: Random): PipelineSpec {
  const drawn = drawPipeline(random, 1);
  const keyed = random.next() < 0.5 ? 'late' : 'window';
  const resting = {
    records: 10,
    startMs: 100 + randomInt(random, 200),
    bounded: false,
    rest: { before: 1 + randomInt(random, 9), untilMs: REST },
  };
  const other = { records: 30, startMs: 0, bounded: false, rest: undefined };
  const others = random.next() < 0.7 ? [other] : [other, other];
  const unequal = [resting, ...others];
  const paceMs = 100 + randomInt(random, 150);
  const first = { ...drawn.sources[0]!, splits: unequal.length, unequal, batch: 1, paceMs };
  const sources = [{ ...first, single: false }];
  const steps = drawn.steps.filter((step) => step !== 'rebalance');
  const poisoned = random.next() < 0.6 ? 'map' : undefined;
  return { ...drawn, keyed, latenessMs: 0, sources, steps, poisoned, narrow: false, workMs: 0 };
}

/**
 * All splits of an instance fall idle, the one that stands furthest first, and one that never speaks; another source
 * goes on, but waits for that one's time.
 */
function idlePipeline(random: Random): PipelineSpec {
  const drawn = drawPipeline(random, 1);
  const rests = (startMs: number, before: number): SplitSpec => {
    return { records: before + 5, startMs, bounded: false, rest: { before, untilMs: REST } };
  };
  const silent = { records: 0, startMs: 0, bounded: false, rest: { before: 0, untilMs: REST } };
  const ahead = rests(200 + randomInt(random, 300), 1 + randomInt(random, 4));
  const resting = [ahead, rests(0, 10 + randomInt(random, 20)), silent];
  const going = {
    records: 20,
    startMs: 100 + randomInt(random, 200),
    bounded: false,
    rest: undefined,
  };
  const first = { ...drawn.sources[0]!, batch: 1, paceMs: 60 + randomInt(random, 100) };
  const idle = { single: true, splits: resting.length, unequal: resting, idleAfterMs: 150 };
  const bound = { single: false, splits: 1, unequal: [going], maxDriftMs: 50 };
  const sources = [
    { ...first, ...idle },
    { ...first, ...bound },
  ];
  const poisoned = random.next() < 0.6 ? 'map' : undefined;
  const late = { keyed: 'late', latenessMs: 0, keys: 'shared', workMs: 0 } as const;
  return { ...drawn, ...late, sources, poisoned };
}

/**
 * A split ends beside one that never speaks, in tasks of one instance; in another one a split rests that stands further.
 * Then all are idle, and the time of what has ended counts no more.
 */
function overPipeline(random: Random): PipelineSpec {
  const drawn = drawPipeline(random, 1);
  const silent = { records: 0, startMs: 0, bounded: false, rest: { before: 0, untilMs: REST } };
  const ending = {
    records: 6 + randomInt(random, 10),
    startMs: 0,
    bounded: false,
    rest: undefined,
  };
  const before = 1 + randomInt(random, 6);
  const startMs = 200 + randomInt(random, 300);
  const ahead = { records: before + 5, startMs, bounded: false, rest: { before, untilMs: REST } };
  const first = {
    ...drawn.sources[0]!,
    single: false,
    batch: 1,
    paceMs: 60 + randomInt(random, 60),
  };
  const sources = [
    { ...first, splits: 2, unequal: [ending, ahead], idleAfterMs: 150 },
    { ...first, splits: 1, unequal: [silent], idleAfterMs: 60 },
  ];
  const steps = drawn.steps.filter((step) => step !== 'rebalance');
  const poisoned = random.next() < 0.6 ? 'map' : undefined;
  const late = { keyed: 'late', latenessMs: 0, keys: 'shared', narrow: false, workMs: 0 } as const;
  return { ...drawn, ...late, sources, steps, poisoned };
}

/** @param restingShare of them that rest until all has come out */
function unequalSplits(random: Random, restingShare: number): readonly SplitSpec[] {
  const pick = <T>(...from: readonly T[]): T => from[randomInt(random, from.length)]!;
  const layout = pick('one after another', 'side by side', 'anywhere');
  const kind = pick('bounded', 'unbounded', 'unbounded', 'mixed');
  let endMs = 0;
  return Array.from({ length: 2 + randomInt(random, 6) }, (): SplitSpec => {
    const records = pick(3, 10, 20, 40);
    const startMs =
      layout === 'one after another' ? endMs : layout === 'anywhere' ? randomInt(random, 600) : 0;
    endMs += records * TIME_STEP_MS;
    const bounded = kind === 'mixed' ? random.next() < 0.5 : kind === 'bounded';
    const dice = random.next();
    if (bounded || dice < 0.3) return { records, startMs, bounded, rest: undefined };
    // It never speaks.
    if (dice < 0.4) return { records: 0, startMs, bounded, rest: { before: 0, untilMs: REST } };
    if (dice < 0.4 + restingShare) {
      // Often far ahead, so that the others come as far while it rests.
      const aheadMs = random.next() < 0.6 ? 100 + randomInt(random, 300) : 0;
      const rest = { before: 1 + randomInt(random, records), untilMs: REST };
      return { records, startMs: startMs + aheadMs, bounded, rest };
    }
    const before = randomInt(random, records + 1);
    return { records, startMs, bounded, rest: { before, untilMs: 200 + randomInt(random, 2_000) } };
  });
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
  // Follows from what is drawn already, so that the rest of a seed is drawn as it was before there were joints and
  // timers.
  const { records, batch, paceMs } = sources[0]!;
  const joint = JOINTS[mix(records, batch, paceMs) % JOINTS.length]!;
  const byTimers = mix(batch, paceMs, records) % 2 === 0;
  const isSession = keyed === 'window' && !byTimers && mix(paceMs, records, batch) % 2 === 0;
  const slides =
    keyed === 'window' && !byTimers && !isSession && mix(records, paceMs, batch, 11) % 2 === 0;
  return {
    sources,
    joint,
    steps,
    keyed,
    byTimers,
    gapMs: isSession ? SESSION_GAP_MS : 0,
    changing: keyed === 'twice' && mix(records, paceMs, batch) % 2 === 0,
    slideMs: slides ? SLIDE_MS : 0,
    latenessMs: keyed === 'late' ? pick(0, 0, WINDOW_MS / 2, 2 * WINDOW_MS) : 0,
    keys: isDealt({ sources, joint, steps }) ? 'shared' : pick('own', 'shared'),
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
export function isDealt({
  sources,
  joint,
  steps,
}: Pick<PipelineSpec, 'sources' | 'joint' | 'steps'>): boolean {
  if (sources.length > 1 && joint === 'connect by key') return true;
  // From one instance to several there is no other way.
  return steps.includes('rebalance') || sources.some(({ single }) => single);
}

/**
 * Is a service called for each record, and in which order do its answers go on? It follows from what is drawn already, so
 * that the rest of a seed is drawn as it was before there were calls. Where the order of records is lost already, answers
 * go on as they come.
 */
export function callsOf(pipeline: PipelineSpec): 'none' | 'ordered' | 'unordered' {
  const { records, batch, paceMs } = pipeline.sources[0]!;
  if (mix(paceMs, records, batch, 3) % 4 !== 0) return 'none';
  return isDealt(pipeline) ? 'unordered' : 'ordered';
}

/** What the joint makes of a record: from the first source one, from the others two. So its side shows. */
export function joined(
  { sources, joint }: Pick<PipelineSpec, 'sources' | 'joint'>,
  record: SimRecord,
): readonly SimRecord[] {
  return sources.length > 1 && joint !== 'union' && record.s > 0 ? copies(record) : [record];
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

/** A split of a source, told apart from the others or not. */
export function splitSpec(source: SourceSpec, p: number): SplitSpec {
  const { unequal, records } = source;
  const startMs = p * records * TIME_STEP_MS;
  return unequal?.[p] ?? { records, startMs, bounded: false, rest: undefined };
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
  // Within a split, some records lag behind.
  const at = splitSpec(pipeline.sources[s]!, p).startMs + i * TIME_STEP_MS;
  const isLate = pipeline.keyed === 'late' && mix(own, 7) % 3 === 0;
  const lag = isLate ? DISORDER_MS + (own % 250) : own % (DISORDER_MS + 1);
  const pad = 'x'.repeat(pipeline.padding);
  const n = mix(pipelineIndex, pipeline.keyCount, s) % 2 === 0 ? own : undefined;
  const x = n === undefined ? undefined : carried(n);
  return { s, p, i, c: 0, k, v, t: Math.max(0, at - lag), pad, n, x };
}

export const keeps = (record: SimRecord): boolean => mix(record.s, record.p, record.i) % 4 !== 0;

export const mapped = (record: SimRecord): SimRecord => ({ ...record, v: record.v + 1 });

export const copies = (record: SimRecord): readonly SimRecord[] =>
  [0, 1].map((copy) => ({ ...record, c: 2 * record.c + copy }));

/** A record is copied twice at most: by the joint and by a step. */
export const COPIES_MAX = 4;

/** An operator throws on these, and puts them aside. */
export const isPoison = ({ s, p, i }: SimRecord): boolean => mix(s, p, i, 5) % 3 === 0;

export const POISON = 'a poisoned record';

export const deadRow = (record: SimRecord, error: string): Row => ({
  g: splitOf(record),
  r: `${record.i}.${record.c}:${error}${wrong(record.x, record.n)}`,
});

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

/**
 * The second key of `twice` where rows change: with each record the row of a key goes from one group to another, which
 * has none of another key, so its rows have one order.
 */
export const rotated = (key: string, n: number): string => `${key}/${n % 3}`;

/** The second key of `twice`. */
export const regroup = (key: string): string =>
  `m${mix(key.length, key.charCodeAt(key.length - 1)) % 3}`;
