/**
 * The contract of an operator inside a chain. Protocol file: shapes only.
 *
 * Rules that operators keep and tasks rely on:
 *  O1  Operators of a chain call each other directly and synchronously; nothing is queued between them.
 *  O2  After each record it emits, an operator that has more to emit for the same input looks at
 *      `context.turn.pause`. When that is set, the operator keeps its place, reports `suspended`, and returns. The
 *      task calls `resume()` later, the most downstream suspended operator first, until none is suspended. Only
 *      then does the task take its next input element: so a barrier never falls into a half-done element, unless
 *      the operator is `divisible`.
 *  O3  `onWatermark` forwards the watermark only after everything it made fire has been emitted.
 *  O4  `capture` decides at once *what* is captured (the cut), and may do the work lazily: the sections will
 *      hold the state as of the call, whatever is processed afterwards.
 *  O5  An operator that waits for promises (`saturated`, `pending`) holds no barrier up: what it has taken is in its
 *      snapshot. It is `suspended` when it has something to emit, never while it only waits. When it is saturated it
 *      calls `context.pause()`, but still takes what comes before the task stops, and whatever watermark comes.
 */

import type { Clock } from '../base/clock.js';
import type { RecordsMode } from '../channels/record-keeper.js';
import type { SinkPrepared } from './sink.js';

/** Takes records and watermarks: the next operator of the chain, a fan-out, or a router to channels. */
export interface Receiver {
  /**
   * @param timestamp event time in ms, NaN when the record has none
   * @param group key group 1…m when the record came over a keyed edge, 0 otherwise
   * @param behind the record's mark: the time that its own split had just before it, in ms, when the record
   *   is not ahead of that; `NOT_BEHIND` otherwise. Whatever is made of a record has its mark.
   */
  onElement(record: unknown, timestamp: number, group: number, behind: number): void;
  /** The same watermark may come again. */
  onWatermark(timeMs: number): void;
  /**
   * Time need not wait for what comes from here until the next record or watermark. Absent: time waits.
   * It may come again, when the answer is another one.
   * @param isSilent nothing from here that goes on has ever said a time (element.ts)
   */
  onIdle?(isSilent: boolean): void;
}

/** Takes the records of one of an operator's ports (graph/ports.ts). */
export type Port = Pick<Receiver, 'onElement'>;

/** Shared by the operators of one task; the task and its channels write it. */
export interface Turn {
  /** Stop after the current record: time is up, an output is full, or the epoch has changed. */
  readonly pause: boolean;
}

export interface OperatorContext {
  /** Operator id (uid). */
  readonly operator: string;
  readonly instance: number;
  readonly parallelism: number;
  /** Key groups m. */
  readonly keyGroups: number;
  /** Snapshots may build on earlier ones: state notes what changes. */
  readonly incremental?: boolean | undefined;
  /** The job goes on when user code throws on a record: state undoes what the record has changed. */
  readonly undoes?: boolean | undefined;
  /** Checkpoints in flight at a time: what that many snapshots gave may still be in use. Default 1. */
  readonly maxConcurrent?: number | undefined;
  /** How state keeps a user's values apart from what the user holds. Default 'checked'. */
  readonly records?: RecordsMode | undefined;
  /** The clock to go by. Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Does this instance own the key group (1…m)? */
  ownsGroup(group: number): boolean;
  /** Which instance had the group in the restored checkpoint; undefined when no group has moved since. */
  formerOwner?(group: number): number | undefined;
  readonly turn: Turn;
  /** The compiled file of the module that the operator runs on threads of its own. */
  readonly module?: string | undefined;
  readonly output: Receiver;
  /** A side output, or undefined when nobody reads it. */
  side(tag: string): Receiver | undefined;
  /**
   * Counts progress for the hang detector, and looks at the clock: may set `turn.pause`. For loops that work
   * long on one record; called after each of several records emitted for one.
   */
  alive(): void;
  /** Adds to a counter shown in metrics, e.g. `lateRecords`. */
  count(counter: string, by: number): void;
  /**
   * User code has failed on something that is no record of the input, on a window's row say. Throws the error,
   * unless the failure is put aside.
   * @param behind the mark of what failed; absent: it has none
   */
  reject?(what: unknown, timestamp: number, error: unknown, behind?: number): void;
  /** The operator has room for no more records: the task stops after the current one (O5). */
  pause(): void;
  /** Asks the task to run again soon (after asynchronous work). */
  wake(): void;
  /** Reports an asynchronous failure. */
  fail(error: unknown): void;
  /** The splits that the task reads; undefined when its records come from other tasks. */
  readonly splits?: TaskSplits | undefined;
  /** Without splits: tells the task of a time that the operator keeps for all its records. */
  timed?(operator: string, times: OperatorTime): void;
  /**
   * Could the split (or, without splits, any input) have given a record at any time since then (performance.now()
   * ms), as far as this task is concerned? Not while nobody asked it, or while what it gave waits here. A negative
   * split is one that is yet to be found.
   */
  wasAsked?(split: number, sinceMs: number): boolean;
}

/** The splits of a source task, for operators that keep a time for each of them. */
export interface TaskSplits {
  /** From now on `times` is told which splits there are, and which of them a record comes from. */
  attach(operator: string, times: SplitObserver): void;
}

/** A time for each split. A split is named by its place in the list of all. */
export interface SplitObserver {
  /** The split counts from now on. @param earliestMs no record of it is earlier; absent: not known */
  add(split: number, earliestMs?: number): void;
  /** The first record still to come of the split has this time. */
  touch(split: number, timeMs: number): void;
  /** Is it known where the split stands? */
  isKnown(split: number): boolean;
  /** Where the split stands; −∞ when that is not known. */
  ownMs(split: number): number;
  /** The least time at which a split holds the watermark; +∞ when no split holds it. */
  readonly leastMs: number;
  /**
   * The split that holds the watermark, where it stands, and whether another split is further. A negative index: there
   * is no split yet.
   */
  readonly holder:
    | { readonly index: number; readonly ownMs: number; readonly isBehind: boolean }
    | undefined;
  /** See TimestampOptions. */
  readonly maxDriftMs: number | undefined;
  /** The records that follow are of this split. */
  begin(split: number): void;
  /** The split has no more records. */
  finish(split: number): void;
}

/** A time that an operator keeps: see `SplitObserver`. */
export type OperatorTime = Pick<SplitObserver, 'leastMs' | 'holder'>;

/** A named piece of an operator's state in a snapshot; the concatenated chunks are its bytes. */
export interface StateSection {
  /** Unique within the operator, e.g. `windows`. */
  readonly name: string;
  /** Views over ArrayBuffers that nobody will write to (they are transferred) or over SharedArrayBuffers that nobody will write to until released. */
  readonly chunks: readonly Uint8Array[];
  /** The section holds only what has changed since this checkpoint; absent: it holds everything. */
  readonly on?: number | undefined;
  /** Of state by key, where that is counted: see `StoredSection`. */
  readonly entries?: number | undefined;
  readonly live?: number | undefined;
}

/** A snapshot of one operator under way. */
export interface Capture {
  /** Works until `deadline` (performance.now() ms) at most; true when complete. Throws when state cannot be encoded. */
  step(deadline: number): boolean;
  /** Set while `step` has to wait for I/O; settles when stepping is worth while again (never rejects: step throws). */
  readonly waiting?: Promise<unknown> | undefined;
  /** What was captured. Called once, after `step` gave true. */
  take(): CapturedState;
  /** The checkpoint was given up: stop working for it. */
  abort(): void;
}

export interface CapturedState {
  readonly sections: readonly StateSection[];
  /** Only of sinks. */
  readonly prepared?: SinkPrepared | undefined;
}

/** A section of a restored checkpoint: the instance that wrote it, and its verified bytes. */
export interface RestoredSection {
  readonly name: string;
  readonly instance: number;
  /** The state as it was written in full. */
  readonly bytes: Uint8Array;
  /** The changes since, in order: for sections that were captured with `on`. */
  readonly deltas?: readonly Uint8Array[] | undefined;
  /**
   * The restored checkpoint, if the section is all that this very instance had, and the instance has the same
   * key groups as then: its next snapshot may build on that checkpoint.
   */
  readonly checkpoint?: number | undefined;
  /** Where it was read, for messages: the restored checkpoint, and the name of the part file. */
  readonly origin?: { readonly checkpoint: number; readonly part: string } | undefined;
}

export interface Operator extends Receiver {
  /** Called once, before anything else, with the sections of the restored checkpoint (empty on a fresh start). After a change of parallelism every instance gets the sections of all; keyed state keeps what `ownsGroup` says. */
  open(context: OperatorContext, restored: readonly RestoredSection[]): void | Promise<void>;
  /**
   * Of an operator that tells its inputs apart: who takes the records of each port, known from the start. Absent:
   * the operator itself takes all records. Watermarks and idleness are those of all ports together, and always come
   * to the operator itself.
   */
  readonly ports?: readonly Port[];
  readonly inline?: InlineStep;
  /** Of an operator that is given envelopes, by another one of ours: what the job knows of one, for dead letters. */
  unwrapped?(given: unknown): unknown;
  readonly suspended?: boolean;
  /**
   * True while the operator is suspended and its state holds what is left to be done. What is left of a watermark is
   * done when that, or a later one, comes again. So a snapshot may be taken here.
   */
  readonly divisible?: boolean;
  /** No record may come until there is room again; undefined: the operator always has room (O5). */
  readonly saturated?: boolean | undefined;
  /** Something that was taken has not gone out: the input is not over yet (O5). */
  readonly pending?: boolean;
  /** Continues suspended work until done or paused again. */
  resume?(): void;
  /**
   * The input rests for a moment (the end of a batch): the operator emits what it held back to save work, e.g. a
   * watermark. Never called while an operator of the chain is suspended.
   */
  settle?(): void;
  /**
   * A barrier is about to pass: the operator emits now, whatever room there is, what would have to be in the snapshot
   * otherwise. As with the rows of one record, that has to be bounded.
   */
  beforeBarrier?(): void;
  /** When time alone gives `settle` something to do (performance.now() ms). */
  readonly dueMs?: number | undefined;
  /**
   * Starts a snapshot; undefined when there is no state.
   * @param base the newest completed checkpoint: a section may hold only what has changed since
   */
  capture?(checkpoint: number, base?: number): Capture | undefined;
  close?(): void | Promise<void>;
  /** What it keeps for each key, for people and tests; between two elements. Absent: it shows nothing. */
  inspect?(): readonly KeptKey[];
}

/**
 * What an operator does that passes each record on at once, or drops it: its callback, and the rest. It says the same as
 * `onElement`, and lets the chain call the callback itself (task/chain-code.ts). Known before `open`.
 */
export type InlineStep =
  | { readonly kind: 'map' | 'filter'; readonly fn: (record: unknown) => unknown }
  | {
      readonly kind: 'timestamps';
      readonly fn: (record: unknown) => unknown;
      readonly times: TimesGiven;
    };

/** What is made of the times that a callback gives. */
export interface TimesGiven {
  /**
   * The record in work has this time.
   * @returns its mark
   * @throws HoldfastError when it is no time
   */
  take(time: unknown): number;
  /** That record was handed on, as far as it went. */
  passed(): void;
}

/** What an operator keeps for a key. */
export interface KeptKey {
  readonly key: unknown;
  /** By name; copies. */
  readonly state: Readonly<Record<string, unknown>>;
  readonly timers: readonly KeptTimer[];
}

export interface KeptTimer {
  /** When it fires, in ms since the epoch. */
  readonly time: number;
  /** By event time, or by the clock. */
  readonly kind: 'eventTime' | 'processingTime';
}
