/**
 * What a drawn job must come to, by a plain loop over each split: it knows nothing of instances, channels,
 * watermarks or snapshots.
 *
 * A record is late when its window's end − 1 + allowed lateness is at or before the time that its own split
 * had just before it: the highest time of that split's earlier records − out-of-orderness − 1.
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
  n: number;
  s: number;
  lo: number;
  hi: number;
}

export function aggregateText({ key, start, n, s, lo, hi }: Readonly<Fold>): string {
  return `${key}@${start}: n ${n}, sum ${s}, min ${lo}, max ${hi}`;
}

export function reduceText(record: FuzzRecord, sizeMs: number): string {
  return `${record.k}@${windowStart(record.t, sizeMs)}: id ${record.id}, v ${record.v}`;
}

export const lateText = ({ id, k, v, t }: FuzzRecord): string => `${id}:${k}=${v}@${t}`;

export function rightAnswer(job: FuzzJob): Answer {
  const { sizeMs, allowedLatenessMs } = job;
  const late: string[] = [];
  const folds = new Map<string, Fold>();
  const greatest = new Map<string, FuzzRecord>();
  for (const { splits, outOfOrdernessMs } of job.sources) {
    for (const records of splits) {
      let highest = Number.NEGATIVE_INFINITY;
      for (const record of records.flatMap((one) => through(one, job.before))) {
        const timeBefore = highest - outOfOrdernessMs - 1;
        highest = Math.max(highest, record.t);
        const start = windowStart(record.t, sizeMs);
        const isLate = start + sizeMs - 1 + allowedLatenessMs <= timeBefore;
        for (const passed of through(record, job.after)) {
          if (isLate) {
            late.push(lateText(passed));
            continue;
          }
          add(folds, passed.k, start, 1, passed.v, passed.v, passed.v);
          const key = `${passed.k}@${start}`;
          const known = greatest.get(key);
          if (known === undefined || passed.id > known.id) greatest.set(key, passed);
        }
      }
    }
  }
  const rows = [...again(job, folds).values()].map(aggregateText);
  const reduced = [...greatest.values()].map((record) => reduceText(record, sizeMs));
  return { rows: (job.fold === 'aggregate' ? rows : reduced).sort(), late: late.sort() };
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

/** The second window over the rows of the first. */
function again({ againMs }: FuzzJob, folds: ReadonlyMap<string, Fold>): ReadonlyMap<string, Fold> {
  if (againMs === 0) return folds;
  const wider = new Map<string, Fold>();
  for (const { key, start, n, s, lo, hi } of folds.values()) {
    add(wider, key, windowStart(start, againMs), n, s, lo, hi);
  }
  return wider;
}

function add(
  to: Map<string, Fold>,
  key: string,
  start: number,
  n: number,
  s: number,
  lo: number,
  hi: number,
): void {
  const name = `${key}@${start}`;
  const known = to.get(name);
  if (known === undefined) {
    to.set(name, { key, start, n, s, lo, hi });
    return;
  }
  known.n += n;
  known.s += s;
  known.lo = Math.min(known.lo, lo);
  known.hi = Math.max(known.hi, hi);
}
