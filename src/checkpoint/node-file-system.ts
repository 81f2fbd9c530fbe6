/** The real file system behind `FileSystem`; asynchronous throughout. */

import { type FileHandle, link, open, readdir, rename, stat, unlink } from '../base/files.js';
import { makeDirectory } from '../base/make-directory.js';
import { errnoOf, type FileSystem, type OpenDirectory, type OpenFile } from './file-system.js';

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<number> {
    return (await this.#handle.write(bytes)).bytesWritten;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(target, 0, target.length, position)).bytesRead;
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Windows opens no directories; there the file system's own journal has to do. */
const unsyncedDirectory: OpenDirectory = { sync: async () => {}, close: async () => {} };

export const nodeFileSystem: FileSystem = {
  create: async (path) => new NodeFile(await open(path, 'wx')),
  open: async (path) => new NodeFile(await open(path, 'r')),
  openDirectory: async (path) => {
    if (process.platform === 'win32') return unsyncedDirectory;
    const handle = await open(path, 'r');
    return { sync: () => handle.sync(), close: () => handle.close() };
  },
  makeDirectory,
  list: (path) => readdir(path),
  size: async (path) => {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  rename,
  link,
  remove: unlink,
};
