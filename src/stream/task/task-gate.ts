/**
 * When a task has to stop after the current record: time is up, an output is full, a sink wants no
 * more, or the epoch is over.
 *
 * One object is the channels' gate, the operators' turn and the task's watch: so asking "stop?" after a record is
 * to read one plain property.
 *
 *  G1  Whoever finds a reason sets `pause`. Only `begin` resets it, when no reason is left.
 *  G2  The clock is looked at every few records: so often that, at the pace of the last records, a deadline is
 *      overrun by no more than LOOK_EVERY_MS, and at least every RECORDS_PER_LOOK_MAX records.
 */

import type { Gate } from '../../channels/element.js';
import type { ControlBlock } from '../../threads/control-block.js';
import type { Lease } from '../../threads/lease.js';
import { TaskMark } from '../../threads/task-mark.js';
import type { Turn } from '../operator.js';

const RECORDS_PER_LOOK_MAX = 32;
const LOOK_EVERY_MS = 0.25;

export class TaskGate implements Gate, Turn {
  pause = false;
  /** Number of records taken, the record in work included. */
  #marked = new TaskMark().words;
  #closed = false;
  #block: ControlBlock | undefined;
  #lease: Lease | undefined;
  #epoch = 0;
  #deadline = Number.POSITIVE_INFINITY;
  /** Records per look, at the pace of the last ones. */
  #interval = 1;
  /** Records between the last look and the next, and how many of them are left. */
  #span = 1;
  #left = 1;
  #lookedAt = 0;

  /** Number of the record in work. The task and its source write it before each record. */
  get record(): number {
    return this.#marked[0]! - 1;
  }

  set record(record: number) {
    this.#marked[0] = record + 1;
  }

  /** The task tells where its progress is counted, and under which lease it works. */
  attach(block: ControlBlock, lease: Lease, epoch: number, mark: TaskMark): void {
    this.#marked = mark.words;
    this.#block = block;
    this.#lease = lease;
    this.#epoch = epoch;
  }

  /** An output is beyond its limit. Channels close the gate; the task opens it when none is blocked. */
  get closed(): boolean {
    return this.#closed;
  }

  set closed(closed: boolean) {
    this.#closed = closed;
    if (closed) this.pause = true;
  }

  /**
   * Begins a turn: no reason to pause is left but a closed gate. Even when time is already up, one record is
   * worked on, so that every turn gets somewhere.
   */
  begin(now: number, deadline: number): void {
    this.pause = this.#closed;
    this.#deadline = deadline;
    this.#lookedAt = now;
    this.#lookAfter(now < deadline ? this.#interval : 1);
  }

  /** Something was worked on: counts it as progress, and looks at the clock from time to time. */
  tick(): void {
    this.#block?.progress();
    this.#left -= 1;
    if (this.#left <= 0) this.#look();
  }

  #look(): void {
    const now = performance.now();
    if (now >= this.#deadline || this.#lease?.epoch !== this.#epoch) this.pause = true;
    const paceMs = (now - this.#lookedAt) / this.#span;
    this.#lookedAt = now;
    this.#interval = Math.max(
      1,
      Math.min(RECORDS_PER_LOOK_MAX, this.#span * 2, Math.floor(LOOK_EVERY_MS / paceMs)),
    );
    this.#lookAfter(this.#interval);
  }

  #lookAfter(records: number): void {
    this.#span = records;
    this.#left = records;
  }
}
