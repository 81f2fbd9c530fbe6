/**
 * What the guardian and the process that it guards send each other. Protocol file: shapes, and one number.
 *
 * Sent over Node's IPC channel with `serialization: 'advanced'`, so anything that can be cloned may
 * be in it.
 */

import type { Failure } from '../base/failure.js';
import type { StoreDescription } from '../checkpoint/store.js';
import type { KillCause } from '../host/host-protocol.js';
import type { EncodedRecord } from '../job/checkpoints/row-record.js';
import type {
  CheckpointOptions,
  JobEvents,
  JobProgress,
  JobResult,
  JobTreeNode,
  RunOptions,
  SlotInfo,
} from '../job/job-types.js';
import type { ReachedSplits } from '../job/job-watch.js';
import type { CompiledJob } from '../module/compile.js';
import type { GuardedMetrics } from './guarded-job.js';

/** What can be sent to another process. */
export type PlainRunOptions = Omit<
  RunOptions,
  'checkpoint' | 'codecs' | 'signal' | 'logger' | 'print'
> & {
  readonly checkpoint?: Omit<CheckpointOptions, 'store'> | undefined;
};

/** Behind standard input, output, error and the channel. */
export const TRACE_FD = 4;

/** To the child. */
export type GuardOrder =
  | {
      readonly kind: 'run';
      readonly url: string;
      readonly options: PlainRunOptions;
      /** Stands for `options.checkpoint.store`. */
      readonly store: StoreDescription | undefined;
      readonly compiled: CompiledJob;
      /** Number of the process, 0 for the first. */
      readonly process: number;
      /** Newest checkpoint in the store when the first process started; 0 for none. */
      readonly newestAtFirst: number | undefined;
      /** There is a file at TRACE_FD for how far splits have come. */
      readonly traced: boolean;
    }
  | { readonly kind: 'kill'; readonly slot: number; readonly cause: KillCause | 'terminate' }
  /** `savepoint`: where to copy the last checkpoint. */
  | {
      readonly kind: 'checkpoint-now';
      readonly request: number;
      readonly savepoint: string | undefined;
    }
  | { readonly kind: 'stop'; readonly drain: boolean }
  | { readonly kind: 'cancel' };

export type JobEventMessage = {
  [E in keyof JobEvents]: {
    readonly kind: 'event';
    readonly name: E;
    readonly args: JobEvents[E];
  };
}[keyof JobEvents];

/** What the process starts from. */
export interface RestoredFrom {
  readonly checkpoint: number | undefined;
  /** Source position in that checkpoint, in records. */
  readonly sourceRecords: number;
  /** Newest checkpoint in the store; 0 for none. */
  readonly newest: number;
}

/** From the child. */
export type GuardReport =
  /** Ready for orders. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'restoring'; readonly from: RestoredFrom }
  /** All tasks run. */
  | { readonly kind: 'started'; readonly id: string; readonly job: string }
  | JobEventMessage
  /** A checkpoint is complete and committed. */
  | { readonly kind: 'committed'; readonly reached: ReachedSplits }
  | {
      readonly kind: 'progress';
      readonly progress: JobProgress;
      readonly slots: readonly SlotInfo[];
    }
  | { readonly kind: 'metrics'; readonly metrics: GuardedMetrics }
  | { readonly kind: 'tree'; readonly tree: JobTreeNode }
  /** The first record since the start of this process has reached a sink. */
  | { readonly kind: 'first-output' }
  /** Nobody receives any more what the job's threads write to standard output themselves. */
  | { readonly kind: 'output-lost'; readonly code: string; readonly message: string }
  | { readonly kind: 'print'; readonly lines: readonly string[] }
  | { readonly kind: 'checkpoint-done'; readonly request: number; readonly checkpoint: number }
  | { readonly kind: 'checkpoint-failed'; readonly request: number; readonly failure: Failure }
  /** The last words of a process that ends through an error of its own. */
  | { readonly kind: 'crashing'; readonly failure: Failure }
  | {
      readonly kind: 'finished';
      readonly result: Omit<JobResult, 'collected'>;
      readonly collected: EncodedRecord;
    }
  | { readonly kind: 'failed'; readonly failure: Failure };
