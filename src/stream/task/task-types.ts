/** What a task needs to be made, and what it tells. Protocol file: shapes, and one default. */

import type { Failure } from '../../base/failure.js';
import type { InputChannel, OutputChannel } from '../../channels/element.js';
import type { RecordsMode } from '../../channels/record-keeper.js';
import type { Backlog } from '../../threads/backlog.js';
import type { ControlBlock } from '../../threads/control-block.js';
import type { Lease } from '../../threads/lease.js';
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
  /** One per channel. */
  readonly inputs: readonly { readonly edge: number; readonly channel: InputChannel }[];
  /** One per edge, with its channels by consuming instance; a forward edge has the one. */
  readonly outputs: readonly {
    readonly edge: number;
    readonly channels: readonly OutputChannel[];
  }[];
  /** The gate that the output channels close. */
  readonly gate: TaskGate;
  /** This thread's. */
  readonly block: ControlBlock;
  /** What the task works under, as long as it is not revoked. */
  readonly lease: Lease;
  /** Where it tells how far it has come: of the lease. Absent: told to nobody. */
  readonly mark?: TaskMark | undefined;
  /** Of a source: how far it had come before a failure, see `SourceHead.isBehind`. */
  readonly reached?: readonly number[] | undefined;
  /** Of the region's tasks. Absent: sources wait for none. */
  readonly backlog?: Backlog | undefined;
  /** Per source operator: all splits, in list order. Only on a fresh start. */
  readonly splits?: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  /** From the restored checkpoint. */
  readonly restored: readonly {
    readonly operator: string;
    readonly sections: readonly RestoredSection[];
    /** Of a keyed operator whose key groups have moved: entry g−1 is the instance that had group g. */
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
   * The restored checkpoint, when it holds records in flight and instances or owners of key groups
   * have changed since: its barrier passes once more (task-inputs.ts, P4).
   */
  readonly replayedBarrier?: number | undefined;
  /** Snapshots may build on earlier ones: `trigger` tells on which. */
  readonly incremental?: boolean | undefined;
  /** Checkpoints in flight at a time. Default 1. */
  readonly maxConcurrent?: number | undefined;
  /** Readers that a source task may have open at a time. Default MAX_OPEN_SPLITS. */
  readonly maxOpenSplits?: number | undefined;
  /** What the region's sources know of each other's time, seen by one of them; absent: nothing. */
  readonly alignment?: ((source: string) => SourceAlignment) | undefined;
  readonly run: string;
  readonly epoch: number;
  readonly incarnation: number;
  readonly checkpoints: SourceLife['checkpoints'];
  /** How long a partial batch may wait. */
  readonly bufferTimeoutMs: number;
  /** How records are kept apart where the runtime keeps them; 'checked' when absent. */
  readonly records?: RecordsMode | undefined;
  readonly callbacks: TaskCallbacks;
}

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
    /** The same of each split, in the order in which `splits` of the callbacks told them. */
    readonly splits: Float64Array;
  }[];
  /** Records taken when it was cut, as in a `TaskMark`. */
  readonly records: number;
  /** Windows and timers up to this event time had fired when it was cut. */
  readonly watermarkMs: number;
  /** From the first barrier's arrival to the last one's. */
  readonly alignMs: number;
  /** From the last barrier's arrival until everything was captured. */
  readonly captureMs: number;
  /** Of `captureMs`, what the task stood still for. */
  readonly cutMs: number;
  /** When the cut began, on the clock that threads share (base/shared-clock.ts). */
  readonly cutAtMs: number;
  /** The part was taken before all barriers had come. */
  readonly overtaken: boolean;
  /** Of the sections, records that barriers have overtaken. */
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
  /** There is something to do again. */
  wake(): void;
  print(line: string): void;
  /**
   * The splits that a source task reads, by id, and how many records of each it has read, the one in
   * work included: shared memory that outlives the thread, a float64 for each in their order. Told again
   * when there are more.
   */
  reading(operator: string, splits: readonly string[], records: SharedArrayBuffer): void;
  /** A split has kept time waiting for long; told once for each wait. */
  holding(operator: string, holder: TimeHolder): void;
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
  /** A source task: the split that keeps the region's time waiting; undefined: none does. */
  readonly holder?: TimeHolder | undefined;
  /** Undefined until there is one. */
  readonly watermarkMs: number | undefined;
  /** Since the job's first start, replays not counted twice: `lateRecords`… */
  readonly counters: Readonly<Record<string, number>>;
}
