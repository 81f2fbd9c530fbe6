/**
 * Makes exactly the planned kills, each at its place, with at least one completed checkpoint between any
 * two. A pure machine: reports of the job go in, kills and requests for checkpoints come out.
 *
 *  K1  A kill is ordered when the job runs undisturbed, a checkpoint has completed since the last
 *      failure, and the sources have reached the kill's place.
 *  K2  When a kill is due and only the checkpoint is missing, one is asked for, so that progress does not
 *      outrun the kills. One is also asked for right after a recovery, so that little input is spent in between.
 *  K3  There is one kill at a time. It is over with the recovery that follows it.
 */

import type { PlannedKill } from './kill-plan.js';

export type DirectorEvent =
  | { readonly kind: 'progress'; readonly records: number }
  | { readonly kind: 'checkpoint-completed' }
  /** The checkpoint that was asked for has failed. */
  | { readonly kind: 'checkpoint-refused' }
  /** A part has failed, by a kill or by itself. */
  | { readonly kind: 'down' }
  /** The first new output has come. */
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

  /** Number of kills from which the job has recovered. */
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
