/**
 * The file operations of threads that may be ended at any moment.
 *
 * Everything that may run in a worker uses this file, and neither `node:fs/promises` nor its FileHandle. A thread that
 * is terminated just as it begins such a call takes the whole process with it (Node 20.20: `Assertion failed:
 * (req_wrap_async) != nullptr`; a few hundred kills suffice). The same operations with callbacks survive that, because
 * JavaScript makes the request object before the call.
 *
 *  F1  A descriptor is closed once, and not before everything that was begun with it has ended, because a moment later
 *      its number may belong to another file.
 *  F2  When a thread ends, Node closes the descriptors that are still open: it keeps account of them for each worker.
 *      `fs.close` takes a descriptor out of the account before it is closed, and what waits for the thread pool then is
 *      dropped with the thread, so that nobody closes it any more (findings/node-close-of-an-ended-thread.sh).
 *      Therefore every file is closed at once. That has to wait for a disk only where a file on a network was written
 *      and not synced, and costs a twentieth of a call in the thread pool.
 */

import * as fs from 'node:fs';
import { promisify } from 'node:util';

export const link = promisify(fs.link);
export const lstat = promisify(fs.lstat);
export const mkdir = promisify(fs.mkdir);
export const readdir = promisify(fs.readdir);
export const readlink = promisify(fs.readlink);
export const rename = promisify(fs.rename);
export const rm = promisify(fs.rm);
export const stat = promisify(fs.stat);
export const unlink = promisify(fs.unlink);

const READ_BLOCK_BYTES = 256 * 1024;

const openDescriptor = promisify(fs.open);
const statDescriptor = promisify(fs.fstat);
const syncDescriptor = promisify(fs.fsync);
const readDescriptor = promisify(fs.read);
const writeDescriptor = promisify(fs.write);

/** @param flags those of `fs.open`: `r`, `w`, `wx`… */
export async function open(path: string, flags: string): Promise<FileHandle> {
  return new FileHandle(await openDescriptor(path, flags));
}

/** Opens a path for reading without waiting: to open a FIFO would wait for a writer. */
export async function openAtOnce(path: string): Promise<FileHandle> {
  // Windows has neither this flag nor FIFOs among its files.
  const flags = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
  return new FileHandle(await openDescriptor(path, flags));
}

/** The whole file, also one whose size is not told, as under /proc. */
export async function readFile(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const blocks: Buffer[] = [];
    for (let at = 0; ; ) {
      const block = Buffer.allocUnsafe(READ_BLOCK_BYTES);
      const { bytesRead } = await handle.read(block, 0, block.length, at);
      if (bytesRead === 0) return Buffer.concat(blocks);
      blocks.push(block.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** What a path is instead of a regular file; undefined for a regular file. */
export function oddKind(stats: fs.Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/** An open file. The caller that has opened it must close it. */
export class FileHandle {
  readonly #fd: number;
  readonly #begun = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): Promise<fs.Stats> {
    return this.#begin((fd) => statDescriptor(fd));
  }

  /**
   * At once, in the calling thread. To be asked only right behind a read or the opening: then the system knows the
   * answer, also on network file systems, and does not have to ask anybody.
   */
  statNow(): fs.Stats {
    return fs.fstatSync(this.#fd);
  }

  /** Reads at most `length` bytes from `position` of the file to `offset` of the buffer. @returns 0 at the end */
  async read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    return await this.#begin((fd) => readDescriptor(fd, buffer, offset, length, position));
  }

  /** Writes behind what was written last, perhaps not all of the bytes. */
  async write(
    buffer: Uint8Array,
    offset = 0,
    length = buffer.length - offset,
  ): Promise<{ readonly bytesWritten: number }> {
    return await this.#begin((fd) => writeDescriptor(fd, buffer, offset, length));
  }

  /** Writes all of the bytes, behind what was written last. */
  async writeAll(buffer: Uint8Array): Promise<void> {
    for (let done = 0; done < buffer.length; ) {
      done += (await this.write(buffer, done)).bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#begin((fd) => syncDescriptor(fd));
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#begun).then(() => fs.closeSync(this.#fd)); // F1, F2
    return this.#closed;
  }

  async #begin<T>(start: (fd: number) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      throw Object.assign(new Error('EBADF: the file was closed'), { code: 'EBADF' });
    }
    const done = start(this.#fd);
    this.#begun.add(done);
    try {
      return await done;
    } finally {
      this.#begun.delete(done);
    }
  }
}
