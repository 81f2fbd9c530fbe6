/**
 * What the driver of a job and the streams in its threads say to each other. Protocol file: shapes only.
 * Records never pass here.
 */

import type { Failure } from '../../base/failure.js';
import type { RecordsMode } from '../../channels/record-keeper.js';
import type { EncodedRows } from '../../codec/encoded-rows.js';
import type { HostSpawner } from '../../host/host-link.js';
import type { RegionSpec } from '../../host/workload.js';
import type { Pool } from '../../pool/pool.js';
import type { GraphData } from '../../stream/graph/graph.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { RestoredSection } from '../../stream/operator.js';
import type { SinkTransaction } from '../../stream/sink.js';
import type { SourceLife, SourceSplit } from '../../stream/source.js';
import type { CapturedTask, TaskMetrics } from '../../stream/task/task-types.js';
import type { TimeHolder } from '../../stream/task/time-holder.js';

export interface RestoredOperator {
  readonly operator: string;
  readonly sections: readonly RestoredSection[];
  /** Only of a keyed operator whose key groups have moved: entry g−1 is the instance that had group g. */
  readonly formerOwners?: readonly number[] | undefined;
}

/** A channel to be made: between slots over `ring`, inside a slot over a queue (ring undefined). */
export interface ChannelSpec {
  readonly edge: number;
  readonly fromInstance: number;
  readonly toInstance: number;
  readonly fromSlot: number;
  readonly toSlot: number;
  readonly ring: SharedArrayBuffer | undefined;
}

export interface TaskRestore {
  readonly vertex: number;
  readonly instance: number;
  readonly operators: readonly RestoredOperator[];
}

/** The part of one region on one slot. */
export interface DeploySpec extends RegionSpec {
  readonly incarnation: number;
  readonly run: string;
  readonly plan: JobPlan;
  /** Shared memory of the deployment's lease. */
  readonly lease: SharedArrayBuffer;
  /** By `vertex/instance`: how far source tasks had come before a failure; see TaskOptions. */
  readonly reached: Readonly<Record<string, readonly number[]>>;
  /** Shared memory of the region's backlog, on all its slots the same. */
  readonly backlog: SharedArrayBuffer;
  /** By slot, for doorbells: control blocks of the threads that have tasks of the region. */
  readonly blocks: readonly (SharedArrayBuffer | undefined)[];
  /** The region's channels that have an end on this slot. */
  readonly channels: readonly ChannelSpec[];
  /** Only for tasks with something to restore. */
  readonly restores: readonly TaskRestore[];
  /** Per source operator: all splits, in list order. Only on a fresh start. */
  readonly splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  readonly mode: 'exactly-once' | 'at-least-once';
  /** See TaskOptions. */
  readonly alignedTimeoutMs: number;
  /** How long a sink may take to prepare, in milliseconds. */
  readonly prepareTimeoutMs: number;
  readonly replayedBarrier: number | undefined;
  readonly checkpoints: SourceLife['checkpoints'];
  /** Checkpoints may build on earlier ones. */
  readonly incremental: boolean;
  /** Checkpoints in flight at a time. */
  readonly maxConcurrent: number;
  readonly bufferTimeoutMs: number;
  /** How records are kept apart where the runtime keeps them. */
  readonly records: RecordsMode;
  /** Readers that a source task may have open at a time. */
  readonly maxOpenSplits: number;
  /** Descriptor of the file in which source tasks leave how far they have come; undefined: there is none. */
  readonly trace: number | undefined;
  /** What the region's tasks know of each other's time (source-alignment.ts); undefined: there is but one. */
  readonly alignment: SharedArrayBuffer | undefined;
  readonly channelCapacityBytes: number;
}

/** What a checkpoint may build on. */
export interface CheckpointBase {
  /** The newest completed checkpoint. */
  readonly checkpoint: number;
  /** Tasks that have to write their state in full nonetheless. */
  readonly rewrite: readonly { readonly vertex: number; readonly instance: number }[];
}

/** A task's part of a checkpoint, and the task that it is from. */
export interface CapturedPart extends Omit<CapturedTask, 'visible'> {
  readonly visible: readonly {
    readonly operator: string;
    readonly instance: number;
    readonly rows: EncodedRows;
  }[];
  readonly kind: 'captured';
  readonly epoch: number;
  readonly incarnation: number;
  readonly slot: number;
  readonly vertex: number;
  readonly instance: number;
}

/** What a deployment tells the driver. */
export type StreamEvent =
  | CapturedPart
  /** The task's capture failed; the checkpoint cannot complete. */
  | {
      readonly kind: 'declined';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly vertex: number;
      readonly instance: number;
      readonly failure: Failure;
    }
  | {
      readonly kind: 'task-failed';
      readonly epoch: number;
      readonly vertex: number;
      readonly instance: number;
      readonly failure: Failure;
    }
  /** The task has taken `end` on all inputs (a source: all its splits are read) and passed everything on. */
  | {
      readonly kind: 'task-ended';
      readonly epoch: number;
      readonly vertex: number;
      readonly instance: number;
    }
  /** What a source task reads: see `reading` of TaskCallbacks. */
  | {
      readonly kind: 'reading';
      readonly epoch: number;
      readonly vertex: number;
      readonly instance: number;
      readonly operator: string;
      readonly splits: readonly string[];
      readonly records: SharedArrayBuffer;
    }
  /** The task has kept time waiting for long: see `holding` of TaskCallbacks. */
  | {
      readonly kind: 'holding';
      readonly epoch: number;
      readonly vertex: number;
      readonly instance: number;
      readonly holder: TimeHolder;
    }
  /** The first record of this epoch has reached a sink on this slot. */
  | { readonly kind: 'first-output'; readonly epoch: number; readonly slot: number }
  /** A sink's rows that a restored checkpoint had made visible. */
  | {
      readonly kind: 'restored-visible';
      readonly epoch: number;
      readonly operator: string;
      readonly instance: number;
      readonly rows: EncodedRows;
    }
  | { readonly kind: 'print'; readonly epoch: number; readonly line: string };

/** Calls that only streams have. */
export type StreamCalls = {
  /** Lists the splits of a source operator. */
  readonly listSplits: {
    readonly args: readonly [operator: string];
    readonly answer: readonly SourceSplit[];
  };
  /** For sinks that commit in a worker. */
  readonly commit: {
    readonly args: readonly [
      operator: string,
      checkpoint: number,
      transactions: readonly SinkTransaction[],
    ];
    readonly answer: undefined;
  };
  /** Sources stop emitting records (they go on answering triggers); `drain` also ends them, so that windows fire. */
  readonly stopSources: { readonly args: readonly [drain: boolean]; readonly answer: undefined };
};

/** Streams, as host, link and pool pass them on. */
export interface Streams {
  readonly loaded: GraphData;
  readonly spec: DeploySpec;
  readonly base: CheckpointBase;
  readonly metrics: TaskMetrics;
  readonly event: StreamEvent;
  readonly calls: StreamCalls;
}

export type StreamSpawner = HostSpawner<Streams>;
export type StreamPool = Pool<Streams>;
