/** Describes each event of a job in a line, for plain and live output. */

import type { GuardedMetrics } from '../guardian/guarded-job.js';
import type { CheckpointEvent, JobResult, PressureEvent, RescaledEvent } from '../job/job-types.js';
import type { TimeHolder } from '../stream/task/time-holder.js';
import { joinShown, type Shown, shown } from './escape.js';
import { formatBytes, formatCount, formatMs, formatNumberOf } from './format.js';

export function describeCheckpoint(event: CheckpointEvent): Shown {
  const { checkpoint } = event;
  if (event.kind === 'failed') {
    return shown`checkpoint ${checkpoint} failed: ${event.failure.message}`;
  }
  const took = formatMs(event.durationMs);
  // A job without a place for checkpoints has only the one in memory that commits its output.
  if (!isStored(event)) return shown`output committed in ${took}`;
  const last = event.final ? ' (the last)' : '';
  return shown`checkpoint ${checkpoint}${last} in ${took}, ${formatBytes(event.bytes)}`;
}

/** Does the checkpoint lie in a directory or a bucket? */
export function isStored(event: CheckpointEvent): boolean {
  return event.kind === 'completed' && event.bytes > 0;
}

export function describePressure(event: PressureEvent): string {
  const { slot, heapUsedBytes, heapLimitBytes, share, action } = event;
  const full = `${Math.round(share * 100)} % (${formatBytes(heapUsedBytes)} of ${formatBytes(heapLimitBytes)})`;
  const what = action === 'restarting' ? ': taking a checkpoint, then restarting it' : '';
  return `heap of slot ${slot} at ${full}${what}`;
}

/** What a rescale has moved: a line for each operator. */
export function describeRescaled({ operators }: RescaledEvent): readonly Shown[] {
  return operators.map(
    ({ operator, before, after, keyGroups, moved, leastPossible, byRanges }) =>
      shown`rescaled ${operator} ${before} → ${after}: ${moved} of ${keyGroups} key groups moved (least possible ${leastPossible}, by ranges ${byRanges})`,
  );
}

/** The last line about a job that came to its end. @param stored the job has kept checkpoints in a place */
export function describeResult(result: JobResult, stored: boolean): Shown {
  const { status, sourceRecords, durationMs, checkpoints, restarts } = result;
  const parts = [
    `${formatNumberOf(sourceRecords, 'record')} in ${formatMs(durationMs)}`,
    ...(stored ? [formatNumberOf(checkpoints, 'checkpoint')] : []),
    formatNumberOf(restarts, 'restart'),
    ...countedLines(result.counters),
  ];
  return shown`${status}: ${joinShown(parts, ', ')}`;
}

/** Lines that count the records which were read and are not in the output. */
export function countedLines(counters: Readonly<Record<string, number>>): readonly string[] {
  return COUNTED.flatMap(([counter, one, many]) => {
    const count = counters[counter] ?? 0;
    return count === 0 ? [] : [`${formatCount(count)} ${count === 1 ? one : many}`];
  });
}

/** The same counts for each operator. */
export function countedByOperator(operators: GuardedMetrics['operators']): readonly Shown[] {
  return COUNTED.flatMap(([counter, one, many]) => {
    const by = new Map<string, number>();
    for (const { vertex, counters } of operators) {
      const count = counters[counter] ?? 0;
      if (count > 0) by.set(vertex, (by.get(vertex) ?? 0) + count);
    }
    const count = [...by.values()].reduce((sum, each) => sum + each, 0);
    if (count === 0) return [];
    const where = joinShown(
      [...by].map(([vertex, each]) => shown`${vertex} ${formatCount(each)}`),
      ', ',
    );
    return [shown`${formatCount(count)} ${count === 1 ? one : many} (${where})`];
  });
}

/** Whatever holds event time back for so long is shown. */
const HELD_MS = 10_000;

/** Names the splits that event time has waited for at least HELD_MS. They are the reason why windows do not fire. */
export function timeHolders(operators: GuardedMetrics['operators']): readonly Shown[] {
  return operators.flatMap(({ instance, holder }) =>
    holder === undefined || holder.heldMs < HELD_MS
      ? []
      : [shown`waits for ${heldBy(holder, instance)} since ${formatMs(holder.heldMs)}`],
  );
}

function heldBy({ operator, split, sources }: TimeHolder, instance: number): Shown {
  if (split !== undefined) return shown`split '${split}' of ${operator}`;
  if (sources.includes(operator)) return shown`a split of ${operator} (instance ${instance})`;
  const names = joinShown(
    sources.map((source) => shown`${source}`),
    ', ',
  );
  return shown`records of ${names} at ${operator} (instance ${instance})`;
}

const COUNTED = [
  ['lateRecords', 'late record dropped', 'late records dropped'],
  ['recordsOutsideWindows', 'record in no window left out', 'records in no window left out'],
  ['recordsLeft', 'record left in a window', 'records left in windows'],
  ['deadLetters', 'dead letter', 'dead letters'],
] as const;
