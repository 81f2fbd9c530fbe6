/**
 * What a drawn job must come to, by a plain loop over each split: it knows nothing of instances, channels,
 * watermarks or snapshots.
 *
 * A record is late when its window's end − 1 + allowed lateness is at or before the time that its own split
 * had just before it: the highest time of that split's earlier records − out-of-orderness − 1. For sessions its own time
 * stands in the place of the window's end − 1. Where windows overlap, it is late when it is so for all of them, and counts
 * in the others.
 */

import type { FuzzJob, FuzzRecord, FuzzStep } from './job-spec.js';

export interface Answer {
  /** Last row of each key and window, as text, sorted. */
  readonly rows: readonly string[];
  /** Late records, as text, sorted. */
  readonly late: readonly string[];
}

export const dropped = (id: number): boolean => (Math.imul(id, 0x9e3779b1) >>> 3) % 4 === 0;
export const shifted = (v: number): number => v * 3 + 1;
export const windowStart = (t: number, sizeMs: number): number => Math.floor(t / sizeMs) * sizeMs;

export interface Fold {
  readonly key: string;
  readonly start: number;
  /** Of a session: its last record's time + the gap. Of windows that overlap: where it ends. */
  readonly end?: number;
  n: number;
  s: number;
  lo: number;
  hi: number;
}

export function aggregateText({ key, start, end, n, s, lo, hi }: Readonly<Fold>): string {
  return `${key}@${start}${end === undefined ? '' : `–${end}`}: n ${n}, sum ${s}, min ${lo}, max ${hi}`;
}

export function reduceText({ gapMs, sizeMs }: FuzzJob, { k, t, id, v }: FuzzRecord): string {
  // Where a session begins does not show in a reduced record.
  return `${k}${gapMs > 0 ? '' : `@${windowStart(t, sizeMs)}`}: id ${id}, v ${v}`;
}

export const lateText = ({ id, k, v, t }: FuzzRecord): string => `${id}:${k}=${v}@${t}`;

export function rightAnswer(job: FuzzJob): Answer {
  const { sizeMs, gapMs, allowedLatenessMs } = job;
  const late: string[] = [];
  const onTime: FuzzRecord[] = [];
  const overlapping = new Map<string, Window>();
  for (const { splits, outOfOrdernessMs } of job.sources) {
    for (const records of splits) {
      let highest = Number.NEGATIVE_INFINITY;
      for (const record of records.flatMap((one) => through(one, job.before))) {
        const timeBefore = highest - outOfOrdernessMs - 1;
        highest = Math.max(highest, record.t);
        const open = boundsOf(job, record.t).filter(
          ({ last }) => last + allowedLatenessMs > timeBefore,
        );
        const isLate = open.length === 0;
        for (const passed of through(record, job.after)) {
          if (isLate) late.push(lateText(passed));
          else if (job.overlap === undefined) onTime.push(passed);
          else
            for (const { start, last } of open) put(overlapping, passed, { start, end: last + 1 });
        }
      }
    }
  }
  const windows = [
    ...(gapMs > 0 ? sessionsOf(onTime, gapMs) : tumblingOf(onTime, sizeMs)),
    ...overlapping.values(),
  ];
  const rows = again(job, windows.map(foldOf)).map(aggregateText);
  const reduced = windows.map(({ records }) =>
    reduceText(
      job,
      records.reduce((a, b) => (b.id > a.id ? b : a)),
    ),
  );
  return { rows: (job.fold === 'aggregate' ? rows : reduced).sort(), late: late.sort() };
}

interface Window extends Pick<Fold, 'key' | 'start' | 'end'> {
  readonly records: FuzzRecord[];
}

/** The windows of a time: where they begin, and the moment with which they close. */
function boundsOf({ sizeMs, gapMs, overlap }: FuzzJob, t: number) {
  if (gapMs > 0) return [{ start: t, last: t }];
  const begin = windowStart(t, sizeMs);
  if (overlap === undefined) return [{ start: begin, last: begin + sizeMs - 1 }];
  const { kind, everyMs } = overlap;
  const found: { readonly start: number; readonly last: number }[] = [];
  if (kind === 'sliding') {
    for (let start = windowStart(t, everyMs); start + sizeMs > t; start -= everyMs) {
      found.push({ start, last: start + sizeMs - 1 });
    }
  } else {
    for (let end = begin + everyMs; end <= begin + sizeMs; end += everyMs) {
      if (end > t) found.push({ start: begin, last: end - 1 });
    }
  }
  return found;
}

function put(
  windows: Map<string, Window>,
  record: FuzzRecord,
  bounds: Pick<Fold, 'start' | 'end'>,
): void {
  const name = `${record.k}@${bounds.start}–${bounds.end}`;
  const window = windows.get(name) ?? { key: record.k, ...bounds, records: [] };
  window.records.push(record);
  windows.set(name, window);
}

function tumblingOf(records: readonly FuzzRecord[], sizeMs: number): readonly Window[] {
  const windows = new Map<string, Window>();
  for (const record of records) put(windows, record, { start: windowStart(record.t, sizeMs) });
  return [...windows.values()];
}

/** Cuts the records of each key, in order of time, where they are more than the gap apart. */
function sessionsOf(records: readonly FuzzRecord[], gapMs: number): readonly Window[] {
  const windows: Window[] = [];
  for (const key of new Set(records.map(({ k }) => k))) {
    const own = records.filter(({ k }) => k === key).sort((a, b) => a.t - b.t);
    let first = 0;
    for (const [i, { t }] of own.entries()) {
      if (i + 1 < own.length && own[i + 1]!.t - t <= gapMs) continue;
      windows.push({ key, start: own[first]!.t, end: t + gapMs, records: own.slice(first, i + 1) });
      first = i + 1;
    }
  }
  return windows;
}

function foldOf({ records, ...bounds }: Window): Fold {
  const values = records.map(({ v }) => v);
  const s = values.reduce((a, b) => a + b, 0);
  return { ...bounds, n: values.length, s, lo: Math.min(...values), hi: Math.max(...values) };
}

function through(record: FuzzRecord, steps: readonly FuzzStep[]): readonly FuzzRecord[] {
  let records: readonly FuzzRecord[] = [record];
  for (const step of steps) {
    if (step === 'shift') records = records.map((one) => ({ ...one, v: shifted(one.v) }));
    else if (step === 'drop') records = records.filter(({ id }) => !dropped(id));
    else records = records.flatMap((one) => [one, one]);
  }
  return records;
}

/** The second window over the rows of the first, each of which has the last moment of its window as its time. */
function again({ againMs, sizeMs }: FuzzJob, folds: readonly Fold[]): readonly Fold[] {
  if (againMs === 0) return folds;
  const wider = new Map<string, Fold>();
  for (const { key, start, end = start + sizeMs - 1, n, s, lo, hi } of folds) {
    const from = windowStart(end, againMs);
    const name = `${key}@${from}`;
    const known = wider.get(name);
    if (known === undefined) {
      wider.set(name, { key, start: from, n, s, lo, hi });
      continue;
    }
    known.n += n;
    known.s += s;
    known.lo = Math.min(known.lo, lo);
    known.hi = Math.max(known.hi, hi);
  }
  return [...wider.values()];
}
