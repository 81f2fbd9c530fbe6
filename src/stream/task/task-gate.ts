/**
 * When a task has to stop after the current record: time is up, an output is full, a sink wants no
 * more, or the epoch is over.
 *
 * One object is the channels' gate, the operators' turn and the task's watch, so that "stop?" is the
 * read of one plain property after each record.
 *
 *  G1  `pause` is set by whoever finds a reason, and reset only by `begin`, when no reason is left.
 *  G2  The clock is looked at every few records: often enough to overrun a deadline by no more than
 *      LOOK_EVERY_MS, going by the pace of the last ones, and every RECORDS_PER_LOOK_MAX at least.
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
  /** The record in work counts as taken: its number and one. */
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

  /** Written by the task and its source, before each record: which one it is. */
  get record(): number {
    return this.#marked[0]! - 1;
  }

  set record(record: number) {
    this.#marked[0] = record + 1;
  }

  /** From the task: where to count its progress, and what it may work under. */
  attach(block: ControlBlock, lease: Lease, epoch: number, mark: TaskMark): void {
    this.#marked = mark.words;
    this.#block = block;
    this.#lease = lease;
    this.#epoch = epoch;
  }

  /** An output is beyond its limit. Channels close it; the task opens it when none is blocked. */
  get closed(): boolean {
    return this.#closed;
  }

  set closed(closed: boolean) {
    this.#closed = closed;
    if (closed) this.pause = true;
  }

  /**
   * A turn begins: no reason to pause is left but a closed gate. When time is up already, one record is
   * worked on all the same, so that every turn gets somewhere.
   */
  begin(now: number, deadline: number): void {
    this.pause = this.#closed;
    this.#deadline = deadline;
    this.#lookedAt = now;
    this.#lookAfter(now < deadline ? this.#interval : 1);
  }

  /** Something was worked on: counts as progress, and looks at the clock from time to time. */
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
