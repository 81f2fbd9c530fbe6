/** The few file operations that survive a power cut. */

import { dirname } from 'node:path';
import { type FileHandle, oddKind, open, openAtOnce, rename, rm, stat } from '../../base/files.js';
import { errorCode } from '../system-error.js';

/**
 * Makes names in a directory durable: creations, renames, removals. Windows cannot sync directories;
 * there a crash of the whole machine may undo the last renames.
 */
export async function syncDirectory(path: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (process.platform === 'win32') return;
    throw error;
  }
  try {
    await handle.sync();
  } catch (error) {
    if (process.platform !== 'win32') throw error;
  } finally {
    await handle.close();
  }
}

/** Replaces a small file: after it resolves the new content survives, before it the old one does. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  // Never through a link that somebody has put in its place.
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx');
  try {
    await handle.writeAll(Buffer.from(content));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

const SMALL_BYTES_MAX = 64 * 1024;

/** Reads what `writeDurably` has written. Anything else that stands there is neither waited for nor read for long. */
export async function readSmall(path: string): Promise<string> {
  const handle = await openAtOnce(path);
  try {
    const stats = await handle.stat();
    const kind = oddKind(stats);
    if (kind !== undefined) throw new Error(`it is ${kind}, not a regular file`);
    const bytes = Buffer.alloc(Math.min(stats.size, SMALL_BYTES_MAX));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Which file a name stands for; undefined when it stands for none. */
export async function fileAt(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
