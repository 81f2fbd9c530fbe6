/**
 * The supervisors of a job's regions, and their clock. The machines decide (supervisor.ts); the
 * regions perform.
 */

import type { Failure } from '../base/failure.js';
import { seededRandom } from '../base/random.js';
import type { RestartStrategy } from '../supervisor/restart-strategy.js';
import {
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../supervisor/supervisor.js';
import type { RegionEvent } from './region.js';

export interface SupervisionOptions {
  /** Ids of the regions. */
  readonly regions: readonly string[];
  readonly restart: RestartStrategy;
  readonly launch: (region: number, attempt: number) => void;
  /** @param because of which failure; undefined at the end */
  readonly stop: (region: number, because: Failure | undefined) => void;
  readonly onRestarting: (attempt: number, delayMs: number) => void;
  /** `attempts`: restarts that were made before this failure. */
  readonly onGivenUp: (failure: Failure, attempts: number) => void;
}

export class Supervision {
  readonly #given: SupervisionOptions;
  readonly #supervisors: readonly Supervisor[];
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(given: SupervisionOptions) {
    this.#given = given;
    this.#supervisors = given.regions.map(
      (region) =>
        new Supervisor({
          children: [region],
          strategy: 'one-for-all',
          restart: given.restart,
          random: seededRandom(Date.now()),
        }),
    );
  }

  start(): void {
    for (const supervisor of this.#supervisors) this.#handle(supervisor, { kind: 'start' });
  }

  region(region: number, event: RegionEvent): void {
    this.#handle(this.#supervisors[region]!, { ...event, child: this.#given.regions[region]! });
  }

  /** A checkpoint is complete: budgets begin anew. */
  progressed(): void {
    for (const supervisor of this.#supervisors) this.#handle(supervisor, { kind: 'progress' });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #handle(supervisor: Supervisor, event: SupervisorEvent): void {
    if (this.#closed) return;
    for (const command of supervisor.handle(event, performance.now())) this.#perform(command);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const dues = this.#supervisors.flatMap((supervisor) => supervisor.nextDeadline() ?? []);
    if (dues.length === 0) return;
    const waitMs = Math.max(0, Math.ceil(Math.min(...dues) - performance.now()));
    this.#timer = setTimeout(() => {
      for (const supervisor of this.#supervisors) this.#handle(supervisor, { kind: 'tick' });
    }, waitMs);
  }

  #perform(command: SupervisorCommand): void {
    const { launch, stop, onRestarting, onGivenUp, regions } = this.#given;
    switch (command.kind) {
      case 'start-child':
        launch(regions.indexOf(command.child), command.attempt);
        return;
      case 'stop-child':
        stop(regions.indexOf(command.child), undefined);
        return;
      case 'restarting':
        onRestarting(command.attempt, command.delayMs);
        return;
      case 'escalate':
        onGivenUp(command.failure, command.attempts);
        return;
      case 'stopped':
        return;
    }
  }
}
