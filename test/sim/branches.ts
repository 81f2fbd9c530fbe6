/**
 * What some pipelines have beside their joint: another operator that reads the sources, the first on its left and the
 * others on its right, into a sink of its own. It follows from what is drawn already, so that the rest of a seed is drawn
 * as it was before there were branches.
 */

import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { Output } from '../../src/stream/api/output.js';
import { map, value } from '../../src/stream/api/state-specs.js';
import { DISORDER_MS, mix, type PipelineSpec, type Row, type SimRecord } from './topology.js';

export type Branch = 'none' | 'interval join' | 'broadcast state';

export const LOWER_MS = -20;
export const UPPER_MS = 30;
/** Behind all records: such a timer fires when the input has ended. */
const END_MS = 1e12;

export function branchOf({ sources }: PipelineSpec): Branch {
  const { records, batch, paceMs } = sources[0]!;
  // What is late would depend on the clock.
  const isIdle = sources.some(({ idleAfterMs }) => idleAfterMs !== undefined);
  if (sources.length < 2 || isIdle) return 'none';
  return (['none', 'interval join', 'broadcast state'] as const)[
    mix(batch, records, paceMs, 11) % 3
  ]!;
}

const nameOf = (record: SimRecord | null): string =>
  record === null ? 'nobody' : `${record.s}.${record.p}.${record.i}`;
const pairRow = (left: SimRecord | null, right: SimRecord | null): Row => ({
  g: (left ?? right)!.k,
  r: `${nameOf(left)} and ${nameOf(right)}`,
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
  const onTime = records.filter(({ s, p, t }) => {
    const split = `${s}.${p}`;
    const splitMs = times.get(split) ?? Number.NEGATIVE_INFINITY;
    times.set(split, Math.max(splitMs, t - DISORDER_MS - 1));
    return splitMs < t;
  });
  const lefts = onTime.filter(isLeft);
  const rights = onTime.filter((record) => !isLeft(record));
  const meet = (l: SimRecord, r: SimRecord) =>
    l.k === r.k && r.t - l.t >= LOWER_MS && r.t - l.t <= UPPER_MS;
  return [
    ...lefts.flatMap((l) => {
      const found = rights.filter((r) => meet(l, r));
      return found.length === 0 ? [pairRow(l, null)] : found.map((r) => pairRow(l, r));
    }),
    ...rights.filter((r) => !lefts.some((l) => meet(l, r))).map((r) => pairRow(null, r)),
  ];
}
