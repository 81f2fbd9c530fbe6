/**
 * A task's share of its region's backlog: what was in flight to it in the restored checkpoint. While any task of the
 * region has some, sources read only as far as they had come before.
 */

import { Backlog } from '../../threads/backlog.js';
import type { TaskInputs } from './task-inputs.js';
import type { TaskTurns } from './task-turns.js';
import type { TaskOptions } from './task-types.js';

export class TaskBacklog {
  readonly #shared: Backlog;
  readonly #inputs: TaskInputs;
  readonly #turns: TaskTurns;
  readonly #isMoved: boolean;
  #isPending = false;

  constructor(
    { backlog, replayedBarrier }: Pick<TaskOptions, 'backlog' | 'replayedBarrier'>,
    inputs: TaskInputs,
    turns: TaskTurns,
  ) {
    this.#shared = backlog ?? new Backlog();
    this.#inputs = inputs;
    this.#turns = turns;
    this.#isMoved = replayedBarrier !== undefined;
  }

  /** Some task of the region has not worked off its share. */
  get isPending(): boolean {
    return this.#shared.isPending;
  }

  /** To be called when the task is open. */
  begin(): void {
    this.#isPending = this.#isRestoring;
    if (this.#isPending) this.#shared.begin();
  }

  /** Tells when the task has worked off its share. */
  look(): void {
    if (!this.#isPending || this.#isRestoring) return;
    this.#isPending = false;
    this.#shared.end();
  }

  /** What operators had in flight counts when instances have changed: then another may read what comes after it. */
  get #isRestoring(): boolean {
    return this.#inputs.restoring || (this.#isMoved && this.#turns.pending);
  }
}
