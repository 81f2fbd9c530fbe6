/** What a task is made of, and what it reports. Protocol file: shapes, and one default. */

import type { Clock } from '../../base/clock.js';
import type { Failure } from '../../base/failure.js';
import type { InputChannel, OutputChannel } from '../../channels/element.js';
import type { RecordsMode } from '../../channels/record-keeper.js';
import type { Backlog } from '../../threads/backlog.js';
import type { ControlBlock } from '../../threads/control-block.js';
import type { Lease } from '../../threads/lease.js';
import type { SplitTrace } from '../../threads/split-trace.js';
import type { TaskMark } from '../../threads/task-mark.js';
import type { Graph } from '../graph/graph.js';
import type { JobPlan } from '../graph/plan.js';
import type { RestoredSection, StateSection } from '../operator.js';
import type { SinkTransaction } from '../sink.js';
import type { SourceLife, SourceSplit } from '../source.js';
import type { SourceAlignment } from './source-alignment.js';
import type { TaskGate } from './task-gate.js';
import type { TimeHolder } from './time-holder.js';

/** Readers that a source task may have open at a time, when nobody says otherwise. */
export const MAX_OPEN_SPLITS = 64;

export interface TaskOptions {
  readonly graph: Graph;
  readonly plan: JobPlan;
  /** Index of the task's vertex in the plan. */
  readonly vertex: number;
  readonly instance: number;
  /** One entry per channel. */
  readonly inputs: readonly { readonly edge: number; readonly channel: InputChannel }[];
  /** One entry per edge, with its channels by consuming instance; a forward edge has one channel. */
  readonly outputs: readonly {
    readonly edge: number;
    readonly channels: readonly OutputChannel[];
  }[];
  /** The gate that the output channels close. */
  readonly gate: TaskGate;
  /** The control block of the task's thread. */
  readonly block: ControlBlock;
  /** The task works until this is revoked. */
  readonly lease: Lease;
  /** Part of the lease: where the task tells how far it has come. Absent: it tells nobody. */
  readonly mark?: TaskMark | undefined;
  /** Of a source: how far it had come before a failure (`SourceHead.isBehind`). */
  readonly reached?: readonly number[] | undefined;
  /** Of a source: where it leaves how far it has come when the process dies. Absent: nowhere. */
  readonly trace?: SplitTrace | undefined;
  /** Shared by the region's tasks. Absent: sources do not wait for restored records. */
  readonly backlog?: Backlog | undefined;
  /** Per source operator: all splits, in list order. Only on a fresh start. */
  readonly splits?: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  /** State from the restored checkpoint. */
  readonly restored: readonly {
    readonly operator: string;
    readonly sections: readonly RestoredSection[];
    /** Only of a keyed operator whose key groups have moved: entry g−1 is the instance that had group g. */
    readonly formerOwners?: readonly number[] | undefined;
  }[];
  readonly mode: 'exactly-once' | 'at-least-once';
  /**
   * How long a checkpoint's barriers are waited for, in ms, before they overtake what is in flight;
   * Infinity, or absent: until they come. Anything else only in exactly-once mode.
   */
  readonly alignedTimeoutMs?: number | undefined;
  /** How long a sink may take to prepare, in milliseconds. Default: for ever. */
  readonly prepareTimeoutMs?: number | undefined;
  /**
   * Id of the restored checkpoint, if it holds records in flight and instances or owners of key groups have
   * changed since: its barrier passes once more (task-inputs.ts, P4).
   */
  readonly replayedBarrier?: number | undefined;
  /** Snapshots may build on earlier ones; `trigger` tells on which. */
  readonly incremental?: boolean | undefined;
  /** Checkpoints in flight at a time. Default 1. */
  readonly maxConcurrent?: number | undefined;
  /** Readers that a source task may have open at a time. Default MAX_OPEN_SPLITS. */
  readonly maxOpenSplits?: number | undefined;
  /** What the region's tasks tell each other of their time, as one of them sees it, by vertex; absent: nothing. */
  readonly alignment?: ((vertex: string) => SourceAlignment) | undefined;
  readonly run: string;
  readonly epoch: number;
  readonly incarnation: number;
  readonly checkpoints: SourceLife['checkpoints'];
  /** How long a partial batch may wait. */
  readonly bufferTimeoutMs: number;
  /** How records are kept apart where the runtime keeps them; 'checked' when absent. */
  readonly records?: RecordsMode | undefined;
  /** The clock that operators go by. Default: the machine's. */
  readonly clock?: Clock | undefined;
  readonly callbacks: TaskCallbacks;
}

/** What a task can be told. Messages are handled in the task's turns, between two records, in the order in which they came. */
export type TaskMessage =
  /** Checkpoint `checkpoint` has begun, and may build on `base`. Comes behind the `abort`s of older ones. */
  | { readonly kind: 'trigger'; readonly checkpoint: number; readonly base: number | undefined }
  /** The checkpoint was given up. */
  | { readonly kind: 'abort'; readonly checkpoint: number }
  /** The checkpoint is complete, and its sinks have committed. */
  | { readonly kind: 'committed'; readonly checkpoint: number }
  /**
   * A source task emits no more records from now on, but still answers triggers. `drain` ends the input here and now,
   * so that windows fire.
   */
  | { readonly kind: 'stop-sources'; readonly drain: boolean }
  /** Asks for its metrics. */
  | { readonly kind: 'metrics' };

/** What a task answers: to `metrics` these, to anything else nothing. */
export type TaskAnswer = TaskMetrics | undefined;

/** A task's part of a checkpoint, captured and not written yet. */
export interface CapturedTask {
  readonly checkpoint: number;
  readonly sections: readonly ({ readonly operator: string } & StateSection)[];
  readonly transactions: readonly {
    readonly operator: string;
    readonly instance: number;
    readonly transaction: SinkTransaction;
  }[];
  readonly visible: readonly {
    readonly operator: string;
    readonly instance: number;
    readonly rows: readonly unknown[];
  }[];
  readonly sourceRecords: readonly {
    readonly operator: string;
    readonly instance: number;
    readonly records: number;
    /** Records of each split, in the order in which the callback `reading` has told the splits. */
    readonly splits: Float64Array;
    /** In the same order: `splitKey`. Undefined where there is no trace. */
    readonly keys?: Float64Array | undefined;
  }[];
  /** Records that the task had taken when it was cut, counted as in a `TaskMark`. */
  readonly records: number;
  /** Windows and timers up to this event time had fired when it was cut. */
  readonly watermarkMs: number;
  /** From the first barrier's arrival to the last one's. */
  readonly alignMs: number;
  /** From the last barrier's arrival until everything was captured. */
  readonly captureMs: number;
  /** Of `captureMs`, the time for which the task stood still. */
  readonly cutMs: number;
  /** When the cut began, on the clock that threads share (base/shared-clock.ts). */
  readonly cutAtMs: number;
  /** The part was taken before all barriers had come. */
  readonly overtaken: boolean;
  /** Bytes of the sections that are records which barriers have overtaken. */
  readonly inFlightBytes: number;
}

/** Called from inside `run`, `open`, or from a callback of I/O. Nothing is called after `close`. */
export interface TaskCallbacks {
  captured(part: CapturedTask): void;
  /** The capture failed: this checkpoint cannot complete. The task goes on. */
  declined(checkpoint: number, failure: Failure): void;
  /** All input was processed and passed on. Barriers still pass. */
  ended(): void;
  /** The task has stopped. */
  failed(failure: Failure): void;
  /** The task has something to do again. */
  wake(): void;
  print(line: string): void;
  /**
   * Tells which splits a source task reads, by id, and where it counts the records of each that it has read, the
   * one in work included: shared memory that outlives the thread, one float64 per split in their order. Told
   * again when there are more splits.
   */
  reading(operator: string, splits: readonly string[], records: SharedArrayBuffer): void;
  /** The task has kept time waiting for long; told once for each wait. */
  holding(holder: TimeHolder): void;
  /** Rows that were visible in the restored checkpoint already. */
  restoredVisible(operator: string, rows: readonly unknown[]): void;
  /** The first record of this epoch has reached one of the task's sinks. */
  firstOutput(): void;
}

export interface TaskMetrics {
  /** Id of the vertex. */
  readonly vertex: string;
  readonly instance: number;
  /** A source task: records read. */
  readonly recordsIn: number;
  /** Records sent to other tasks or written to sinks. */
  readonly recordsOut: number;
  readonly busyMs: number;
  readonly blockedMs: number;
  /** Who of this task keeps the region's time waiting: a split, or times given behind an exchange; undefined: nobody does. */
  readonly holder?: TimeHolder | undefined;
  /** Undefined until there is a watermark. */
  readonly watermarkMs: number | undefined;
  /** Counts since the job's first start, replays not counted twice: `lateRecords`… */
  readonly counters: Readonly<Record<string, number>>;
}
