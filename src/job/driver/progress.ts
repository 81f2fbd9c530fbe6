/**
 * Decides when a restart budget is refilled: pure. Events of regions and checkpoints go in; the groups whose budgets
 * begin anew come out.
 *
 *  P1  Progress is a completed checkpoint that lies beyond every failure of a region since the last progress: a job
 *      restored from it meets none of these failures again. An empty checkpoint is no progress, nor is one
 *      that lies before the failure.
 *  P2  A checkpoint is beyond a failure when it has every split at or beyond where the split stood then, the
 *      record in work counted as read.
 *  P3  What a checkpoint holds in flight was read, but may not have been processed. Then every task must also
 *      have taken as many records as it had at the failure. What was in flight in the restored checkpoint comes
 *      first, and in the same order again, so a record that kills its task is met at the same count. Where
 *      inputs of several producers meet, another interleaving may hide the record from the count; then it
 *      is in flight in the next checkpoint, where nothing hides it.
 *  P4  A firing of windows and timers that has failed must have been completed: the task's time has
 *      reached it.
 *  P5  A task's counts are compared across restores: they go on from what was counted in the checkpoint
 *      to which the region went back.
 *  P6  A group's budget is refilled when all of its regions that have failed are beyond their failures.
 */

import { assert } from '../../base/assert.js';

/** How far a task has come. */
export interface TaskPoint {
  /** Which one; unique in the job. */
  readonly task: string;
  /**
   * Of a source: records read since the job's first start, the one in work included; first of all its splits
   * together, then of each. Those of each are missing when the thread had no time to tell its splits.
   */
  readonly splits: readonly number[] | undefined;
  /** Of another: records taken since it was deployed, that in work included. */
  readonly records: number;
  /** In a checkpoint: windows and timers up to this time have fired. At a failure: NaN, or what was being fired. */
  readonly timeMs: number;
}

/** A region's part of a completed checkpoint. */
export interface RegionPoint {
  readonly region: number;
  /** Records in flight are a part of it. */
  readonly hasInFlight: boolean;
  readonly tasks: readonly TaskPoint[];
}

type Counts = Map<string, number>;

interface Watched {
  readonly group: number;
  /** Records of each task up to the restored checkpoint (P5). */
  before: ReadonlyMap<string, number>;
  /** The same up to the newest durable one. */
  durable:
    | { readonly checkpoint: number; readonly records: ReadonlyMap<string, number> }
    | undefined;
  /** Undefined: it has not failed since the last progress. */
  bar: Bar | undefined;
}

/** What a checkpoint has to be beyond. */
interface Bar {
  readonly splits: Counts;
  readonly records: Counts;
  readonly firing: Counts;
}

export class Progress {
  readonly #regions = new Map<number, Watched>();

  /** @param groups the regions of each */
  constructor(groups: readonly (readonly number[])[]) {
    for (const [group, regions] of groups.entries()) {
      for (const region of regions) {
        this.#regions.set(region, { group, before: new Map(), durable: undefined, bar: undefined });
      }
    }
  }

  regionsOf(group: number): readonly number[] {
    return [...this.#regions].flatMap(([region, one]) => (one.group === group ? [region] : []));
  }

  /** The region begins from a checkpoint; undefined: from the start. */
  restored(region: number, checkpoint: number | undefined): void {
    const watched = this.#of(region);
    const { durable } = watched;
    watched.before =
      durable !== undefined && durable.checkpoint === checkpoint ? durable.records : new Map();
  }

  /** @param tasks where they stood; none when none of them was there */
  failed(region: number, tasks: readonly TaskPoint[]): void {
    const watched = this.#of(region);
    watched.bar ??= { splits: new Map(), records: new Map(), firing: new Map() };
    const { splits, records, firing } = watched.bar;
    for (const point of tasks) {
      const { task, timeMs } = point;
      for (const [split, count] of splitsOf(point)) raise(splits, split, count);
      if (point.splits === undefined) raise(records, task, recordsOf(watched, point));
      if (!Number.isNaN(timeMs)) raise(firing, task, timeMs);
    }
  }

  /** A checkpoint has become what restarts go back to. */
  durable(checkpoint: number, points: readonly RegionPoint[]): void {
    for (const { region, tasks } of points) {
      const watched = this.#of(region);
      const records = new Map(tasks.map((point) => [point.task, recordsOf(watched, point)]));
      watched.durable = { checkpoint, records };
    }
  }

  /**
   * It is complete: committed as well.
   * @returns the groups whose budgets are refilled
   */
  completed(points: readonly RegionPoint[]): readonly number[] {
    const refilled = new Set<number>();
    const behind = new Set<number>();
    for (const point of points) {
      const watched = this.#of(point.region);
      if (watched.bar === undefined) continue;
      if (isBeyond(watched, watched.bar, point)) refilled.add(watched.group);
      else behind.add(watched.group);
    }
    const groups = [...refilled].filter((group) => !behind.has(group)); // P6
    for (const watched of this.#regions.values()) {
      if (groups.includes(watched.group)) watched.bar = undefined;
    }
    return groups;
  }

  #of(region: number): Watched {
    const watched = this.#regions.get(region);
    assert(watched !== undefined, `region ${region} is in no group`);
    return watched;
  }
}

function isBeyond(watched: Watched, bar: Bar, { tasks, hasInFlight }: RegionPoint): boolean {
  const splits = new Map(tasks.flatMap(splitsOf));
  const times = new Map(tasks.map(({ task, timeMs }) => [task, timeMs]));
  if (!reaches(splits, bar.splits) || !reaches(times, bar.firing)) return false; // P2, P4
  if (!hasInFlight) return true;
  return reaches(new Map(tasks.map((one) => [one.task, recordsOf(watched, one)])), bar.records); // P3
}

function reaches(counts: ReadonlyMap<string, number>, bar: ReadonlyMap<string, number>): boolean {
  for (const [name, least] of bar) {
    if (!((counts.get(name) ?? Number.NEGATIVE_INFINITY) >= least)) return false;
  }
  return true;
}

/** P5 */
function recordsOf({ before }: Watched, { task, records }: TaskPoint): number {
  return (before.get(task) ?? 0) + records;
}

function splitsOf({ task, splits = [] }: TaskPoint): readonly (readonly [string, number])[] {
  return splits.map((count, split) => [`${task}:${split}`, count]);
}

function raise(bar: Counts, name: string, count: number): void {
  bar.set(name, Math.max(bar.get(name) ?? count, count));
}
