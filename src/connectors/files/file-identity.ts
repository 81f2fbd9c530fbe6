/**
 * Knows a file again.
 *
 * A restored source goes on in the middle of a file; that is right only if it is the file that was
 * read before. Size, modification time and a SHA-256 over the first and last 4 KiB are noted when
 * the splits are listed, travel in every snapshot, and are compared whenever a split is opened.
 * While a split is being read, size, time and existence are looked at after each block: bytes read
 * before the look are those of the file that was listed.
 */

import { createHash } from 'node:crypto';
import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { type FileHandle, oddKind, openAtOnce } from '../../base/files.js';
import type { NamedPath } from '../options.js';
import { explainSystemError } from '../system-error.js';

const SAMPLE_BYTES = 4096;

/** Part of a split, so plain data. */
export interface FileIdentity {
  readonly size: number;
  readonly mtimeMs: number;
  /** Over the first and the last 4 KiB, hexadecimal. */
  readonly sha256: string;
}

export function sourceError(path: NamedPath, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `cannot read '${path.shown}': ${explainSystemError(error)}.`,
    { cause: error, details: { path: path.absolute } },
  );
}

export interface IdentifiedFile {
  /** The caller closes it. */
  readonly handle: FileHandle;
  readonly identity: FileIdentity;
  /** Its first 4 KiB. */
  readonly head: Buffer;
}

/** Opens the file and tells what it is. Rejects with ERR_HOLDFAST_SOURCE. */
export async function openFile(path: NamedPath): Promise<IdentifiedFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await openAtOnce(path.absolute);
    return { handle, ...(await identify(handle, path)) };
  } catch (error) {
    await handle?.close();
    throw sourceError(path, error);
  }
}

/** Opens the file and refuses it when it is not the one that was listed. */
export async function openSame(path: NamedPath, expected: FileIdentity): Promise<FileHandle> {
  const { handle, identity } = await openFile(path);
  try {
    compare(path, expected, identity);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Between blocks: the open file is still there, of the same size and time. */
export async function checkUnchanged(
  handle: FileHandle,
  path: NamedPath,
  expected: FileIdentity,
): Promise<void> {
  const stat = await handle.stat();
  if (stat.nlink === 0) {
    throw new HoldfastError(
      'ERR_HOLDFAST_SOURCE',
      `'${path.shown}' was deleted or replaced while it was being read. Put it back as it was: ` +
        'a restart reads it again.',
      { details: { path: path.absolute } },
    );
  }
  compare(path, expected, { size: stat.size, mtimeMs: stat.mtimeMs, sha256: expected.sha256 });
}

/** Fills `buffer` from the offset; a file that ends before is one that was cut short. */
export async function readExactly(
  handle: FileHandle,
  path: NamedPath,
  buffer: Uint8Array,
  offset: number,
): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, offset + done);
    if (bytesRead === 0) throw changed(path, [`it ends at byte ${offset + done}`]);
    done += bytesRead;
  }
}

async function identify(
  handle: FileHandle,
  path: NamedPath,
): Promise<Omit<IdentifiedFile, 'handle'>> {
  const stat = await handle.stat();
  const kind = oddKind(stat);
  if (kind !== undefined) {
    throw unreadable(
      path,
      `it is ${kind}, not a regular file. Positions in it could not be found again`,
    );
  }
  if (stat.size === 0 && (await handle.read(new Uint8Array(1), 0, 1, 0)).bytesRead > 0) {
    throw unreadable(
      path,
      'it says that it is empty, and is not: its content is made up when it is read, so that it ' +
        'cannot be read again from a position. Copy it to a file first',
    );
  }
  const head = Buffer.alloc(Math.min(SAMPLE_BYTES, stat.size));
  const tail = Buffer.alloc(head.length);
  try {
    await readExactly(handle, path, head, 0);
    await readExactly(handle, path, tail, stat.size - tail.length);
  } catch (error) {
    // Files of /sys say that they have a page. One that was cut short meanwhile says so itself.
    const isShort = isHoldfastError(error, 'ERR_HOLDFAST_SOURCE_CHANGED');
    if (!isShort || (await handle.stat()).size !== stat.size) throw error;
    throw unreadable(
      path,
      `it says that it has ${stat.size} bytes, and has not: its content is made up when it is read, so ` +
        'that it cannot be read again from a position. Copy it to a file first',
    );
  }
  const sha256 = createHash('sha256').update(head).update(tail).digest('hex');
  return { identity: { size: stat.size, mtimeMs: stat.mtimeMs, sha256 }, head };
}

export function unreadable(path: NamedPath, why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_SOURCE', `cannot read '${path.shown}': ${why}.`, {
    details: { path: path.absolute },
  });
}

function compare(path: NamedPath, expected: FileIdentity, found: FileIdentity): void {
  const differences: string[] = [];
  if (found.size !== expected.size) {
    differences.push(`its size is ${found.size} bytes instead of ${expected.size}`);
  }
  if (found.mtimeMs !== expected.mtimeMs) {
    differences.push(
      `it was modified ${showTime(found.mtimeMs)} instead of ${showTime(expected.mtimeMs)}`,
    );
  }
  if (found.sha256 !== expected.sha256) {
    differences.push('the checksum of its first and last 4 KiB is another');
  }
  if (differences.length > 0) throw changed(path, differences, { expected, found });
}

function changed(
  path: NamedPath,
  differences: readonly string[],
  details: Readonly<Record<string, unknown>> = {},
): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE_CHANGED',
    `'${path.shown}' is not the file that this job began to read: ${differences.join(', ')}. ` +
      "Put the file back as it was, or start the job afresh (restore: 'none').",
    { details: { path: path.absolute, differences, ...details } },
  );
}

function showTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
