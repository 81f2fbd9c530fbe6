/**
 * The newest deployment of a region, as far as it lies in shared memory, which outlives threads: the leases of its
 * tasks, and how far these have come.
 */

import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import { tasksOn } from '../../stream/graph/planner.js';
import type { Lease } from '../../threads/lease.js';
import { taskKey } from '../checkpoints/checkpoint-driver.js';
import type { JobProgress } from '../job-types.js';
import type { TaskPoint } from './progress.js';

export class Deployment {
  readonly #job: JobPlan;
  readonly #region: PlanRegion;
  /** By slot. */
  #leases: ReadonlyMap<number, Lease> = new Map();
  /** By source task: records read of each split. */
  readonly #reading = new Map<string, Float64Array>();

  constructor(job: JobPlan, region: PlanRegion) {
    this.#job = job;
    this.#region = region;
  }

  /** The region is deployed anew. */
  begin(leases: ReadonlyMap<number, Lease>): void {
    this.#leases = leases;
    this.#reading.clear();
  }

  /** From now on none of its tasks goes on. */
  revoke(): void {
    for (const lease of this.#leases.values()) lease.revoke();
  }

  /** A source task tells where in shared memory it counts what it reads. */
  reading(vertex: number, instance: number, records: SharedArrayBuffer): void {
    this.#reading.set(taskKey(vertex, instance), new Float64Array(records));
  }

  /** Dead threads included. */
  progress(): JobProgress {
    return sumProgress([...this.#leases.values()]);
  }

  /** Where its tasks stand, those on dead threads included. */
  points(): readonly TaskPoint[] {
    return [...this.#leases].flatMap(([slot, lease]) =>
      tasksOn(this.#job, this.#region.index, slot).map(({ vertex, instance }, index): TaskPoint => {
        const { records, firingMs } = lease.mark(index);
        const isSource = this.#job.graph.nodes[vertex.nodes[0]!]!.kind === 'source';
        const task = taskKey(vertex.index, instance);
        return {
          task,
          splits: isSource ? [records, ...(this.#reading.get(task) ?? [])] : undefined,
          records,
          timeMs: firingMs,
        };
      }),
    );
  }
}

export function sumProgress(parts: readonly JobProgress[]): JobProgress {
  let [sourceRecords, sinkRecords] = [0, 0];
  for (const part of parts) {
    sourceRecords += part.sourceRecords;
    sinkRecords += part.sinkRecords;
  }
  return { sourceRecords, sinkRecords };
}
