/** What a topology's sinks have to hold in the end, told by a sequential interpreter. */

import { asideOf, expectedAsideRows } from './asides.js';
import { branchOf, expectedBranchRows } from './branches.js';
import {
  copies,
  DISORDER_MS,
  deadRow,
  isDealt,
  isPoison,
  joined,
  keeps,
  lateRow,
  mapped,
  type PipelineSpec,
  POISON,
  REST,
  type Row,
  recordOf,
  regroup,
  rotated,
  type SimRecord,
  type SinkKind,
  splitSpec,
  type Topology,
  tapRow,
  WINDOW_MS,
  windowOf,
} from './topology.js';

export interface ExpectedSink {
  readonly id: string;
  readonly kind: SinkKind;
  /** Rows of each group, in their order. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** `free`: rows of a group come in any order. `last`: those of a window come again with more in it. */
  readonly order: 'exact' | 'free' | 'last';
  /** Behind no keyed step: rows of a group are those of a split, and have their order from its path. */
  readonly unkeyed: boolean;
  /** What is late depends on the clock, as far as splits are idle (I25). Then `groups` are the most there can be. */
  readonly byClock?: ByClock | undefined;
  /** Of late records, the same: the least there can be. */
  readonly least?: ReadonlyMap<string, readonly string[]> | undefined;
}

/** Each record counts in its window or is late, never both, never neither. */
export interface ByClock {
  /** The sink of late records. */
  readonly late: string;
  /** By `key/window`: how many records there are, in time or late. */
  readonly counts: ReadonlyMap<string, number>;
  readonly allowsLateness: boolean;
}

/** What must have come out while splits rest, however long that takes. */
export interface ExpectedAtRest {
  readonly sink: string;
  readonly late: string | undefined;
  /** By `key/window`, of windows that time has passed: how many records were given, in time or late. */
  readonly windows: ReadonlyMap<string, number>;
  /** Of all windows, or groups, if there are no windows. */
  readonly rows: number;
}

export function sinkId(pipeline: number, name: string): string {
  return `p${pipeline}-${name}`;
}

export function expectedSinks(topology: Topology): readonly ExpectedSink[] {
  return topology.pipelines.flatMap((pipeline, index) => {
    const all = inputOf(pipeline, index);
    const dead = deadOf(pipeline, all);
    const records = all.filter((record) => !dead.has(record));
    const late = behindOwnSplit(pipeline, index, records);
    const onTime = records.filter((record) => !late.includes(record));
    const isByClock = isLateByClock(pipeline);
    const byClock: ByClock | undefined = isByClock
      ? {
          late: sinkId(index, 'late'),
          counts: countsOf(records),
          allowsLateness: pipeline.latenessMs > 0,
        }
      : undefined;
    // What a keyed step puts aside is behind the tap.
    const tapped = (pipeline.poisoned === 'reduce' ? all : records).map(tapRow);
    const order = isDealt(pipeline) ? 'free' : 'exact';
    const sinks = pipeline.sinks.map((kind, at): ExpectedSink => {
      const id = sinkId(index, `sink${at}`);
      if (pipeline.keyed === 'none') {
        return { id, kind, groups: grouped(tapped), order, unkeyed: true };
      }
      const isLate = pipeline.keyed === 'late';
      return {
        id,
        kind,
        groups: grouped(isLate ? windowCounts(onTime) : keyedRows(pipeline, records)),
        order: isLate && pipeline.latenessMs > 0 ? 'last' : 'exact',
        unkeyed: false,
        byClock,
      };
    });
    if (pipeline.tap !== undefined) {
      const id = sinkId(index, 'tap');
      const groups = grouped(tapped);
      sinks.push({ id, kind: pipeline.tap, groups, order, unkeyed: true });
    }
    if (pipeline.keyed === 'late') {
      sinks.push({
        id: sinkId(index, 'late'),
        kind: 'staged',
        groups: grouped((isByClock ? records : late).map(lateRow)),
        order: 'free',
        unkeyed: true,
        least: isByClock ? grouped(late.map(lateRow)) : undefined,
      });
    }
    const branch = branchOf(pipeline);
    if (branch !== 'none') {
      sinks.push({
        id: sinkId(index, 'branch'),
        kind: 'staged',
        groups: grouped(expectedBranchRows(branch, recordsOf(pipeline, index))),
        order: 'free',
        unkeyed: false,
      });
    }
    const aside = asideOf(pipeline);
    if (aside !== undefined) {
      const own = recordsOf(pipeline, index).filter(({ s }) => s === 0);
      sinks.push({
        id: sinkId(index, 'aside'),
        kind: 'staged',
        groups: grouped(expectedAsideRows(aside, own)),
        order: 'free',
        unkeyed: false,
      });
    }
    if (pipeline.poisoned !== undefined) {
      sinks.push({
        id: sinkId(index, 'dead'),
        kind: 'staged',
        groups: grouped([...dead].map((record) => deadRow(record, POISON))),
        order: 'free',
        unkeyed: true,
      });
    }
    return sinks;
  });
}

/** Does who is late depend on more than each split's own time? */
const isLateByClock = ({ keyed, sources }: PipelineSpec): boolean =>
  keyed === 'late' && sources.some(({ idleAfterMs }) => idleAfterMs !== undefined);

function deadOf({ poisoned }: PipelineSpec, records: readonly SimRecord[]): ReadonlySet<SimRecord> {
  if (poisoned === undefined) return new Set();
  const keys = new Set<string>();
  // The first of a key is not reduced.
  const isFirst = ({ k }: SimRecord) => poisoned === 'reduce' && !keys.has(k) && keys.add(k);
  return new Set(records.filter((record) => !isFirst(record) && isPoison(record)));
}

/** By `key/window`. */
function countsOf(records: readonly SimRecord[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { k, t } of records) {
    const pane = `${k}/${windowOf(t)}`;
    counts.set(pane, (counts.get(pane) ?? 0) + 1);
  }
  return counts;
}

/** Undefined when no split rests until all has come out. */
export function expectedAtRest({ pipelines }: Topology): readonly ExpectedAtRest[] | undefined {
  const isAtRest = ({ sources }: PipelineSpec) =>
    sources.some(({ unequal }) => unequal?.some(({ rest }) => rest?.untilMs === REST));
  if (!pipelines.some(isAtRest)) return undefined;
  return pipelines.flatMap((pipeline, index) => {
    const reachedMs = reachedAtRest(pipeline, index);
    const all = inputOf(pipeline, index);
    const dead = deadOf(pipeline, all);
    const mayDrift = pipeline.sources.every(({ maxDriftMs }) => maxDriftMs === undefined);
    const given = all.filter((record) => {
      const { s, p, i } = record;
      if (dead.has(record)) return false;
      const { rest } = splitSpec(pipeline.sources[s]!, p);
      if (rest?.untilMs === REST && i >= rest.before) return false;
      // Up to there no bound holds it up.
      return mayDrift || ownTimeBefore(pipeline, index, s, p, i) <= reachedMs;
    });
    const windows = countsOf(given.filter(({ t }) => windowOf(t) + WINDOW_MS - 1 <= reachedMs));
    const isWindowed = pipeline.keyed === 'window' || pipeline.keyed === 'late';
    return pipeline.sinks.map((_, at): ExpectedAtRest => {
      // Which sessions have closed, and which of a record's windows, depends on how far other splits have come.
      if (pipeline.gapMs > 0 || pipeline.slideMs > 0) {
        return { sink: sinkId(index, `sink${at}`), late: undefined, windows: new Map(), rows: 0 };
      }
      return {
        sink: sinkId(index, `sink${at}`),
        late: pipeline.keyed === 'late' ? sinkId(index, 'late') : undefined,
        windows: isWindowed ? windows : new Map(),
        rows: isWindowed ? 0 : given.length,
      };
    });
  });
}

/**
 * How far time has come at least when splits rest. Whoever is not idle holds it: where the least of them
 * stands. When all are idle it stands at the least that has spoken, or further.
 */
function reachedAtRest(pipeline: PipelineSpec, index: number): number {
  const holding: number[] = [];
  const idle: number[] = [];
  for (const [s, source] of pipeline.sources.entries()) {
    for (let p = 0; p < source.splits; p += 1) {
      const { rest } = splitSpec(source, p);
      if (rest?.untilMs !== REST) continue;
      const ownMs = ownTimeBefore(pipeline, index, s, p, rest.before);
      if (source.idleAfterMs === undefined) holding.push(ownMs);
      else if (ownMs > Number.NEGATIVE_INFINITY) idle.push(ownMs);
    }
  }
  if (holding.length > 0) return Math.min(...holding);
  return idle.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...idle);
}

function ownTimeBefore(
  pipeline: PipelineSpec,
  index: number,
  s: number,
  p: number,
  until: number,
): number {
  let timeMs = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < until; i += 1) {
    timeMs = Math.max(timeMs, recordOf(pipeline, index, s, p, i).t - DISORDER_MS - 1);
  }
  return timeMs;
}

/** All records of the sources, each split's in their order. */
function recordsOf(pipeline: PipelineSpec, index: number): readonly SimRecord[] {
  return pipeline.sources.flatMap((source, s) =>
    Array.from({ length: source.splits }, (_, p) =>
      Array.from({ length: splitSpec(source, p).records }, (__, i) =>
        recordOf(pipeline, index, s, p, i),
      ),
    ).flat(),
  );
}

function inputOf(pipeline: PipelineSpec, index: number): readonly SimRecord[] {
  const given = recordsOf(pipeline, index);
  let records: readonly SimRecord[] = given.flatMap((record) => joined(pipeline, record));
  for (const step of pipeline.steps) {
    if (step === 'map') records = records.map(mapped);
    else if (step === 'filter') records = records.filter(keeps);
    else if (step === 'flatMap') records = records.flatMap(copies);
  }
  return records;
}

/** Those whose window the time of their own split had closed just before them. */
function behindOwnSplit(
  pipeline: PipelineSpec,
  index: number,
  records: readonly SimRecord[],
): readonly SimRecord[] {
  const late = new Set<string>();
  const name = ({ s, p, i }: Pick<SimRecord, 's' | 'p' | 'i'>) => `${s}.${p}.${i}`;
  for (const [s, source] of pipeline.sources.entries()) {
    for (let p = 0; p < source.splits; p += 1) {
      let timeMs = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < splitSpec(source, p).records; i += 1) {
        const { t } = recordOf(pipeline, index, s, p, i);
        if (windowOf(t) + WINDOW_MS - 1 + pipeline.latenessMs <= timeMs)
          late.add(name({ s, p, i }));
        timeMs = Math.max(timeMs, t - DISORDER_MS - 1);
      }
    }
  }
  return records.filter((record) => late.has(name(record)));
}

/** Rows of a key in order of time: windows fire in it. */
function windowCounts(records: readonly SimRecord[]): readonly Row[] {
  const counts = new Map<number, Map<string, number>>();
  for (const { k, t } of records) {
    const start = windowOf(t);
    const keys = counts.get(start) ?? new Map<string, number>();
    counts.set(start, keys.set(k, (keys.get(k) ?? 0) + 1));
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .flatMap(([start, keys]) => [...keys].map(([k, n]) => ({ g: k, r: `${start}:${n}` })));
}

/** Of each key in the order of time, cut where records are more than the gap apart. */
function sessionRows(records: readonly SimRecord[], gapMs: number): readonly Row[] {
  return [...new Set(records.map(({ k }) => k))].flatMap((g) => {
    const own = records.filter(({ k }) => k === g).sort((a, b) => a.t - b.t);
    const rows: Row[] = [];
    let first = 0;
    for (const [i, { t }] of own.entries()) {
      if (i + 1 < own.length && own[i + 1]!.t - t <= gapMs) continue;
      const session = own.slice(first, i + 1);
      const sum = session.reduce((all, { v }) => all + v, 0);
      rows.push({ g, r: `${own[first]!.t}–${t + gapMs}:${session.length}:${sum}` });
      first = i + 1;
    }
    return rows;
  });
}

/** Each record of a key takes the row of the one before back, wherever that was. Each fifth is left out. */
function rotatedRows(records: readonly SimRecord[]): readonly Row[] {
  const counts = new Map<string, number>();
  return records.flatMap(({ k }) => {
    const n = (counts.get(k) ?? 0) + 1;
    counts.set(k, n);
    const row = (change: string, of: number): readonly Row[] =>
      of === 0 || of % 5 === 0 ? [] : [{ g: rotated(k, of), r: `${change} 1:${of}:${of}` }];
    return [...row('-D', n - 1), ...row('+I', n)];
  });
}

/** Where the windows of a time begin. */
function startsOf({ slideMs }: PipelineSpec, t: number): readonly number[] {
  if (slideMs === 0) return [windowOf(t)];
  const starts: number[] = [];
  for (let start = t - (t % slideMs); start + WINDOW_MS > t; start -= slideMs) starts.push(start);
  return starts;
}

function keyedRows(pipeline: PipelineSpec, records: readonly SimRecord[]): readonly Row[] {
  const counts = new Map<string, number>();
  const sums = new Map<string, number>();
  const add = (to: Map<string, number>, key: string, by: number): number => {
    const next = (to.get(key) ?? 0) + by;
    to.set(key, next);
    return next;
  };
  switch (pipeline.keyed) {
    case 'twice': {
      if (pipeline.changing) return rotatedRows(records);
      const twice = new Map<string, number>();
      return records.map(({ k }) => {
        const g = regroup(k);
        return { g, r: `${add(twice, g, 1)}` };
      });
    }
    case 'window': {
      if (pipeline.gapMs > 0) return sessionRows(records, pipeline.gapMs);
      for (const record of records) {
        for (const start of startsOf(pipeline, record.t)) {
          const pane = `${start}/${record.k}`;
          add(counts, pane, 1);
          add(sums, pane, record.v);
        }
      }
      return [...counts.keys()]
        .map((pane) => ({ pane, start: Number(pane.split('/')[0]), g: pane.split('/')[1]! }))
        .sort((a, b) => a.start - b.start)
        .map(({ pane, start, g }) => ({ g, r: `${start}:${counts.get(pane)}:${sums.get(pane)}` }));
    }
    default:
      return records.map(({ k, v }) => {
        const n = add(counts, k, 1);
        return { g: k, r: `${n}:${add(sums, k, v)}` };
      });
  }
}

function grouped(rows: readonly Row[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { g, r } of rows) {
    const group = groups.get(g);
    if (group === undefined) groups.set(g, [r]);
    else group.push(r);
  }
  return groups;
}
