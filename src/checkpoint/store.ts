/**
 * What a checkpoint is on storage, and the interface of every store. Protocol file: shapes only.
 */

import type { Compression } from './parts/compression.js';

/** Bytes of one named piece of one operator instance's state. */
export interface PartSection {
  readonly operator: string;
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
}

/** One task's part of a checkpoint, on its way to storage. */
export interface PartInput {
  readonly job: string;
  readonly checkpoint: number;
  /** Id of the task's vertex. */
  readonly vertex: string;
  readonly instance: number;
  readonly epoch: number;
  readonly incarnation: number;
  /** How the part is to be stored. A store that keeps parts otherwise than as files may ignore this. */
  readonly compression?: Compression | undefined;
  readonly sections: readonly PartSection[];
}

export interface StoredSection {
  readonly operator: string;
  readonly name: string;
  readonly bytes: number;
  /** The section holds only what has changed since the part of the checkpoint before; absent: everything. */
  readonly delta?: true;
  /** Number of values that the section holds, and of those that it says are gone; absent: not counted. */
  readonly entries?: number | undefined;
  /** Number of values that there were when it was written: what it builds on may hold others. */
  readonly live?: number | undefined;
}

/** A file that is durable. JSON data. */
export interface PartFile {
  /** Name within the store, never reused. Empty text when the part has no sections: then there is no file. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly vertex: string;
  readonly instance: number;
  /** How the file's bytes are stored. The sizes of the sections are counted without compression. */
  readonly compression?: Compression | undefined;
  readonly sections: readonly StoredSection[];
}

/** A part of a checkpoint, listed in its manifest. JSON data. */
export interface PartDescriptor extends PartFile {
  /**
   * Files of earlier checkpoints that its `delta` sections build on, oldest first (part-chain.ts). They
   * belong to this checkpoint as much as `file` does. Other manifests may name them, too: a store
   * deletes a file only when no manifest names it any more.
   */
  readonly earlier?: readonly PartFile[] | undefined;
}

export interface ManifestTransaction {
  readonly operator: string;
  readonly instance: number;
  readonly transaction: Readonly<Record<string, unknown>>;
}

/** The commit point of a checkpoint: it exists if and only if this is durable. JSON data. */
export interface Manifest {
  /** 2 when a part has `earlier` files: a reader that knows only 1 would not know that it needs them. */
  readonly format: 1 | 2;
  readonly job: string;
  /** Same across restarts and processes, new for a fresh run. */
  readonly run: string;
  readonly checkpoint: number;
  readonly epoch: number;
  readonly createdAtMs: number;
  readonly graphHash: string;
  readonly keyGroups: number;
  readonly mode: 'exactly-once' | 'at-least-once';
  /** The job's last checkpoint: all sources had ended, or were ended, and all records were processed. */
  readonly final: boolean;
  readonly operators: readonly {
    readonly id: string;
    readonly type: string;
    readonly stateful: boolean;
    readonly parallelism: number;
    /** Vertex (chain) whose parts hold this operator's sections. */
    readonly vertex: string;
    /** Of keyed state: the name of its section, and its layout. */
    readonly states?: readonly { readonly section: string; readonly layout: string }[] | undefined;
  }[];
  /** Key-group tables by parallelism: entry g−1 is the owning instance of group g. */
  readonly tables: Readonly<Record<string, readonly number[]>>;
  readonly parts: readonly PartDescriptor[];
  readonly transactions: readonly ManifestTransaction[];
  /** Records that the sources had emitted, per slot-independent source instance `operator/instance`. */
  readonly sourceRecords: Readonly<Record<string, number>>;
  readonly holdfast: string;
  readonly node: string;
}

export interface CheckpointInfo {
  readonly checkpoint: number;
  readonly epoch: number;
  readonly createdAtMs: number;
  readonly final: boolean;
  /** Size of the manifest and all files that it names. */
  readonly bytes: number;
  /** Number of files. */
  readonly parts: number;
}

export interface RestoredPartSection {
  readonly operator: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How an earlier run on this store ended, if it did. */
export interface FinishedMark {
  readonly run: string;
  readonly checkpoint: number | undefined;
  readonly result: Readonly<Record<string, unknown>>;
}

/**
 * Plain data from which another process makes the same store: it imports the module and calls the
 * function with the options. The data holds no secrets: that process has to find them itself.
 */
export interface StoreDescription {
  /** URL of the module. */
  readonly module: string;
  /** Name of a function that it exports: `(options) => CheckpointStore`, or a promise of one. */
  readonly factory: string;
  /** What structuredClone can copy. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface CheckpointStore {
  /** For people and messages: the directory, `memory`… */
  readonly location: string;
  /** `runGuarded` needs it, because the job runs in another process. Absent: the store cannot be described. */
  readonly description?: StoreDescription | undefined;
  /**
   * Takes the store for one run: lock, clean-up of temporary files. Rejects with
   * ERR_HOLDFAST_CHECKPOINT_LOCKED (names the owner's pid) or ERR_HOLDFAST_CHECKPOINT_DIRECTORY.
   */
  acquire(): Promise<void>;
  /** An epoch greater than any seen in the store, unfinished parts included; durable before it resolves. */
  nextEpoch(): Promise<number>;
  /**
   * Resolves when the part is durable, and verified to be readable by its descriptor. The caller adds to the
   * descriptor which sections are `delta`, and `earlier`. Rejects with ERR_HOLDFAST_CHECKPOINT_FAILED. The store
   * takes the chunks over: it may transfer those with an ArrayBuffer of their own; shared ones must stay as they
   * are until the call settles.
   */
  writePart(part: PartInput): Promise<PartDescriptor>;
  /** The commit point. After it resolves the checkpoint survives any crash. */
  writeManifest(manifest: Manifest): Promise<void>;
  /** Ids of all checkpoints with a manifest, newest first. Does not read parts. */
  list(): Promise<readonly number[]>;
  /**
   * The greatest id that a checkpoint there has had as far as is known, also one that `rewind` has forgotten. New
   * ids go on above it, because a sink may know the old ones. Absent: the greatest of `list` is taken.
   */
  lastCheckpoint?(): Promise<number>;
  /** Verified manifest. Rejects with ERR_HOLDFAST_CHECKPOINT_CORRUPT (file and both checksums), …_NOT_FOUND, …_FORMAT. */
  readManifest(checkpoint: number): Promise<Manifest>;
  /** All sections of a file, every checksum verified before anything is decoded. `bytes` own their ArrayBuffers (transferable). */
  readPart(part: PartFile): Promise<readonly RestoredPartSection[]>;
  /** Removes the parts of a checkpoint that was given up, but not their `earlier` files. Best effort. */
  discard(parts: readonly PartDescriptor[]): Promise<void>;
  /** Mark and sweep: keeps the newest `retain` checkpoints and everything that their manifests name, `earlier` files included. */
  prune(retain: number): Promise<void>;
  /**
   * Forgets all checkpoints newer than this one, newest first, durably: a run starts again from this one, and
   * nobody may go on from the others any more.
   */
  rewind(checkpoint: number): Promise<void>;
  markFinished(mark: FinishedMark): Promise<void>;
  readFinished(): Promise<FinishedMark | undefined>;
  /** Forgets all checkpoints and the finished mark (a fresh run was asked for with restore 'none'). Epochs go on. */
  clear(): Promise<void>;
  /**
   * Keeps statistics, which are for people: a few kilobytes that the next write replaces. A store may do without
   * them, or lose them; they need not be durable. `undefined`: there are none.
   */
  writeStatistics?(bytes: Uint8Array): Promise<void>;
  readStatistics?(): Promise<Uint8Array | undefined>;
  /** Releases the lock. Idempotent. */
  close(): Promise<void>;
}
