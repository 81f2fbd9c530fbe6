/** What a task counts, for its metrics and for the lease that its supervisor reads. */

import type { Lease } from '../../threads/lease.js';
import type { RestoredSection, StateSection } from '../operator.js';
import {
  type CountingInstance,
  encodeCounters,
  restoreCounters,
} from '../state/counter-section.js';

/** The sum of what tasks have counted. */
export function sumCounters(
  tasks: readonly { readonly counters: Readonly<Record<string, number>> }[],
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { counters } of tasks) {
    for (const [counter, count] of Object.entries(counters)) {
      sums[counter] = (sums[counter] ?? 0) + count;
    }
  }
  return sums;
}

export class TaskMeter {
  readonly #lease: Lease;
  readonly #counting: CountingInstance;
  readonly #firstOutput: () => void;
  readonly counters: Record<string, number> = {};
  sinkRecords = 0;
  busyMs = 0;
  blockedMs = 0;
  #sourceRecords = 0;
  #blockedSinceMs: number | undefined;

  constructor(lease: Lease, counting: CountingInstance, firstOutput: () => void) {
    this.#lease = lease;
    this.#counting = counting;
    this.#firstOutput = firstOutput;
  }

  count(counter: string, by: number): void {
    this.counters[counter] = (this.counters[counter] ?? 0) + by;
  }

  /** Goes on counting where the restored checkpoint stood. */
  restore(restored: readonly RestoredSection[]): void {
    restoreCounters(restored, this.#counting, (counter, by) => this.count(counter, by));
  }

  /** The counters for a snapshot; undefined while there are none. */
  capture(): StateSection | undefined {
    if (Object.keys(this.counters).length === 0) return undefined;
    return encodeCounters(this.counters, this.#counting);
  }

  /** A record was written to a sink. */
  written(): void {
    if (this.sinkRecords === 0) this.#firstOutput();
    this.sinkRecords += 1;
    this.#lease.sinkRecords += 1;
  }

  /** Adds the records read since the last call to the lease's sum. @param records read of this task's source, in all */
  read(records: number): void {
    this.#lease.sourceRecords += records - this.#sourceRecords;
    this.#sourceRecords = records;
  }

  /** A run has ended. @param blocked records cannot be processed until somebody else acts */
  ran(beginMs: number, endMs: number, moved: boolean, blocked: boolean): void {
    if (moved) this.busyMs += endMs - beginMs;
    if (this.#blockedSinceMs !== undefined) this.blockedMs += endMs - this.#blockedSinceMs;
    this.#blockedSinceMs = blocked ? endMs : undefined;
  }
}
