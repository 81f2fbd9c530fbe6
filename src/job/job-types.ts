// For whoever compiles with declarations of ours and without this library.
/// <reference lib="esnext.disposable" preserve="true" />

/**
 * The face of a running job: options, events, result. Protocol file: shapes only.
 */

import type { Failure } from '../base/failure.js';
import type { RecordsMode } from '../channels/record-keeper.js';
import type { Compression } from '../checkpoint/parts/compression.js';
import type { CheckpointStatistics, CheckpointSummary } from '../checkpoint/statistics.js';
import type { CheckpointStore } from '../checkpoint/store.js';
import type { Codec } from '../codec/codec-registry.js';
import type { KillCause } from '../host/host-protocol.js';
import type { PressureEvent, SlotInfo } from '../pool/pool-types.js';
import type { JobPlan } from '../stream/graph/plan.js';
import type { TaskMetrics } from '../stream/task/task-types.js';
import type { RestartStrategy } from '../supervisor/restart-strategy.js';

export type { PressureEvent, SlotInfo };

export interface CheckpointOptions {
  /** Directory for checkpoints; made when missing. Exactly one of `directory` and `store`. */
  readonly directory?: string | undefined;
  /** Anywhere else: `s3Checkpoints` of `holdfast/s3`, or a store of one's own. */
  readonly store?: CheckpointStore | undefined;
  /** Default 1 000. */
  readonly intervalMs?: number | undefined;
  /** A checkpoint that takes longer is given up. Default 600 000. */
  readonly timeoutMs?: number | undefined;
  /** Least time between the end of one checkpoint and the start of the next. Default 0. */
  readonly minPauseMs?: number | undefined;
  /**
   * Checkpoints in flight at a time, 1 to 8. With more than one, the next begins by its interval although
   * the store is still busy with the one before. They complete in order, and when one fails, those in
   * flight with it fail, too. A checkpoint that begins while another is in flight is not incremental. More than
   * one is allowed only with mode 'exactly-once', alignment 'aligned' and `minPauseMs` 0. Default 1.
   */
  readonly maxConcurrent?: number | undefined;
  /** Completed checkpoints kept, at least 2. Default 3. */
  readonly retain?: number | undefined;
  /** Failed checkpoints in a row that the job survives. Default 0. */
  readonly tolerableFailures?: number | undefined;
  /**
   * Default 'exactly-once'. 'at-least-once' waits for no barrier, and repeats records after a failure; a job in which rows
   * of a changelog are read (`aggregate` and `topN` over one, tables) is refused with it.
   */
  readonly mode?: 'exactly-once' | 'at-least-once' | undefined;
  /**
   * 'aligned': a checkpoint's barriers wait behind the records that were sent before them; under
   * back-pressure that takes as long as the back-pressure. 'unaligned': they overtake those records,
   * which become part of the checkpoint. `{ alignedTimeoutMs }`: aligned at first, and unaligned where not all
   * barriers have come that long after the first. The latter two only in mode 'exactly-once'. Default
   * `{ alignedTimeoutMs: 1_000 }`, and 'aligned' in mode 'at-least-once' or with `maxConcurrent` above 1.
   */
  readonly alignment?: CheckpointAlignment | undefined;
  /**
   * Checkpoints hold only what has changed, and name the files of earlier ones for the rest. Default: true
   * with `directory`; false with `store`, since a store has to know that files are shared.
   */
  readonly incremental?: boolean | undefined;
  /**
   * Compression of the parts, in a directory or in S3. Default 'none'. 'gzip' and 'brotli' are used at their fastest
   * levels, outside of the data threads, but they do take processor time. What is stored says how it is
   * stored, so the option may change from run to run.
   */
  readonly compression?: 'none' | Compression | undefined;
}

export type CheckpointAlignment = 'aligned' | 'unaligned' | { readonly alignedTimeoutMs: number };

export interface HeartbeatOptions {
  /** Default 100. */
  readonly intervalMs?: number | undefined;
  /** A thread without a beat and without progress for this long has hung. Default 1 000. */
  readonly timeoutMs?: number | undefined;
  /** Ends a thread that makes progress without beats for this long. Default: never. */
  readonly busyLimitMs?: number | undefined;
}

/** Shares (0.2…1) of the limit of a slot's heap: the limit of V8's old generation, at which a thread dies. */
export interface HeapOptions {
  /** The event `pressure` tells of a heap that stays this full. Default 0.85, or `restartAt` if that is less. */
  readonly reportAt?: number | undefined;
  /**
   * At this share a checkpoint is taken and the slot's thread restarted, before it dies. Needs checkpoints
   * and a restart strategy. Helps against memory that user code or a library piles up. Keyed state comes back,
   * so a restart that would give nothing back is not made. Default: never.
   */
  readonly restartAt?: number | undefined;
}

/** pino's four levels; any logger with these methods will do. */
export interface Logger {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

/** Regions (unconnected parts of the graph) under one supervisor: they share a restart budget. */
export interface SupervisionGroup {
  /** For people, in the tree. */
  readonly name: string;
  /** Ids of operators. The regions of these operators make up the group, and start in this order. */
  readonly operators: readonly string[];
  /** Which of the group's regions go down when one fails. Default 'one-for-one': only that region. */
  readonly strategy?: 'one-for-one' | 'one-for-all' | 'rest-for-one' | undefined;
  /** Default: the job's `restart`. */
  readonly restart?: RestartStrategy | undefined;
}

export interface RunOptions {
  /** Slots (worker threads). Default: available cores. */
  readonly parallelism?: number | undefined;
  /** Virtual slots for keys, fixed for the job's life. Default 1 024. */
  readonly keyGroups?: number | undefined;
  readonly checkpoint?: CheckpointOptions | undefined;
  /**
   * Default 'latest': the newest checkpoint of the directory, if it holds one. 'none': the job starts afresh. Or a
   * checkpoint's number as text, or the path of a savepoint (or its s3://bucket/prefix); with a savepoint, the
   * job's own place for checkpoints must be empty.
   */
  readonly restore?: 'latest' | 'none' | (string & {}) | undefined;
  /**
   * Parts of the restored checkpoint that may be lost, because the job does not use them any more: ids of
   * operators that are gone (their state, records in flight to them, output not committed yet), or
   * `operator#name` for an aggregation. A start that would lose anything else is refused.
   */
  readonly allowDropped?: readonly string[] | undefined;
  /** Default `exponentialBackoff()` with checkpoints, `noRestart()` without. */
  readonly restart?: RestartStrategy | undefined;
  /**
   * Groups of regions with a supervisor of their own. A region that no group names stands by itself, under
   * `restart`; by default all do.
   */
  readonly supervision?: { readonly groups?: readonly SupervisionGroup[] | undefined } | undefined;
  /** Warm threads kept ready. Default 1. */
  readonly spares?: number | undefined;
  /**
   * Readers that an instance of a source may have open at a time: files, connections. With more splits than
   * that, readers are closed where they stand, and opened again. Default 64.
   */
  readonly maxOpenSplits?: number | undefined;
  readonly heartbeat?: HeartbeatOptions | undefined;
  readonly channel?:
    | {
        /**
         * Ring size per pair of instances, at least 1 024. Default 1 MiB. Within a thread a record counts as
         * 64 bytes, and 64 to 4 096 records may wait.
         */
        readonly capacityBytes?: number | undefined;
        /** How long a partial batch may wait. Default 5. */
        readonly bufferTimeoutMs?: number | undefined;
      }
    | undefined;
  readonly slot?:
    | {
        /**
         * V8's limits in MB, as Node's Worker takes them. With `maxOldGenerationSizeMb` alone young objects
         * get as much, at most 48.
         */
        readonly resourceLimits?: Readonly<Record<string, number>> | undefined;
        readonly heap?: HeapOptions | undefined;
        /**
         * How young objects are collected, in the whole process: by the thread alone ('serial'), or with
         * V8's helper threads ('parallel'). 'auto', the default: alone when there are as many slots as cores, where
         * helpers only make pauses longer. With fewer slots, or when Node was started with a flag for it, 'auto'
         * changes nothing.
         */
        readonly scavenging?: 'auto' | 'parallel' | 'serial' | undefined;
      }
    | undefined;
  /**
   * How records are kept apart where the runtime keeps one: in queues, for several readers of a stream, in
   * state. Default 'checked': each is checked and copied, so that nobody sees what another changes.
   * 'trusted': no copies; for jobs that never change a record they have emitted or received. 'frozen' finds the
   * places where a job does: records are frozen instead, and a change throws where it is made.
   */
  readonly records?: RecordsMode | undefined;
  /** Arguments for the job's build function; structured-cloneable. */
  readonly args?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Codecs of classes whose instances `collected(name)` gives. This thread needs them, because it never runs the
   * job's module. The job's own threads know those of `env.codecs(…)`.
   */
  readonly codecs?: readonly Codec[] | undefined;
  /** Cancels the job. */
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
  /** Where `print()` sinks write a line. Default: standard output. */
  readonly print?: ((line: string) => void) | undefined;
}

export type JobStatus =
  | 'starting'
  | 'running'
  | 'restarting'
  | 'finishing'
  | 'stopping'
  | 'finished'
  | 'stopped'
  | 'canceled'
  | 'failed';

export type CheckpointEvent =
  | {
      readonly kind: 'completed';
      readonly checkpoint: number;
      readonly final: boolean;
      /** Source position in it, in records, of all sources together. */
      readonly sourceRecords: number;
      /** From trigger to durable manifest. */
      readonly durationMs: number;
      /** The longest alignment of any task. */
      readonly alignMs: number;
      readonly captureMs: number;
      /** Bytes written for the checkpoint. */
      readonly bytes: number;
      /** State that was written in full, counted as it is without compression. */
      readonly fullBytes: number;
      /** Changes of state since the checkpoint before, counted in the same way. */
      readonly deltaBytes: number;
      readonly statistics: CheckpointStatistics;
    }
  | {
      readonly kind: 'failed';
      readonly checkpoint: number;
      readonly failure: Failure;
      readonly statistics: CheckpointStatistics;
    };

/** A region runs again. */
export interface RestartedEvent {
  /** The region's id. A region is a part of the graph without a connection to the others. */
  readonly region: string;
  /** What failed. */
  readonly failure: Failure;
  /** The kill that was ordered, or else the failure's kind. */
  readonly cause: string;
  readonly slot: number | undefined;
  readonly epoch: number;
  readonly attempt: number;
  /** From the kill (for a hang: from the last progress) to the failure in the supervisor; 0 when not known. */
  readonly detectMs: number;
  /** From detection to the first record of the new epoch that reaches a sink. */
  readonly recoverMs: number;
  /** The checkpoint restored; undefined: from the beginning. */
  readonly checkpoint: number | undefined;
  /** Source records emitted before the failure and emitted again. */
  readonly replayed: number;
  /** Threads started anew, the failed one included. */
  readonly respawned: readonly number[];
}

/** A keyed operator that has another number of instances now than in the restored checkpoint. */
export interface RescaledOperator {
  readonly operator: string;
  /** Instances in the checkpoint, and now. */
  readonly before: number;
  readonly after: number;
  /** Number of all key groups. */
  readonly keyGroups: number;
  /** Number of key groups whose state went to another instance. */
  readonly moved: number;
  /** Least number that has to be moved, if no instance may have more than its share, rounded up. */
  readonly leastPossible: number;
  /** Number that contiguous ranges of key groups would have moved. */
  readonly byRanges: number;
}

/** The job has started with another parallelism than that of the checkpoint it goes on from. */
export interface RescaledEvent {
  readonly checkpoint: number;
  readonly operators: readonly RescaledOperator[];
}

export interface JobProgress {
  readonly sourceRecords: number;
  readonly sinkRecords: number;
}

export interface JobEvents {
  status: [status: JobStatus];
  checkpoint: [event: CheckpointEvent];
  /** A failure was detected; a restart or the job's end follows. */
  failure: [failure: Failure];
  restarted: [event: RestartedEvent];
  /** A slot has lost its thread, or got a new one. */
  slot: [info: SlotInfo];
  pressure: [event: PressureEvent];
  /** Told once, after `run` has given the job to its caller, who can still listen then. */
  rescaled: [event: RescaledEvent];
}

export interface JobMetrics {
  readonly status: JobStatus;
  readonly progress: JobProgress;
  readonly restarts: number;
  readonly slots: readonly SlotInfo[];
  readonly operators: readonly TaskMetrics[];
  readonly checkpoints: {
    /** Completed in this process. */
    readonly completed: number;
    readonly failed: number;
    /** In all processes of the run. Like the history, this is kept lazily, and an estimate after a process died. */
    readonly ofRun: { readonly completed: number; readonly failed: number };
    readonly last: CheckpointEvent | undefined;
    readonly inProgress: readonly CheckpointStatistics[];
    /** The newest 100 that completed or failed, newest last; those of earlier processes as well. */
    readonly history: readonly CheckpointStatistics[];
    /** Over the completed checkpoints of the history; undefined while there is none. */
    readonly summary: CheckpointSummary | undefined;
  };
}

/** Rows of `collect` sinks by name. Those that the job's type knows have their types. @typeParam C as of `Job` */
export type CollectedRows<C> = { readonly [N in keyof C]: readonly C[N][] } & Readonly<
  Record<string, readonly unknown[]>
>;

/** @typeParam C as of `Job` */
export interface JobResult<C = unknown> {
  readonly job: string;
  readonly run: string;
  readonly status: 'finished' | 'stopped';
  /** Records that the sources emitted, replays not counted twice. */
  readonly sourceRecords: number;
  readonly checkpoints: number;
  readonly restarts: number;
  readonly durationMs: number;
  /** Counters of operators, replays not counted twice: `lateRecords` that were dropped… */
  readonly counters: Readonly<Record<string, number>>;
  /** Rows of `collect` sinks by name. */
  readonly collected: CollectedRows<C>;
}

export interface JobTreeNode {
  /**
   * `job` ▸ `coordinator` (of checkpoints) and, for each region, its supervisor ▸ `slot`: supervises the part of
   * the region on one slot ▸ `task`. A `group` that the user has named stands between the job and its regions.
   */
  readonly kind: 'job' | 'coordinator' | 'group' | 'region' | 'slot' | 'task';
  /** Unique among its siblings: a name, the region's first operator, `slot 1`, `operator#instance`. */
  readonly id: string;
  /**
   * Of a region that waits to be launched again: `restarting`. What is below it is `down` then. A task is also
   * `down` once it has processed all its input.
   */
  readonly state: 'down' | 'starting' | 'running' | 'restarting' | 'stopping';
  /** Of a supervisor: which children go down when one fails. */
  readonly strategy?: 'one-for-one' | 'one-for-all' | 'rest-for-one' | undefined;
  /** Of a supervisor that restarts: in words, when and how often it does, and how much of that is used. */
  readonly budget?: string | undefined;
  /** How often this was started again. */
  readonly restarts: number;
  readonly lastFailure?: Failure | undefined;
  /** For how long it has been running, in ms; undefined while it is not. */
  readonly upMs?: number | undefined;
  readonly children: readonly JobTreeNode[];
}

export interface StopOptions {
  readonly drain?: boolean | undefined;
  readonly savepoint?: string | undefined;
}

/**
 * What jobs have in common however they run: by `run`, `runGuarded` or `startInline`.
 * @typeParam C rows that the job collects, by name
 */
export interface JobHandle<C = unknown> extends AsyncDisposable {
  /** Id of the run: the same across restarts and processes. */
  readonly id: string;
  readonly name: string;
  readonly status: JobStatus;
  /** Rejects with the root failure; never an unhandled rejection. */
  readonly finished: Promise<JobResult<C>>;
  /** Ends at once, without a last checkpoint. `finished` rejects with ERR_HOLDFAST_CANCELED. */
  cancel(): Promise<void>;
  /** For `await using job = await run(…)`: a job that still runs where its block is left is canceled. */
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Stops the sources, takes and commits a last checkpoint, and ends; a later run goes on from there.
   * `drain`: the input ends here, so that open windows fire. Time has then come to its end, and no
   * later run can go on: the run is marked as finished.
   */
  stop(options?: Pick<StopOptions, 'drain'>): Promise<JobResult<C>>;
  /**
   * Takes a checkpoint and copies it to a folder of its own, which nobody prunes and which may be moved.
   * Start from it with `restore: directory`.
   * @returns the checkpoint's id
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY when the folder holds something already
   */
  savepoint(directory: string): Promise<number>;
  /** Takes a checkpoint. @returns its id, when it is complete and sinks have committed it */
  checkpointNow(): Promise<number>;
  /** Cheap: reads shared counters, or what was reported last. */
  progress(): JobProgress;
  slots(): readonly SlotInfo[];
  /** For demonstrations and tests. A job of `startInline` has no thread to end, and throws ERR_HOLDFAST_BAD_OPTION. */
  kill(slot: number, cause: KillCause | 'terminate'): void;
  on<E extends keyof JobEvents>(event: E, listener: (...args: JobEvents[E]) => void): this;
  once<E extends keyof JobEvents>(event: E, listener: (...args: JobEvents[E]) => void): this;
  off<E extends keyof JobEvents>(event: E, listener: (...args: JobEvents[E]) => void): this;
}

/** A job that runs in this process. @typeParam C as of `JobHandle` */
export interface Job<C = unknown> extends JobHandle<C> {
  /** As of every job. `savepoint`: the last checkpoint is copied there; if the folder cannot take it, the call rejects before anything is stopped. */
  stop(options?: StopOptions): Promise<JobResult<C>>;
  /** Figures as of now; after the end of a finished or stopped job, those of its end. */
  metrics(): Promise<JobMetrics>;
  plan(): JobPlan;
  /** The supervisors and what they supervise, as data: strategies, budgets, restarts, last failures. */
  tree(): JobTreeNode;
  /**
   * Rows of the sink `collect(name)`, as of the newest completed checkpoint.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when there is no such sink
   */
  collected<N extends (keyof C & string) | (string & {})>(
    name: N,
  ): N extends keyof C ? readonly C[N][] : readonly unknown[];
}
