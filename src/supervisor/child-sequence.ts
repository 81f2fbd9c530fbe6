/**
 * A walk along the children: it stops a suffix of the list in reverse order, waits until its time has come, and
 * starts the suffix in order. The boot is a walk that begins with the starts. The end of the
 * supervisor is a walk that stops all children and starts none.
 *
 *   stopping ──all down──▶ waiting ──due──▶ starting ──all have answered──▶ (over)
 *
 *  Q1  One child at a time: the next is stopped when the one before is down, and started when the one
 *      before has answered. A child that waits for a deadline of its own is waited for.
 *  Q2  A walk that replaces one that had not begun to start takes over its time if that is later.
 *  Q3  A child that leaves the list is stepped over, wherever the walk is.
 */

import { type Child, isAlive } from './child-list.js';
import type { ChildOrders } from './child-orders.js';
import type { SupervisorCommand } from './supervisor-protocol.js';

interface Walk {
  step: 'stopping' | 'waiting' | 'starting';
  /** The first child of the suffix; undefined when it has been removed and none follows. */
  from: Child | undefined;
  readonly fromOrder: number;
  readonly attempt: number;
  /** When its starts are due; Infinity: it starts nothing. */
  readonly dueMs: number;
  /** The child at which the walk is; undefined when this step is done. */
  at: Child | undefined;
}

export class ChildSequence {
  readonly #orders: ChildOrders;
  #walk: Walk | undefined;

  constructor(orders: ChildOrders) {
    this.#orders = orders;
  }

  /** When its starts are due, in milliseconds, if the walk waits for that. */
  nextDeadline(): number | undefined {
    return this.#walk?.step === 'waiting' ? this.#walk.dueMs : undefined;
  }

  boot(): void {
    const { first } = this.#orders.children;
    this.#walk = { step: 'starting', from: first, fromOrder: 0, attempt: 0, dueMs: 0, at: first };
  }

  restart(from: Child, attempt: number, notBeforeMs: number): void {
    const former = this.#walk;
    const isLater = former !== undefined && former.step !== 'starting';
    const dueMs = Math.max(notBeforeMs, isLater ? former.dueMs : 0); // Q2
    const at = this.#orders.children.last;
    this.#walk = { step: 'stopping', from, fromOrder: from.order, attempt, dueMs, at };
  }

  cancel(): void {
    this.#walk = undefined;
  }

  /** Stops the whole list, for good. */
  stopAll(): void {
    const { first, last } = this.#orders.children;
    const walk = { from: first, fromOrder: 0, attempt: 0, dueMs: Number.POSITIVE_INFINITY };
    this.#walk = { step: 'stopping', ...walk, at: last };
  }

  /** Will the walk still come to this child, which waits for its start? If so, it starts the child. */
  takesUp(child: Child): boolean {
    const walk = this.#walk;
    if (walk === undefined) return false;
    const begins = walk.step === 'starting' ? (walk.at?.order ?? Infinity) + 1 : walk.fromOrder;
    if (child.order < begins) return false;
    walk.from ??= child;
    return true;
  }

  /** To be called before a child leaves the list (Q3). */
  leaves(child: Child): void {
    const walk = this.#walk;
    if (walk === undefined) return;
    if (walk.at === child) walk.at = walk.step === 'starting' ? child.next : child.previous;
    if (walk.from === child) walk.from = child.next;
  }

  /** Goes on as far as it can. */
  proceed(now: number, commands: SupervisorCommand[]): void {
    const walk = this.#walk;
    if (walk === undefined) return;
    if (walk.step === 'stopping') {
      if (!this.#stopDown(walk, now, commands)) return;
      walk.step = 'waiting';
    }
    if (walk.step === 'waiting') {
      if (now < walk.dueMs) return;
      walk.step = 'starting';
      walk.at = walk.from;
    }
    if (this.#startUp(walk, commands)) this.#walk = undefined;
  }

  #stopDown(walk: Walk, now: number, commands: SupervisorCommand[]): boolean {
    for (; walk.at !== undefined && walk.at.order >= walk.fromOrder; walk.at = walk.at.previous) {
      if (!isAlive(walk.at)) continue;
      this.#orders.stop(walk.at, now, commands);
      return false; // Q1
    }
    return true;
  }

  #startUp(walk: Walk, commands: SupervisorCommand[]): boolean {
    for (; walk.at !== undefined; walk.at = walk.at.next) {
      const child = walk.at;
      if (child.state === 'waiting' && child.deadline === undefined) {
        this.#orders.start(child, walk.attempt, commands);
      }
      if (child.state !== 'running' && child.state !== 'down') return false; // Q1
    }
    return true;
  }
}
