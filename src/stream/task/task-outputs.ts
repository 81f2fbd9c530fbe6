/**
 * The outputs of a task: all its routers, the gate that their channels close, and the time at which buffered
 * output has waited long enough.
 */

import type { ControlElement } from '../../channels/element.js';
import { locate } from './located-error.js';
import type { Router } from './router.js';
import type { TaskGate } from './task-gate.js';

export class TaskOutputs {
  readonly #routers: readonly Router[];
  readonly #gate: TaskGate;
  readonly #bufferTimeoutMs: number;
  /** When it was first noticed that something waits. */
  #pendingSinceMs: number | undefined;

  constructor(routers: readonly Router[], gate: TaskGate, bufferTimeoutMs: number) {
    this.#routers = routers;
    this.#gate = gate;
    this.#bufferTimeoutMs = bufferTimeoutMs;
  }

  /** Records sent. */
  get records(): number {
    let records = 0;
    for (const router of this.#routers) records += router.records;
    return records;
  }

  /** Sends an element that needs no credit: it is sent even when outputs are full. */
  control(element: ControlElement): void {
    for (const router of this.#routers) publish(router, () => router.control(element));
  }

  /** Moves output towards its consumers; opens the gate when there is room again. */
  pump(): boolean {
    let moved = false;
    for (const router of this.#routers) if (router.pump()) moved = true;
    if (this.#gate.closed && !this.#routers.some((router) => router.blocked)) {
      this.#gate.closed = false;
      moved = true;
    }
    return moved;
  }

  /** To be called after a run: from now on the time counts during which buffered output waits. */
  note(now: number): void {
    if (this.#pendingSinceMs === undefined && this.#pending()) this.#pendingSinceMs = now;
  }

  /** @returns when the next flush is due (performance.now() ms), undefined when nothing is buffered */
  flushDue(now: number): number | undefined {
    if (this.#pendingSinceMs === undefined) return undefined;
    if (!this.#pending()) {
      this.#pendingSinceMs = undefined;
      return undefined;
    }
    // The same sum as is returned below: computed as a difference, it might round the other way.
    if (now >= this.#pendingSinceMs + this.#bufferTimeoutMs) {
      for (const router of this.#routers) publish(router, () => router.flush());
      // What could not be handed over yet moves when the consumer makes room.
      this.#pendingSinceMs = this.#pending() ? now : undefined;
    }
    return this.#pendingSinceMs === undefined
      ? undefined
      : this.#pendingSinceMs + this.#bufferTimeoutMs;
  }

  #pending(): boolean {
    return this.#routers.some((router) => router.pending);
  }
}

/** An error in encoding a batch is the producer's, though it comes only now. */
function publish(router: Router, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw locate(error, router.producer);
  }
}
