/**
 * What the driver of a job hears, and what its machine (job-machine.ts) has it do. Protocol file: shapes only.
 *
 * Whoever does something slow (the launcher, a fence, the store) answers with an event.
 */

import type { Failure } from '../../base/failure.js';
import type { SlotFailure } from '../../pool/pool.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { Lease } from '../../threads/lease.js';
import type { StreamEvent } from '../../workloads/streams/stream-types.js';
import type { PendingCheckpoint } from '../checkpoints/make-manifest.js';
import type { CheckpointEvent, JobStatus, RestartedEvent } from '../job-types.js';
import type { Group } from './groups.js';
import type { RegionPoint, TaskPoint } from './progress.js';

/** Where the tasks of a region stood when its leases were revoked. */
export interface StoppedRegion {
  readonly region: number;
  /** Those on dead threads included. */
  readonly tasks: readonly TaskPoint[];
}

/** Which part of a region has failed: a task, all of it on the slot, or the region as a whole. */
export type FailedPart =
  | { readonly kind: 'task'; readonly vertex: number; readonly instance: number }
  | { readonly kind: 'slot' }
  | { readonly kind: 'region' };

/** A part of these regions has failed. Their leases are revoked already (R1). */
export interface FailedEvent {
  readonly kind: 'failed';
  readonly part: FailedPart;
  readonly regions: readonly StoppedRegion[];
  readonly slot: number;
  readonly failure: Failure;
  /** The `kill` that had been ordered. */
  readonly ordered?: string | undefined;
  /** Time from the cause to now; 0 when not known. */
  readonly detectMs?: number | undefined;
  /** A launch has failed. `deterministic`: it would fail in the same way again. */
  readonly launch?: { readonly round: number; readonly deterministic: boolean } | undefined;
}

/** The steps of a launch. One whose round is over is stale, and has no effect (R2). */
export type LaunchEvent =
  /** From now on hosts may report under this epoch. */
  | {
      readonly kind: 'deploying';
      readonly region: number;
      readonly round: number;
      readonly epoch: number;
      /** The checkpoint to which the region goes back; undefined: to the start. */
      readonly checkpoint: number | undefined;
      /** Position of the sources that the deployment before this one had reached. */
      readonly reachedRecords: number;
    }
  /** All tasks are deployed, and none runs yet: the region may end at once. */
  | { readonly kind: 'deployed'; readonly region: number; readonly round: number }
  | {
      readonly kind: 'launched';
      readonly region: number;
      readonly round: number;
      readonly checkpoint: number | undefined;
      /** Position of the region's sources in that checkpoint. */
      readonly restoredRecords: number;
      /** Slots that have another thread than at the last launch. */
      readonly respawned: readonly number[];
    };

/** What the job's machine is told. */
export type JobMachineEvent =
  | { readonly kind: 'planned'; readonly plan: JobPlan; readonly groups: readonly Group[] }
  /** All is ready for the first launch. */
  | { readonly kind: 'prepared' }
  /** The checkpoint to start from is the final one: its commit was made up for, and nothing is left to do. */
  | { readonly kind: 'nothing-left' }
  /** The job could not come as far as `prepared`. */
  | { readonly kind: 'not-prepared'; readonly error: Error }
  | FailedEvent
  /** The slot has forgotten its tasks of the region, or is dead. */
  | { readonly kind: 'fenced'; readonly region: number; readonly slot: number }
  | LaunchEvent
  /** The task has processed all its input, and passed everything on. */
  | {
      readonly kind: 'task-ended';
      readonly epoch: number;
      readonly vertex: number;
      readonly instance: number;
    }
  /** A record of this epoch has reached a sink. */
  | { readonly kind: 'first-output'; readonly epoch: number }
  | { readonly kind: 'tick' }
  /** The checkpoint of a job whose input has come to its end is triggered. */
  | { readonly kind: 'final-triggered' }
  /** A checkpoint has become what restarts go back to. */
  | {
      readonly kind: 'durable';
      readonly checkpoint: number;
      readonly points: readonly RegionPoint[];
    }
  | { readonly kind: 'committed'; readonly final: boolean; readonly points: readonly RegionPoint[] }
  | { readonly kind: 'stop'; readonly drain: boolean }
  /** The checkpoint with which a stopped job ends is complete. */
  | {
      readonly kind: 'stop-checkpoint';
      readonly isCommitted: boolean;
      readonly isFinal: boolean;
    }
  | {
      readonly kind: 'no-stop-checkpoint';
      readonly order: number;
      readonly isFinal: boolean;
      readonly error: Error;
    }
  | { readonly kind: 'cancel'; readonly error: Error }
  /** Threads, store and sinks are closed. */
  | { readonly kind: 'closed'; readonly status: JobStatus };

/** What checkpoints tell the driver. */
export type CheckpointTold =
  | { readonly kind: 'checkpoint-told'; readonly event: CheckpointEvent }
  | { readonly kind: 'final-triggered' }
  /** The manifest is durable: the checkpoint counts, whatever happens now. */
  | { readonly kind: 'checkpoint-durable'; readonly pending: PendingCheckpoint }
  /** Its sinks are committed as well: budgets may be refilled, and the job may end. */
  | { readonly kind: 'checkpoint-committed'; readonly pending: PendingCheckpoint }
  /** Regions have to fail over: too many checkpoints have failed, or a commit has. */
  | { readonly kind: 'checkpoints-failed'; readonly failure: Failure };

/** What a launcher tells the driver. */
export type LauncherTold =
  | (Extract<LaunchEvent, { kind: 'deploying' }> extends infer E
      ? Omit<E, 'reachedRecords'> & { readonly leases: ReadonlyMap<number, Lease> }
      : never)
  | Exclude<LaunchEvent, { kind: 'deploying' }>
  | {
      readonly kind: 'launch-failed';
      readonly region: number;
      readonly round: number;
      readonly slot: number;
      readonly failure: Failure;
      readonly deterministic: boolean;
    };

/** Everything that the driver hears, in the order in which it is handled. */
export type DriverEvent =
  | { readonly kind: 'host'; readonly slot: number; readonly event: StreamEvent }
  | { readonly kind: 'thread-failed'; readonly failed: SlotFailure }
  | CheckpointTold
  | LauncherTold
  | Exclude<JobMachineEvent, FailedEvent | { kind: 'deploying' | 'durable' | 'committed' }>;

/** What the machine has the driver do, in this order. */
export type DriverCommand =
  /** Revokes the region's leases, so that none of its tasks goes on. */
  | { readonly kind: 'revoke'; readonly region: number }
  /** Has these slots forget the region's tasks. Each answers with `fenced`. */
  | { readonly kind: 'fence'; readonly region: number; readonly slots: readonly number[] }
  /** Gives threads to those of these slots that have none. */
  | { readonly kind: 'replace-threads'; readonly slots: readonly number[] }
  /** Begins to read what the next launch needs. */
  | { readonly kind: 'prefetch'; readonly region: number; readonly round: number }
  /** `reached`: by source task, the furthest that it had come at any failure. */
  | {
      readonly kind: 'launch';
      readonly region: number;
      readonly round: number;
      readonly reached: Readonly<Record<string, readonly number[]>>;
    }
  /** For checkpoints: the region's tasks are deployed; its leases are revoked. */
  | { readonly kind: 'region-up'; readonly region: number; readonly epoch: number }
  | { readonly kind: 'region-down'; readonly region: number }
  | { readonly kind: 'refill-spares' }
  | { readonly kind: 'stop-sources'; readonly drain: boolean }
  /** Answered with `stop-checkpoint` or `no-stop-checkpoint`. */
  | { readonly kind: 'take-stop-checkpoint'; readonly order: number }
  /** Those who wait for the start learn that the job runs, or has run. */
  | { readonly kind: 'answer-start' }
  | { readonly kind: 'tell-failure'; readonly failure: Failure }
  | { readonly kind: 'tell-restarting'; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: 'tell-restarted'; readonly event: RestartedEvent }
  | { readonly kind: 'tell-status'; readonly status: JobStatus }
  /** The job ends well: its result is made. */
  | { readonly kind: 'end'; readonly status: 'finished' | 'stopped' }
  /** The job ends with an error. Both are answered with `closed`. */
  | { readonly kind: 'close'; readonly status: 'failed' | 'canceled'; readonly error: Error };
