/**
 * The contract of a source. A source lists splits, opens a reader on one at a position, and can be read again
 * from any position that it ever told. Protocol file: shapes only.
 *
 * Splits and positions are plain data (the value codec's types); they are part of every snapshot.
 */

/**
 * One independently readable part of the input. Listed once, at a job's first start, then kept in snapshots.
 *
 * Unbounded splits are read side by side, a batch at a time: a split whose poll is pending stops no other.
 * Bounded splits are read one after the other, in list order. In a job that gives records their times with
 * `withTimestamps` in the source's own chain, the split that stands at the least time comes first. An instance never
 * has more readers open than `maxOpenSplits`: it closes others, and opens them again at their position.
 */
export interface SourceSplit {
  /** Unique within the source, shown in messages. */
  readonly id: string;
  /**
   * The split has an end, and is read to it without waiting for the world: a file, a range. Absent: as the source
   * says; if the source says nothing either, the split may go on for ever.
   */
  readonly bounded?: boolean | undefined;
  /**
   * No record of the split has an event time (ms) below this, whatever the job takes as event time. Saves reading
   * the beginning of every split to find out where it stands.
   */
  readonly earliestMs?: number | undefined;
  /** Whatever the source needs to find it and to notice that it changed (path, size, mtime, hashes). */
  readonly [key: string]: unknown;
}

/** Where the next record to emit is. Plain data, meaningful to the source only. */
export type SourcePosition = unknown;

export interface SourceBatch<T> {
  readonly records: readonly T[];
  /** Event times in ms, when the source knows them. */
  readonly timestamps?: Float64Array | undefined;
  /** Indexes in `records` of entries that are `RejectedRecord`s for the side output, ascending. */
  readonly rejected?: readonly number[] | undefined;
}

/** A malformed piece of input, sent to the side output that the user named instead of failing. */
export interface RejectedRecord {
  readonly source: string;
  /** Line number, 1-based, or row number. */
  readonly line: number;
  readonly text: string;
  readonly error: string;
}

/** Names a run, a restart and a thread, for a source that keeps something of its own; tells how long to keep it. */
export interface SourceLife {
  /** Id of this run of the job: the same across restarts and processes, new for a fresh run. */
  readonly run: string;
  /** Greater after each restart. */
  readonly epoch: number;
  /** Different for each thread. */
  readonly incarnation: number;
  /** Undefined: the job takes no checkpoints, so nothing is ever read again. */
  readonly checkpoints:
    | {
        /** How many checkpoints are kept: reading may go on from each of them. */
        readonly retain: number;
        /** Where the checkpoints are; undefined when their store is no directory. */
        readonly directory: string | undefined;
      }
    | undefined;
}

export interface SourceContext extends SourceLife {
  readonly operator: string;
  readonly instance: number;
  /**
   * The split is opened to find out where it stands in time: its first batch is looked at, and it is likely that
   * the reader is closed again then. A short first batch is enough.
   */
  readonly isTouch?: boolean | undefined;
  /** Counts as progress. For long work without records (decoding a column). */
  alive(): void;
}

export interface SourceReader<T> {
  /**
   * The next batch, or undefined at the split's end. A pending promise means "nothing yet": the task
   * rests until it settles. An empty batch is allowed. Throws/rejects with a HoldfastError that names
   * file and line for unreadable, changed or malformed input.
   */
  poll(): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined>;
  /** Position of the next record to emit when `taken` records of the batch polled last were emitted. */
  position(taken: number): SourcePosition;
  /** For messages: where record `index` of the batch polled last comes from, e.g. `flights.ndjson line 17`. */
  describe(index: number): string;
  /**
   * The checkpoint is complete, and committed; the split's position in it is `position` (undefined: its start).
   * For sources that let go of what they need not read again. Must not wait. An error that it throws fails the
   * task. A reader with this method stays open at its split's end until the first checkpoint is complete that has
   * the end in it, as far as `maxOpenSplits` leaves room. A closed reader hears of no checkpoint.
   */
  committed?(checkpoint: number, position: SourcePosition | undefined): void;
  close(): void | Promise<void>;
}

export interface Source<T> {
  /** e.g. `ndjsonFile`; used in ids, so stable. */
  readonly kind: string;
  /** The side output for malformed input, when the user asked for one. */
  readonly rejectTag?: string | undefined;
  /** Are splits bounded that do not say so themselves? Absent: they are not. */
  readonly bounded?: boolean | undefined;
  /** Does the source tell event times itself? False: never, so `withTimestamps` has to. Absent: it may. */
  readonly timed?: boolean | undefined;
  /** Lists the splits. Their number does not depend on the parallelism. Rejects when input is missing. */
  splits(): Promise<readonly SourceSplit[]>;
  /** Opens one split; `position` undefined means its start. Rejects when the split is not what it was. */
  open(
    split: SourceSplit,
    position: SourcePosition | undefined,
    context: SourceContext,
  ): Promise<SourceReader<T>>;
  /**
   * Finds splits that have come since: gives all, or only new ones (known ids are ignored), as soon as there may
   * be any; undefined when there will never be more. Called again once it has settled, so the source itself
   * waits for new splits. Every instance calls it, and keeps the splits whose ids are its own by hash. A source
   * with this method has the splits of `splits()` dealt in the same way.
   */
  discover?(context: SourceContext): Promise<readonly SourceSplit[] | undefined>;
  /** Only for type inference. */
  readonly __record?: T;
}

/** A source that puts malformed input aside, under a name that the user has chosen. */
export type RejectingSource<T> = Source<T> & { readonly rejectTag: string };
