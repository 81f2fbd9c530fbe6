/** What a topology's sinks have to hold in the end, told by a sequential interpreter. */

import {
  copies,
  DISORDER_MS,
  isDealt,
  keeps,
  lateRow,
  mapped,
  type PipelineSpec,
  type Row,
  recordOf,
  regroup,
  type SimRecord,
  type SinkKind,
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
}

export function sinkId(pipeline: number, name: string): string {
  return `p${pipeline}-${name}`;
}

export function expectedSinks(topology: Topology): readonly ExpectedSink[] {
  return topology.pipelines.flatMap((pipeline, index) => {
    const records = inputOf(pipeline, index);
    const late = behindOwnSplit(pipeline, index, records);
    const onTime = records.filter((record) => !late.includes(record));
    const tapped = records.map(tapRow);
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
        groups: grouped(late.map(lateRow)),
        order: 'free',
        unkeyed: true,
      });
    }
    return sinks;
  });
}

function inputOf(pipeline: PipelineSpec, index: number): readonly SimRecord[] {
  let records = pipeline.sources.flatMap((source, s) =>
    Array.from({ length: source.splits }, (_, p) =>
      Array.from({ length: source.records }, (__, i) => recordOf(pipeline, index, s, p, i)),
    ).flat(),
  );
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
      for (let i = 0; i < source.records; i += 1) {
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
      const twice = new Map<string, number>();
      return records.map(({ k }) => {
        const g = regroup(k);
        return { g, r: `${add(twice, g, 1)}` };
      });
    }
    case 'window': {
      for (const record of records) {
        const pane = `${windowOf(record.t)}/${record.k}`;
        add(counts, pane, 1);
        add(sums, pane, record.v);
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
