/**
 * What the object store needs of a service that keeps objects under keys: the seam between the
 * protocol of checkpoints and that of S3. Protocol file: shapes only.
 *
 * Every method rejects with a HoldfastError, and then **nothing is known about what the service did**:
 * a write that timed out may have been applied, or may be applied later.
 */

/** `absent`: only if there is no such object. `match`: only if it still has this tag. */
export type PutCondition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'match'; readonly tag: string };

/**
 * `refused`: the condition did not hold when the service looked. A client that repeats requests is told
 * so as well when its own first try had succeeded unheard.
 */
export type PutOutcome =
  | { readonly kind: 'written'; readonly tag: string }
  | { readonly kind: 'refused' };

export interface ObjectFacts {
  readonly bytes: number;
  /** As the writer told it; undefined for multipart uploads. */
  readonly sha256: string | undefined;
}

export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Changes whenever the content does. */
  readonly tag: string;
}

export interface OpenUpload {
  readonly key: string;
  readonly id: string;
}

/** Keys are relative to the store's prefix. */
export interface ObjectClient {
  /** The whole object; undefined if there is none. */
  get(key: string): Promise<StoredObject | undefined>;
  /** Up to `length` bytes from `from`, fewer at the end. The object is there. */
  getRange(key: string, from: number, length: number): Promise<Uint8Array>;
  head(key: string): Promise<ObjectFacts | undefined>;
  put(key: string, bytes: Uint8Array, sha256: string, condition: PutCondition): Promise<PutOutcome>;
  beginUpload(key: string): Promise<OpenUpload>;
  /** Part numbers count from 1. Resolves to the part's tag. */
  uploadPart(upload: OpenUpload, number: number, bytes: Uint8Array): Promise<string>;
  completeUpload(upload: OpenUpload, tags: readonly string[]): Promise<PutOutcome>;
  abortUpload(upload: OpenUpload): Promise<void>;
  /** Uploads that were begun and neither completed nor aborted. */
  uploads(prefix: string): Promise<readonly OpenUpload[]>;
  /** All keys with this prefix, perhaps as they were some time ago. */
  list(prefix: string): Promise<readonly string[]>;
  /** No error if there is none. */
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}
