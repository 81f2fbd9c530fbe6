/**
 * The contract of a sink. A sink writes; if it can, it stages what it wrote under a checkpoint
 * (`prepare`) and makes it visible once that checkpoint is complete (`commit`): two-phase commit.
 * docs/own-sinks.md tells the whole contract, sink-checks.ts refuses what breaks it, and testing/ tries a sink.
 * Protocol file: shapes only.
 */

/** Handle of a staged transaction: JSON data of at most 1 MiB, kept in the checkpoint's manifest. */
export type SinkTransaction = Readonly<Record<string, unknown>>;

/** What the driver needs to commit for this sink without loading the job's code. JSON data. */
export interface CommitterData {
  readonly kind: string;
  readonly [key: string]: unknown;
}

export interface SinkContext {
  /** Id of this run of the job: the same across restarts and processes, new for a fresh run. */
  readonly run: string;
  readonly operator: string;
  readonly instance: number;
  readonly parallelism: number;
  readonly epoch: number;
  readonly incarnation: number;
  /** State bytes of this operator's instances from the restored checkpoint, all of them for instance 0 after a rescale. */
  readonly restored: readonly { readonly instance: number; readonly bytes: Uint8Array }[];
  /** Tells the task that `full` has become false. */
  wake(): void;
  /** Writes a line to the user's console (standard error under --json). */
  print(line: string): void;
  /** Reports an asynchronous failure of the sink. */
  fail(error: unknown): void;
}

/** What `prepare` gives: any part may be missing. */
export interface SinkPrepared {
  readonly transaction?: SinkTransaction | undefined;
  /** State for the snapshot, handed back in `SinkContext.restored`. The bytes must not change afterwards. */
  readonly state?: readonly Uint8Array[] | undefined;
  /** Rows that `job.collected(name)` shows once the checkpoint is complete. */
  readonly visible?: readonly unknown[] | undefined;
}

/** A sink that keeps a table. */
export type UpsertSink<T, K = unknown> = Sink<Upsert<T, K>> & { readonly upserts: true };

export interface SinkWriter<T> {
  write(record: T, timestampMs: number): void;
  /** True while the sink wants no more records; it calls `context.wake()` when that ends. */
  readonly full?: boolean;
  /**
   * Cuts: what was written before this call belongs to the checkpoint, what is written after it does not. The cut
   * is synchronous. The returned promise settles when the staged data is durable; a promise that does not settle
   * for about `checkpoint.timeoutMs` fails the task.
   */
  prepare?(checkpoint: number): SinkPrepared | undefined | Promise<SinkPrepared | undefined>;
  /**
   * The checkpoint was given up, and the sink goes on. What `prepare` gave for it is neither committed nor shown
   * with it, so it belongs into what the next `prepare` gives. The call may come late, while that `prepare`
   * is still under way, or for a checkpoint that was never prepared. With `checkpoint.maxConcurrent`
   * above 1 several checkpoints may be prepared and not yet committed; of those that are given up, the newest
   * comes first.
   */
  abort?(checkpoint: number): void;
  /** Rows restored from a snapshot that are visible already (collect). Asked once after opening. */
  visible?(): readonly unknown[];
  close(): void | Promise<void>;
}

/** The row that stands under a key of a table from now on; null: there is none any more. */
export interface Upsert<T, K = unknown> {
  readonly key: K;
  readonly row: T | null;
}

export interface Sink<T> {
  /** e.g. `ndjsonFiles`; used in ids, so stable. */
  readonly kind: string;
  /** Name under which `job.collected` finds the rows. */
  readonly collectName?: string | undefined;
  /** What `job.collected` finds is a table, as entries (connectors/memory/table-rows.ts). */
  readonly collectsTable?: true | undefined;
  /**
   * It keeps a table: its records are `Upsert`s, and of those of a key the last one counts. Needed of the sink of a
   * changelog.
   */
  readonly upserts?: true | undefined;
  /** The sink keeps nothing in snapshots, and so needs no stable id (print, discard). */
  readonly stateless?: boolean | undefined;
  /** With this, the driver itself commits, so no zombie can (connectors/committers.ts). */
  readonly committer?: CommitterData | undefined;
  /**
   * For a sink without `committer`: called in a worker with all transactions of a completed checkpoint. After each
   * restart it is called again with those of the restored checkpoint, before any sink of the new epoch is
   * opened. So it has to be idempotent, and `open` may drop whatever else an older epoch has staged.
   * When it takes longer than `checkpoint.timeoutMs`, it has failed.
   */
  commit?(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void>;
  open(context: SinkContext): SinkWriter<T> | Promise<SinkWriter<T>>;
}
