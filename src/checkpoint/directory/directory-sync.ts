/**
 * One fsync of a directory for everybody who waits for it (group commit): it costs as much as the
 * fsync of a small file, and it makes all entries durable at once.
 *
 *  G1  A call is served by an fsync that began after the call: one that runs already may have missed
 *      the caller's entry, so the caller joins the next.
 *  G2  A descriptor on which fsync failed is closed and never used again; everybody whom that fsync
 *      served is told.
 */

import { dirname } from 'node:path';
import { errnoOf, type FileSystem, type OpenDirectory } from './file-system.js';

export class DirectorySync {
  readonly #files: FileSystem;
  readonly #path: string;
  #handle: OpenDirectory | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** All entries made before the call are durable when it resolves. */
  sync(): Promise<void> {
    if (this.#next === undefined) {
      // `.then` runs later at the earliest, so everybody who asks in this turn joins as well.
      const next = this.#running.then(() => {
        this.#next = undefined;
        return this.#perform();
      });
      this.#next = next;
      this.#running = next.catch(() => {});
    }
    return this.#next;
  }

  /** Waits for what runs, then lets go of the descriptor. A later `sync` opens it again. */
  async close(): Promise<void> {
    await this.#running;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #perform(): Promise<void> {
    this.#handle ??= await this.#files.openDirectory(this.#path);
    try {
      await this.#handle.sync();
    } catch (error) {
      const handle = this.#handle;
      this.#handle = undefined;
      await handle.close().catch(() => {});
      throw error;
    }
  }
}

/** Syncs the folder that `directory` is in, if that is ours: it may be closed to this user. */
export async function syncParent(files: FileSystem, directory: string): Promise<void> {
  const parent = new DirectorySync(files, dirname(directory));
  await parent.sync().catch((error: unknown) => {
    const errno = errnoOf(error);
    if (errno !== 'EACCES' && errno !== 'EPERM') throw error;
  });
  await parent.close();
}
