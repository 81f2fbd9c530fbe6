/**
 * What some pipelines have beside their joint: another operator that reads the sources, the first on its left and the
 * others on its right, into a sink of its own. It follows from what is drawn already, so that the rest of a seed is drawn
 * as it was before there were branches.
 */

import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { Output } from '../../src/stream/api/output.js';
import { map, value } from '../../src/stream/api/state-specs.js';
import { sliding } from '../../src/stream/api/windows.js';
import { DISORDER_MS, mix, type PipelineSpec, type Row, type SimRecord } from './topology.js';

const BRANCHES = [
  'none',
  'interval join',
  'broadcast state',
  'window join',
  'join for a while',
  'latest version',
] as const;
export type Branch = (typeof BRANCHES)[number];

export const LOWER_MS = -20;
export const UPPER_MS = 30;
const JOIN_WINDOW = { sizeMs: 60, slideMs: 20 };
const JOIN_TTL_MS = 25;
/** Behind all records: such a timer fires when the input has ended. */
const END_MS = 1e12;

export function branchOf({ sources }: PipelineSpec): Branch {
  const { records, batch, paceMs } = sources[0]!;
  // What is late would depend on the clock.
  const isIdle = sources.some(({ idleAfterMs }) => idleAfterMs !== undefined);
  if (sources.length < 2 || isIdle) return 'none';
  return BRANCHES[mix(batch, records, paceMs, 11) % BRANCHES.length]!;
}

/** How many rows the branch may emit for one record or one watermark: if all have one key, each meets each. */
export function rowsAtOnce(pipeline: PipelineSpec): number {
  if (branchOf(pipeline) === 'none') return 0;
  const [left = 0, ...right] = pipeline.sources.map(({ splits, records }) => splits * records);
  const pairs = left * right.reduce((sum, records) => sum + records, 0);
  return pairs * (JOIN_WINDOW.sizeMs / JOIN_WINDOW.slideMs);
}

const nameOf = (record: SimRecord | null): string =>
  record === null ? 'nobody' : `${record.s}.${record.p}.${record.i}`;
const pairRow = (left: SimRecord | null, right: SimRecord | null): Row => ({
  g: (left ?? right)!.k,
  r: `${nameOf(left)} and ${nameOf(right)}`,
});
/** Which of several versions of one moment is the last is not promised: a version tells its time alone. */
const versionRow = (left: SimRecord, version: SimRecord | null): Row => ({
  g: left.k,
  r: `${nameOf(left)} at ${version?.t ?? 'nothing'}`,
});
const toldRow = (g: string, own: number, splits: Iterable<[string, number]>): Row => ({
  g,
  r: `${own}: ${[...splits].sort(([a], [b]) => (a < b ? -1 : 1)).join(' ')}`,
});

/** @param kind none of `none` */
export function branchRows(
  kind: Branch,
  left: DataStream<SimRecord>,
  right: DataStream<SimRecord>,
): DataStream<Row> {
  const key = ({ k }: SimRecord) => k;
  if (kind === 'interval join') {
    return left.keyBy(key).intervalJoin(right.keyBy(key), {
      lowerMs: LOWER_MS,
      upperMs: UPPER_MS,
      kind: 'full',
      select: (l, r) => pairRow(l, r),
    });
  }
  if (kind === 'window join') {
    const window = sliding(JOIN_WINDOW);
    return left
      .keyBy(key)
      .join(right.keyBy(key), { window, kind: 'full', select: (l, r) => pairRow(l, r) });
  }
  if (kind === 'join for a while') {
    const options = { ttlMs: JOIN_TTL_MS, select: pairRow };
    return left.keyBy(key).join(right.keyBy(key), options);
  }
  if (kind === 'latest version') {
    return left
      .keyBy(key)
      .joinLatest(right.keyBy(key), { kind: 'left', select: (l, r) => versionRow(l, r) });
  }
  // How many records of each split of the right sources there were, told for each key of the left one in the end.
  return left
    .keyBy(key)
    .connect(right.broadcast({ splits: map<string, number>() }))
    .process({
      state: { own: value<number>() },
      onLeft(_record, { state, timers }) {
        state.own.update((before = 0) => before + 1);
        timers.eventTime(END_MS);
      },
      onRight({ s, p }, { broadcast: { splits } }) {
        const split = `${s}.${p}`;
        splits.set(split, (splits.get(split) ?? 0) + 1);
      },
      onTimer(_time, ctx, out: Output<Row>) {
        out.emit(toldRow(ctx.key, ctx.state.own.get()!, ctx.broadcast.splits.entries()));
      },
    });
}

/** What has to come out of it. @param records all of the sources, each split's in their order */
export function expectedBranchRows(kind: Branch, records: readonly SimRecord[]): readonly Row[] {
  const isLeft = ({ s }: SimRecord) => s === 0;
  if (kind === 'broadcast state') {
    const splits = new Map<string, number>();
    const own = new Map<string, number>();
    for (const record of records) {
      const [counts, name] = isLeft(record)
        ? ([own, record.k] as const)
        : ([splits, `${record.s}.${record.p}`] as const);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...own].map(([k, n]) => toldRow(k, n, splits));
  }
  const times = new Map<string, number>();
  const given = records.map((record): Coming => {
    const split = `${record.s}.${record.p}`;
    const splitMs = times.get(split) ?? Number.NEGATIVE_INFINITY;
    times.set(split, Math.max(splitMs, record.t - DISORDER_MS - 1));
    return { record, splitMs };
  });
  const lefts = given.filter(({ record }) => isLeft(record));
  const rights = given.filter(({ record }) => !isLeft(record));
  switch (kind) {
    case 'interval join':
      return pairRows(
        lefts,
        rights,
        'full',
        (l, r) => r.t - l.t >= LOWER_MS && r.t - l.t <= UPPER_MS,
      );
    case 'join for a while':
      return pairRows(lefts, rights, 'inner', (l, r) => Math.abs(r.t - l.t) < JOIN_TTL_MS);
    case 'window join':
      return windowRows(lefts, rights);
    default:
      return lefts
        .filter(isOnTime)
        .map(({ record }) => versionRow(record, versionAt(record, rights)));
  }
}

interface Coming {
  readonly record: SimRecord;
  /** The time of its split just before it. */
  readonly splitMs: number;
}

const isOnTime = ({ record, splitMs }: Coming): boolean => splitMs < record.t;

function pairRows(
  lefts: readonly Coming[],
  rights: readonly Coming[],
  kind: 'inner' | 'full',
  meet: (left: SimRecord, right: SimRecord) => boolean,
  isOpen: (coming: Coming) => boolean = isOnTime,
): readonly Row[] {
  const [ls, rs] = [lefts, rights].map((side) => side.filter(isOpen).map(({ record }) => record));
  const met = (l: SimRecord, r: SimRecord) => l.k === r.k && meet(l, r);
  return [
    ...ls!.flatMap((l) => {
      const found = rs!.filter((r) => met(l, r));
      if (found.length === 0) return kind === 'full' ? [pairRow(l, null)] : [];
      return found.map((r) => pairRow(l, r));
    }),
    ...(kind === 'full'
      ? rs!.filter((r) => !ls!.some((l) => met(l, r))).map((r) => pairRow(null, r))
      : []),
  ];
}

/** A row counts in those of its windows that the time of its split had not passed. */
function windowRows(lefts: readonly Coming[], rights: readonly Coming[]): readonly Row[] {
  const { sizeMs, slideMs } = JOIN_WINDOW;
  const last = Math.max(...[...lefts, ...rights].map(({ record }) => record.t));
  const starts: number[] = [];
  for (let start = slideMs - sizeMs; start <= last; start += slideMs) starts.push(start);
  return starts.flatMap((start) => {
    const isIn = ({ record, splitMs }: Coming) =>
      record.t >= start && record.t < start + sizeMs && splitMs < start + sizeMs - 1;
    return pairRows(lefts, rights, 'full', () => true, isIn);
  });
}

/** A late version is there for rows behind the time that its split had come to. */
function versionAt(left: SimRecord, rights: readonly Coming[]): SimRecord | null {
  let found: SimRecord | null = null;
  for (const coming of rights) {
    const { record, splitMs } = coming;
    if (record.k !== left.k || record.t > left.t) continue;
    if (!isOnTime(coming) && splitMs >= left.t) continue;
    if (found === null || record.t > found.t) found = record;
  }
  return found;
}
