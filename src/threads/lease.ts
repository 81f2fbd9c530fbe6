/**
 * What the tasks of one deployment share with their supervisor: the right to work, and how far they
 * have come.
 *
 * One lease per deployment (the part of a region on one slot, in one epoch), in shared memory that
 * outlives the thread. It is made with its epoch and never used for another. Revoking it stops these tasks, and no
 * others, after their current record, without asking the thread. Only one thread writes the counters: plain writes
 * are enough for them.
 */

import { TASK_MARK_BYTES, TaskMark } from './task-mark.js';

const EPOCH = 0;
const FLOATS_OFFSET_BYTES = 16;
const SOURCE_RECORDS = 0;
const SINK_RECORDS = 1;
const MARKS_OFFSET_BYTES = 32;

export class Lease {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;

  /** @param shared memory of a lease that the other thread has made */
  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#words = new Int32Array(shared, 0, FLOATS_OFFSET_BYTES / 4);
    this.#floats = new Float64Array(shared, FLOATS_OFFSET_BYTES, 2);
  }

  /** @param tasks how many tasks the deployment has */
  static of(epoch: number, tasks = 0): Lease {
    const bytes = MARKS_OFFSET_BYTES + tasks * TASK_MARK_BYTES;
    const lease = new Lease(new SharedArrayBuffer(bytes));
    for (let task = 0; task < tasks; task += 1) lease.mark(task).firingMs = Number.NaN;
    Atomics.store(lease.#words, EPOCH, epoch);
    return lease;
  }

  /** The epoch that its tasks may work for; 0 once it is revoked. */
  get epoch(): number {
    return Atomics.load(this.#words, EPOCH);
  }

  /** Cannot be undone. */
  revoke(): void {
    Atomics.store(this.#words, EPOCH, 0);
  }

  /** The mark of the deployment's task number `index`. */
  mark(index: number): TaskMark {
    return new TaskMark(this.shared, MARKS_OFFSET_BYTES + index * TASK_MARK_BYTES);
  }

  /** Position of these tasks' sources: records emitted since the job's first start, replays not counted twice. */
  get sourceRecords(): number {
    return this.#floats[SOURCE_RECORDS]!;
  }

  set sourceRecords(count: number) {
    this.#floats[SOURCE_RECORDS] = count;
  }

  /** Records that reached these tasks' sinks in this epoch. */
  get sinkRecords(): number {
    return this.#floats[SINK_RECORDS]!;
  }

  set sinkRecords(count: number) {
    this.#floats[SINK_RECORDS] = count;
  }
}
