/**
 * The contract of a source: something that lists splits, opens a reader on one at a position, and
 * can be read again from any position it ever told. Protocol file: shapes only.
 *
 * Splits and positions are plain data (the value codec's types); they are part of every snapshot.
 */

/** One independently readable part of the input. Listed once, at a job's first start, then kept in snapshots. */
export interface SourceSplit {
  /** Unique within the source, shown in messages. */
  readonly id: string;
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

export interface SourceContext {
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
  close(): void | Promise<void>;
}

export interface Source<T> {
  /** e.g. `ndjsonFile`; used in ids, so stable. */
  readonly kind: string;
  /** The side output for malformed input, when the user asked for one. */
  readonly rejectTag?: string | undefined;
  /** Lists the splits. Their number does not depend on the parallelism. Rejects when input is missing. */
  splits(): Promise<readonly SourceSplit[]>;
  /** Opens one split; `position` undefined means its start. Rejects when the split is not what it was. */
  open(
    split: SourceSplit,
    position: SourcePosition | undefined,
    context: SourceContext,
  ): Promise<SourceReader<T>>;
  /** Only for type inference. */
  readonly __record?: T;
}

/** A source that puts malformed input aside, under a name that the user has chosen. */
export type RejectingSource<T> = Source<T> & { readonly rejectTag: string };
