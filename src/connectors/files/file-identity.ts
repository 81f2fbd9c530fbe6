/**
 * Knows a file again.
 *
 * A restored source goes on in the middle of a file; that is right only if it is the file that was
 * read before. Size, modification time and a SHA-256 over the first and last 4 KiB are noted when
 * the splits are listed, travel in every snapshot, and are compared whenever a split is opened.
 * While a split is being read, size, time and existence are looked at after each block: bytes read
 * before the look are those of the file that was listed.
 */

import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { GONE } from '../../base/failure.js';
import { type FileHandle, oddKind, openAtOnce } from '../../base/files.js';
import type { NamedPath } from '../options.js';
import { explainSystemError, pathDetails } from '../system-error.js';

const SAMPLE_BYTES = 4096;
/** So small a file is read in one call of the system. */
const SMALL_FILE_BYTES = 64 * 1024;

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
    { cause: error, details: pathDetails(path.absolute, error) },
  );
}

export interface IdentifiedFile {
  /** The caller closes it. */
  readonly handle: FileHandle;
  readonly identity: FileIdentity;
  /** How it begins: up to SMALL_FILE_BYTES. It was read before the file was found to be what `identity` says. */
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
export async function openSame(path: NamedPath, expected: FileIdentity): Promise<IdentifiedFile> {
  const file = await openFile(path).catch((error: unknown) => {
    if (isHoldfastError(error) && error.details[GONE] !== undefined) throw gone(path, error);
    throw error;
  });
  try {
    compare(path, expected, file.identity);
    return file;
  } catch (error) {
    await file.handle.close();
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
  if (stat.nlink === 0) throw gone(path);
  compare(path, expected, { size: stat.size, mtimeMs: stat.mtimeMs, sha256: expected.sha256 });
}

/** The job had listed the file, and read from it perhaps. */
function gone(path: NamedPath, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `'${path.shown}' was there when the job began to read, and was deleted or moved away. Put it back as it was ` +
      '(content and time of modification) and run the job again: it goes on from its last checkpoint. Or start ' +
      "it afresh (restore: 'none').",
    { cause, details: { path: path.absolute, [GONE]: path.absolute } },
  );
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

/**
 * Reads first and asks afterwards what it has read from: so the bytes are those of the file as it is said to be, without
 * another look. Reading at a position takes nothing out of a FIFO or a socket; it fails there.
 */
async function identify(
  handle: FileHandle,
  path: NamedPath,
): Promise<Omit<IdentifiedFile, 'handle'>> {
  const buffer = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);
  const [reading] = await Promise.allSettled([handle.read(buffer, 0, buffer.length, 0)]);
  const { size, mtimeMs } = regularFile(handle, path);
  if (reading.status === 'rejected') throw reading.reason;
  const { bytesRead } = reading.value;
  if (size === 0 && bytesRead > 0) {
    throw unreadable(
      path,
      'it says that it is empty, and is not: its content is made up when it is read, so that it ' +
        'cannot be read again from a position. Copy it to a file first',
    );
  }
  const sampled = Math.min(SAMPLE_BYTES, size);
  const sample = buffer.subarray(0, sampled);
  const isWhole = bytesRead === size;
  const tail = isWhole ? buffer.subarray(size - sampled, size) : Buffer.allocUnsafeSlow(sampled);
  try {
    if (bytesRead < sampled) await readExactly(handle, path, sample, 0);
    if (!isWhole) await readExactly(handle, path, tail, size - sampled);
  } catch (error) {
    // Files of /sys say that they have a page. One that was cut short meanwhile says so itself.
    const isShort = isHoldfastError(error, 'ERR_HOLDFAST_SOURCE_CHANGED');
    if (!isShort || (await handle.stat()).size !== size) throw error;
    throw unreadable(
      path,
      `it says that it has ${size} bytes, and has not: its content is made up when it is read, so ` +
        'that it cannot be read again from a position. Copy it to a file first',
    );
  }
  const sha256 = hash('sha256', Buffer.concat([sample, tail]));
  const head = buffer.subarray(0, Math.min(size, bytesRead));
  return { identity: { size, mtimeMs, sha256 }, head };
}

function regularFile(handle: FileHandle, path: NamedPath): Stats {
  const stat = handle.statNow();
  const kind = oddKind(stat);
  if (kind === undefined) return stat;
  throw unreadable(
    path,
    `it is ${kind}, not a regular file. Positions in it could not be found again`,
  );
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
