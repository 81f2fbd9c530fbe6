/**
 * The contract of a source: something that lists splits, opens a reader on one at a position, and
 * can be read again from any position it ever told. Protocol file: shapes only.
 *
 * Splits and positions are plain data (the value codec's types); they are part of every snapshot.
 */

/**
 * One independently readable part of the input. Listed once, at a job's first start, then kept in snapshots.
 *
 * Unbounded splits are read side by side, a batch at a time; one whose poll is pending stops no other.
 * Bounded ones are read one after the other, in list order; in a job that gives records their times with
 * `withTimestamps` right behind the source, the one that stands at the least time comes first. More readers
 * than `maxOpenSplits` are never open in an instance: others are closed, and opened again at their position.
 */
export interface SourceSplit {
  /** Unique within the source, shown in messages. */
  readonly id: string;
  /**
   * It has an end, and is read to it without waiting for the world: a file, a range. Absent: as the source
   * says, and if that says nothing, it may go on for ever.
   */
  readonly bounded?: boolean | undefined;
  /**
   * No record of it has an event time (ms) below this, whatever the job takes for one. Saves reading the
   * beginning of every split to find out where it stands.
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

/** What a source that keeps something of its own needs to name it, and to know for how long. */
export interface SourceLife {
  /** Id of this run of the job: the same across restarts and processes, new for a fresh run. */
  readonly run: string;
  /** Greater after each restart. */
  readonly epoch: number;
  /** Another for each thread. */
  readonly incarnation: number;
  /** Undefined: the job takes none, so nothing is ever read again. */
  readonly checkpoints:
    | {
        /** How many are kept: reading may go on from each of them. */
        readonly retain: number;
        /** Where they are; undefined when their store is no directory. */
        readonly directory: string | undefined;
      }
    | undefined;
}

export interface SourceContext extends SourceLife {
  readonly operator: string;
  readonly instance: number;
  /** Long work without records (decoding a column) counts as progress by calling this. */
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
   * For sources that let go of what they need not read again. Must not wait; what it throws fails the task.
   * A reader that is closed, because its split has ended, say, hears of none.
   */
  committed?(checkpoint: number, position: SourcePosition | undefined): void;
  close(): void | Promise<void>;
}

export interface Source<T> {
  /** e.g. `ndjsonFile`; used in ids, so stable. */
  readonly kind: string;
  /** The side output for malformed input, when the user asked for one. */
  readonly rejectTag?: string | undefined;
  /** Of splits that do not say themselves whether they are bounded. Absent: they are not. */
  readonly bounded?: boolean | undefined;
  /** Lists the splits. Their number does not depend on the parallelism. Rejects when input is missing. */
  splits(): Promise<readonly SourceSplit[]>;
  /** Opens one split; `position` undefined means its start. Rejects when the split is not what it was. */
  open(
    split: SourceSplit,
    position: SourcePosition | undefined,
    context: SourceContext,
  ): Promise<SourceReader<T>>;
  /**
   * Finds splits that have come since: gives all, or only new ones (known ids are left alone), as soon as there
   * may be any; undefined when there will never be more. Called again once it has settled, so it waits
   * itself for what it looks for. Every instance calls it, and keeps the splits whose ids are its own by
   * hash; with this method those of `splits()` are dealt in the same way.
   */
  discover?(context: SourceContext): Promise<readonly SourceSplit[] | undefined>;
  /** Only for type inference. */
  readonly __record?: T;
}

/** A source that puts malformed input aside, under a name that the user has chosen. */
export type RejectingSource<T> = Source<T> & { readonly rejectTag: string };
