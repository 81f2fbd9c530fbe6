/**
 * The few file operations that a checkpoint directory needs: the seam at which tests inject faults.
 * Protocol file: shapes only. Every method rejects with Node's error (`code` is the errno).
 */

export interface ReadableFile {
  /** Reads into `target` from `position`; resolves to the number of bytes read, 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface OpenFile extends ReadableFile {
  /** Appends; resolves to the number of bytes written, which may be less than given. */
  write(bytes: Uint8Array): Promise<number>;
  /** Data and metadata are durable. After a rejection nothing is known about what was written. */
  sync(): Promise<void>;
}

export interface OpenDirectory {
  /** Entries made, renamed or removed before the call are durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileSystem {
  /** A new file, for appending; EEXIST if there is one. */
  create(path: string): Promise<OpenFile>;
  /** For reading. */
  open(path: string): Promise<OpenFile>;
  openDirectory(path: string): Promise<OpenDirectory>;
  /** With its parents; no error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Names within a directory, in no order. */
  list(path: string): Promise<readonly string[]>;
  /** Size of a file in bytes; undefined if there is none. */
  size(path: string): Promise<number | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; EEXIST if it is taken. Atomic. */
  link(existing: string, path: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** The errno name of a file system's error, if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
