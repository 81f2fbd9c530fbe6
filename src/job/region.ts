/**
 * A region: what fails and recovers together. It performs what its supervisor decides.
 *
 *  R1  A failure first revokes the epoch in shared memory, so that no task goes on, and only then is
 *      anything else done about it.
 *  R2  One launch at a time; a failure while one is under way makes it stale (`#launchId`), and what
 *      a stale launch still does has no effect.
 *  R3  A launch waits for every fence under way: one that comes to its deadline ends its thread, which
 *      must not be one that is being deployed to. The slot that failed is fenced as the others are, when
 *      its thread lives: what it closes may never close.
 *  R4  What fails while the region comes up again belongs to the incident that brought it down: one
 *      `restarted` for each time that it runs again.
 */

import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import { seededRandom } from '../base/random.js';
import type { Manifest } from '../checkpoint/store.js';
import type { JobPlan } from '../stream/plan.js';
import type { SourceSplit } from '../stream/source.js';
import {
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../supervisor/supervisor.js';
import type { CheckpointDriver } from './checkpoint-driver.js';
import { isFatal } from './fatal.js';
import { Incident } from './incident.js';
import type { JobProgress, RestartedEvent } from './job-types.js';
import type { Launcher } from './launcher.js';
import { recordsIn } from './make-manifest.js';
import type { ResolvedOptions } from './options.js';
import type { Slots } from './slots.js';

export interface RegionOptions {
  readonly plan: JobPlan;
  readonly options: ResolvedOptions;
  readonly slots: Slots;
  readonly launcher: Launcher;
  readonly checkpoints: CheckpointDriver;
  /** The greatest checkpoint id ever used in the store. */
  readonly lastCheckpoint: number;
  readonly mapFailure: (failure: Failure) => Failure;
  readonly progress: () => JobProgress;
  readonly onFailure: (failure: Failure) => void;
  readonly onDown: () => void;
  readonly onRunning: () => void;
  readonly onRestarted: (event: RestartedEvent) => void;
  /** The budget is spent, or no restart would help. */
  readonly onGivenUp: (error: Error) => void;
  /** Until the job has run for the first time, what would fail again in the same way is not tried again. */
  readonly isFirstLaunch: () => boolean;
}

export class Region {
  readonly #given: RegionOptions;
  readonly #supervisor: Supervisor;
  #splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  /** 0 while it is down. */
  #epoch = 0;
  #launchId = 0;
  readonly #toStart = new Set<number>();
  /** Fences under way (R3). */
  readonly #fences = new Set<Promise<void>>();
  #incident: Incident | undefined;
  #restarts = 0;
  #attempt = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(given: RegionOptions) {
    this.#given = given;
    this.#supervisor = new Supervisor({
      children: Array.from({ length: given.plan.slots }, (_, slot) => childOf(slot)),
      strategy: 'one-for-all',
      restart: given.options.restart,
      random: seededRandom(Date.now()),
    });
  }

  get epoch(): number {
    return this.#epoch;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** All its tasks run. */
  get isUp(): boolean {
    return this.#epoch !== 0 && this.#incident?.isDown !== true;
  }

  /** @param splits of all sources, on a fresh start */
  start(splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined): void {
    this.#splits = splits;
    this.#supervise({ kind: 'start' });
  }

  /**
   * A part of it has failed.
   * @param ordered what `kill` had been asked for
   * @param detectMs from the cause to now; 0 when not known
   */
  failed(slot: number, raw: Failure, ordered?: string, detectMs = 0): void {
    if (this.#closed) return;
    const { slots, checkpoints, options } = this.#given;
    slots.revokeEpoch(); // R1
    this.#launchId += 1; // R2
    const failure = this.#given.mapFailure(raw);
    if (this.#epoch !== 0) {
      this.settle();
      this.#epoch = 0;
      checkpoints.stopped();
      // R4
      this.#incident ??= new Incident({
        failure,
        slot,
        cause: ordered ?? failure.kind,
        detectMs,
        sourceRecords: this.#given.progress().sourceRecords,
        nowMs: performance.now(),
      });
    }
    this.#given.onFailure(failure);
    options.logger?.warn({ failure }, 'a part of the job failed');
    if (isFatal(failure)) {
      this.#given.onGivenUp(failureToError(failure));
      return;
    }
    this.#given.onDown();
    if (slots.isAlive(slot)) this.#fence(slot);
    this.#supervise({ kind: 'child-ended', child: childOf(slot), reason: 'abnormal', failure });
  }

  /** A record of the epoch has reached a sink. */
  output(): void {
    this.#incident?.output(performance.now());
    this.settle();
  }

  /** A checkpoint is complete: the budget begins anew. */
  progressed(): void {
    this.#supervise({ kind: 'progress' });
  }

  /** Tells of the restart that is behind us, if one is; also when no record followed it. */
  settle(): void {
    const event = this.#incident?.recovered(performance.now());
    if (event === undefined) return;
    this.#incident = undefined;
    this.#given.onRestarted(event);
    if (!this.#closed) this.#given.slots.refillSpares();
  }

  close(): void {
    this.#closed = true;
    this.#launchId += 1;
    clearTimeout(this.#timer);
  }

  #supervise(event: SupervisorEvent): void {
    if (this.#closed) return;
    const commands = this.#supervisor.handle(event, performance.now());
    for (const command of commands) this.#perform(command);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#supervisor.nextDeadline();
    if (due === undefined || this.#closed) return;
    const waitMs = Math.max(0, Math.ceil(due - performance.now()));
    this.#timer = setTimeout(() => this.#supervise({ kind: 'tick' }), waitMs);
  }

  #perform(command: SupervisorCommand): void {
    switch (command.kind) {
      case 'stop-child':
        this.#fence(slotOf(command.child));
        return;
      case 'start-child':
        this.#attempt = command.attempt;
        this.#toStart.add(slotOf(command.child));
        // They are commanded together, and launched together: channels have two ends.
        if (this.#toStart.size === 1) queueMicrotask(() => void this.#launch());
        return;
      case 'restarting':
        this.#given.options.logger?.info(
          { attempt: command.attempt, delayMs: command.delayMs },
          'restarting from the last checkpoint',
        );
        return;
      case 'escalate':
        this.#given.onGivenUp(budgetError(command.failure, command.attempts));
        return;
      case 'stopped':
        return;
    }
  }

  #fence(slot: number): void {
    const { slots, options } = this.#given;
    const fence = slots.fence(slot, options.restart.resetTimeoutMs).then(() => {
      this.#fences.delete(fence);
      this.#supervise({ kind: 'child-ended', child: childOf(slot), reason: 'shutdown' });
    });
    this.#fences.add(fence);
  }

  async #launch(): Promise<void> {
    const { launcher, checkpoints, plan, lastCheckpoint, mapFailure } = this.#given;
    this.#launchId += 1;
    const id = this.#launchId;
    const stale = () => this.#launchId !== id;
    const slots = [...this.#toStart];
    this.#toStart.clear();
    await Promise.all(this.#fences); // R3
    if (stale()) return;
    const launched = await launcher.launch({
      splits: this.#splits,
      stale,
      onEpoch: (epoch) => {
        this.#epoch = epoch;
      },
      onDeployed: (manifest) => {
        const last = Math.max(manifest?.checkpoint ?? 0, lastCheckpoint);
        checkpoints.started(plan, this.#epoch, last);
      },
    });
    if (stale() || launched.kind === 'stale') return;
    if (launched.kind === 'running') {
      for (const slot of slots) this.#supervise({ kind: 'child-started', child: childOf(slot) });
      this.#running(launched.manifest, launched.respawned);
    } else if (launched.deterministic && this.#given.isFirstLaunch()) {
      this.#given.onGivenUp(failureToError(mapFailure(launched.failure)));
    } else {
      this.failed(launched.slot, launched.failure);
    }
  }

  #running(manifest: Manifest | undefined, respawned: readonly number[]): void {
    const incident = this.#incident;
    if (incident === undefined) {
      this.#given.slots.refillSpares();
    } else {
      this.#restarts += 1;
      incident.running({
        epoch: this.#epoch,
        attempt: this.#attempt,
        checkpoint: manifest?.checkpoint,
        restoredRecords: recordsIn(manifest),
        respawned,
      });
      if (incident.hasOutput) this.settle();
    }
    this.#given.onRunning();
  }
}

function budgetError(failure: Failure, attempts: number): Error {
  const root = failureToError(failure);
  if (attempts === 0) return root;
  return new HoldfastError(
    'ERR_HOLDFAST_RESTART_BUDGET',
    `gave up after ${attempts} restarts without a completed checkpoint between them; the last ` +
      `failure was: ${root.message}`,
    { cause: root, details: { ...root.details, attempts } },
  );
}

const childOf = (slot: number): string => `slot-${slot}`;
const slotOf = (child: string): number => Number(child.slice('slot-'.length));
