/** The real graph of a drawn job, and its answer out of what the job has collected. */

import { count, max, min, sum } from '../../src/stream/api/aggregations.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import { defineJob, type JobDefinition } from '../../src/stream/api/job-definition.js';
import {
  cumulative,
  session,
  sliding,
  tumbling,
  type WindowBounds,
  type WindowDefinition,
} from '../../src/stream/api/windows.js';
import type { Source, SourceBatch } from '../../src/stream/source.js';
import type { FuzzJob, FuzzRecord, FuzzSource, FuzzStep } from './job-spec.js';
import {
  type Answer,
  aggregateText,
  dropped,
  type Fold,
  lateText,
  reduceText,
  shifted,
} from './right-answer.js';

/** How a run paces its sources. */
export interface FuzzPace {
  /** Waits before a batch, or undefined: at once. */
  rest(): Promise<void> | undefined;
}

interface AggregateRow {
  readonly key: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly replaces?: readonly WindowBounds[];
  readonly n: number;
  readonly s: number;
  readonly lo: number;
  readonly hi: number;
}

export function fuzzJob(job: FuzzJob, pace: FuzzPace): JobDefinition {
  return defineJob('fuzz', (env) => {
    const timed = job.sources.map((source, s) => {
      const read = env.from(fuzzSource(source, pace)).uid(`source${s}`);
      return through(read, job.before)
        .withTimestamps(({ t }) => t, { outOfOrdernessMs: source.outOfOrdernessMs })
        .uid(`time${s}`);
    });
    const [first, ...others] = timed;
    let records: DataStream<FuzzRecord> = others.length === 0 ? first! : first!.union(...others);
    records = through(records, job.after);
    if (job.rebalance) records = records.rebalance();
    const windows = records
      .keyBy(({ k }) => k)
      .window(windowOf(job))
      .allowedLateness(job.allowedLatenessMs)
      .sideOutputLate('late');
    if (job.fold === 'reduce') {
      const reduced = windows.reduce((a, b) => (a.id > b.id ? a : b)).uid('fold');
      reduced.collect('rows').uid('rows');
      reduced.sideOutput<FuzzRecord>('late').collect('late').uid('late');
      return;
    }
    const once = windows
      .aggregate({
        n: count(),
        s: sum((r: FuzzRecord) => r.v),
        lo: min((r: FuzzRecord) => r.v),
        hi: max((r: FuzzRecord) => r.v),
      })
      .uid('fold');
    once.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    if (job.againMs === 0) {
      once.collect('rows').uid('rows');
      return;
    }
    once
      .keyBy(({ key }) => key)
      .window(tumbling(job.againMs))
      .aggregate({
        n: sum(({ n }: { n: number }) => n),
        s: sum(({ s }: { s: number | null }) => s),
        lo: min(({ lo }: { lo: number | null }) => lo),
        hi: max(({ hi }: { hi: number | null }) => hi),
      })
      .uid('again')
      .collect('rows')
      .uid('rows');
  });
}

function windowOf({ sizeMs, gapMs, overlap }: FuzzJob): WindowDefinition {
  if (gapMs > 0) return session({ gapMs });
  switch (overlap?.kind) {
    case 'sliding':
      return sliding({ sizeMs, slideMs: overlap.everyMs });
    case 'cumulative':
      return cumulative({ sizeMs, stepMs: overlap.everyMs });
    default:
      return tumbling(sizeMs);
  }
}

function through(
  stream: DataStream<FuzzRecord>,
  steps: readonly FuzzStep[],
): DataStream<FuzzRecord> {
  let next = stream;
  for (const step of steps) {
    if (step === 'shift') next = next.map((record) => ({ ...record, v: shifted(record.v) }));
    else if (step === 'drop') next = next.filter(({ id }) => !dropped(id));
    else next = next.flatMap((record) => [record, record]);
  }
  return next;
}

function fuzzSource({ splits, batch }: FuzzSource, pace: FuzzPace): Source<FuzzRecord> {
  return {
    kind: 'fuzzSource',
    splits: async () => splits.map((_, p) => ({ id: `split ${p}`, bounded: true, p })),
    open: async (split, position) => {
      const records = splits[split['p'] as number]!;
      let next = (position as number | undefined) ?? 0;
      let start = next;
      const read = (): SourceBatch<FuzzRecord> | undefined => {
        start = next;
        if (next >= records.length) return undefined;
        next = Math.min(records.length, next + batch);
        return { records: records.slice(start, next) };
      };
      return {
        poll: () => {
          const rest = pace.rest();
          return rest === undefined ? read() : rest.then(read);
        },
        position: (taken) => start + taken,
        describe: (at) => `${split.id}, record ${start + at}`,
        close: () => {},
      };
    },
  };
}

/** @param collected rows by the name of their sink; a window that fired again has several rows */
export function answerOf(
  job: FuzzJob,
  collected: Readonly<Record<string, readonly unknown[]>>,
): Answer {
  const rows = collected['rows'] ?? [];
  const late = (collected['late'] ?? []) as readonly FuzzRecord[];
  const isByBounds = job.gapMs > 0 || job.overlap !== undefined;
  if (job.fold === 'aggregate' && isByBounds && job.againMs === 0) {
    return { rows: standingRows(rows).sort(), late: late.map(lateText).sort() };
  }
  const texts = job.fold === 'reduce' ? lastReduced(job, rows) : lastAggregated(rows);
  return { rows: texts.sort(), late: late.map(lateText).sort() };
}

/** The last row of a window is the one over most records; where it lies among others says nothing. */
function lastAggregated(rows: readonly unknown[]): string[] {
  const last = new Map<string, Fold>();
  for (const { key, windowStart, n, s, lo, hi } of rows as readonly AggregateRow[]) {
    const name = `${key}@${windowStart}`;
    const known = last.get(name);
    if (known === undefined || n > known.n)
      last.set(name, { key, start: windowStart, n, s, lo, hi });
  }
  return [...last.values()].map(aggregateText);
}

/** Those that no other row takes the place of. A row of the same bounds counts more records, or comes later. */
function standingRows(rows: readonly unknown[]): string[] {
  const folds = rows as readonly AggregateRow[];
  const name = (key: string, { windowStart, windowEnd }: WindowBounds) =>
    `${key}@${windowStart}–${windowEnd}`;
  const replaced = new Set<string>();
  const last = new Map<string, AggregateRow>();
  for (const row of folds) {
    const own = name(row.key, row);
    for (const one of row.replaces ?? []) {
      if (name(row.key, one) !== own) replaced.add(name(row.key, one));
    }
    const known = last.get(own);
    if (known === undefined || row.n > known.n) last.set(own, row);
  }
  return [...last]
    .filter(([own]) => !replaced.has(own))
    .map(([, { key, windowStart: start, windowEnd: end, n, s, lo, hi }]) =>
      aggregateText({ key, start, end, n, s, lo, hi }),
    );
}

/** Of sessions each comes once. */
function lastReduced(job: FuzzJob, rows: readonly unknown[]): string[] {
  const records = rows as readonly FuzzRecord[];
  if (job.gapMs > 0) return records.map((record) => reduceText(job, record));
  const last = new Map<string, FuzzRecord>();
  for (const record of records) {
    const name = `${record.k}@${Math.floor(record.t / job.sizeMs)}`;
    const known = last.get(name);
    if (known === undefined || record.id > known.id) last.set(name, record);
  }
  return [...last.values()].map((record) => reduceText(job, record));
}
