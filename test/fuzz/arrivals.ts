/** What comes to a job's shape, by a plain loop over each split, and what the steps ahead of it do. */

import type { FuzzJob, FuzzStep } from './job-spec.js';
import type { Answer, Arrivals, FuzzRecord, Given } from './shape.js';

export const dropped = (id: number): boolean => (Math.imul(id, 0x9e3779b1) >>> 3) % 4 === 0;
export const shifted = (v: number): number => v * 3 + 1;

/**
 * Each record with the time that its own split had just before it: the highest time of that split's earlier records −
 * out-of-orderness − 1.
 */
export function arrivalsOf(job: FuzzJob): Arrivals {
  const bySource = job.sources.map(({ splits, outOfOrdernessMs }) =>
    splits.flatMap((records) => {
      let highest = Number.NEGATIVE_INFINITY;
      return records
        .flatMap((record) => through(record, job.before))
        .flatMap((record): Given[] => {
          const splitMs = highest - outOfOrdernessMs - 1;
          highest = Math.max(highest, record.t);
          return through(record, job.after).map((passed) => ({ record: passed, splitMs }));
        });
    }),
  );
  if (job.sides === 1) return { left: bySource.flat(), right: [] };
  const [left, ...others] = bySource;
  return { left: left!, right: others.length === 0 ? left! : others.flat() };
}

export const rightAnswer = (job: FuzzJob): Answer => job.shape.right(arrivalsOf(job));

function through(record: FuzzRecord, steps: readonly FuzzStep[]): readonly FuzzRecord[] {
  let records: readonly FuzzRecord[] = [record];
  for (const step of steps) {
    if (step === 'shift') records = records.map((one) => ({ ...one, v: shifted(one.v) }));
    else if (step === 'drop') records = records.filter(({ id }) => !dropped(id));
    else if (step === 'twice') records = records.flatMap((one) => [one, one]);
  }
  return records;
}
