/** One failure of a region, from its detection to the first new output: pure. The event `restarted` tells it. */

import type { Failure } from '../../base/failure.js';
import type { RestartedEvent } from '../job-types.js';

export interface IncidentStart {
  /** The region's id. */
  readonly region: string;
  readonly failure: Failure;
  readonly slot: number;
  readonly cause: string;
  readonly detectMs: number;
  readonly nowMs: number;
}

export interface IncidentRunning {
  readonly epoch: number;
  readonly attempt: number;
  readonly checkpoint: number | undefined;
  readonly restoredRecords: number;
  readonly respawned: readonly number[];
}

export class Incident {
  readonly #start: IncidentStart;
  #reachedRecords: number | undefined;
  #running: IncidentRunning | undefined;
  #outputMs: number | undefined;

  constructor(start: IncidentStart) {
    this.#start = start;
  }

  get hasOutput(): boolean {
    return this.#outputMs !== undefined;
  }

  /** Position of the sources of the deployment that failed: known when the first one after it is made. */
  lost(reachedRecords: number): void {
    this.#reachedRecords ??= reachedRecords;
  }

  /** A record of the new epoch has reached a sink. This may be told before `running` is. */
  output(nowMs: number): void {
    this.#outputMs ??= nowMs;
  }

  running(running: IncidentRunning): void {
    this.#running = running;
  }

  /** @returns undefined while the tasks do not run again */
  recovered(nowMs: number): RestartedEvent | undefined {
    const start = this.#start;
    const running = this.#running;
    if (running === undefined) return undefined;
    return {
      region: start.region,
      failure: start.failure,
      cause: start.cause,
      slot: start.slot,
      epoch: running.epoch,
      attempt: running.attempt,
      detectMs: start.detectMs,
      recoverMs: (this.#outputMs ?? nowMs) - start.nowMs,
      checkpoint: running.checkpoint,
      replayed: Math.max(0, (this.#reachedRecords ?? 0) - running.restoredRecords),
      respawned: running.respawned,
    };
  }
}
