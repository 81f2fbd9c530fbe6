/**
 * Makes exactly the planned kills, each at its place and at least one completed checkpoint after the
 * one before. A pure machine: what the job reports in, kills and requests for checkpoints out.
 *
 *  K1  A kill is ordered when the job runs undisturbed, a checkpoint has completed since the last
 *      failure, and the sources have reached its place (or are past it).
 *  K2  When a kill is due and only the checkpoint is missing, one is asked for: progress must not
 *      outrun the kills. Also at once after a recovery, so that little input is spent in between.
 *  K3  One kill at a time; it is over with the recovery that follows it.
 */

import type { PlannedKill } from './kill-plan.js';

export type DirectorEvent =
  | { readonly kind: 'progress'; readonly records: number }
  | { readonly kind: 'checkpoint-completed' }
  /** A checkpoint that was asked for could not be had. */
  | { readonly kind: 'checkpoint-refused' }
  /** Something failed: a kill has taken effect, or a failure of its own. */
  | { readonly kind: 'down' }
  /** The first new output. */
  | { readonly kind: 'recovered' };

export type DirectorCommand =
  | { readonly kind: 'kill'; readonly number: number; readonly planned: PlannedKill }
  | { readonly kind: 'ask-checkpoint' };

export class KillDirector {
  readonly #plan: readonly PlannedKill[];
  #next = 0;
  #records = 0;
  #ordered = false;
  #down = false;
  #checkpointed = false;
  #asked = false;

  constructor(plan: readonly PlannedKill[]) {
    this.#plan = plan;
  }

  /** Kills that were ordered and recovered from. */
  get done(): number {
    return this.#ordered ? this.#next - 1 : this.#next;
  }

  handle(event: DirectorEvent): readonly DirectorCommand[] {
    switch (event.kind) {
      case 'progress':
        this.#records = event.records;
        return this.#decide();
      case 'checkpoint-completed':
        this.#checkpointed = true;
        this.#asked = false;
        return this.#decide();
      case 'checkpoint-refused':
        this.#asked = false;
        return [];
      case 'down':
        this.#down = true;
        this.#checkpointed = false;
        this.#asked = false;
        return [];
      case 'recovered':
        this.#down = false;
        this.#ordered = false;
        return this.#decide();
    }
  }

  #decide(): readonly DirectorCommand[] {
    const planned = this.#plan[this.#next];
    if (planned === undefined || this.#ordered || this.#down) return [];
    if (!this.#checkpointed) return this.#ask(); // K2
    if (this.#records < planned.atRecords) return [];
    this.#ordered = true;
    this.#next += 1;
    return [{ kind: 'kill', number: this.#next, planned }]; // K1
  }

  #ask(): readonly DirectorCommand[] {
    if (this.#asked) return [];
    this.#asked = true;
    return [{ kind: 'ask-checkpoint' }];
  }
}
