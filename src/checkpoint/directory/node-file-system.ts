/** The real file system behind `FileSystem`; asynchronous throughout. */

import {
  type FileHandle,
  link,
  oddKind,
  open,
  openAtOnce,
  readdir,
  rename,
  stat,
  unlink,
} from '../../base/files.js';
import { makeDirectory } from '../../base/make-directory.js';
import { atDirectory, atFile } from './file-points.js';
import { errnoOf, type FileSystem, type OpenDirectory, type OpenFile } from './file-system.js';

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  async write(bytes: Uint8Array): Promise<number> {
    return (await atFile('write', this.#path, () => this.#handle.write(bytes))).bytesWritten;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(target, 0, target.length, position)).bytesRead;
  }

  sync(): Promise<void> {
    return atFile('sync', this.#path, () => this.#handle.sync());
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

/** What else may stand there (a FIFO, a device) has no end, or waits for somebody. */
async function openRegular(path: string): Promise<FileHandle> {
  const handle = await openAtOnce(path);
  try {
    const kind = oddKind(await handle.stat());
    if (kind !== undefined) throw new Error(`'${path}' is ${kind}, not a regular file`);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export const nodeFileSystem: FileSystem = {
  create: async (path) => new NodeFile(await atFile('create', path, () => open(path, 'wx')), path),
  open: async (path) => new NodeFile(await atFile('read', path, () => openRegular(path)), path),
  openDirectory: async (path) => {
    if (process.platform === 'win32') return unsyncedDirectory;
    const handle = await openAtOnce(path);
    return { sync: () => atDirectory(path, () => handle.sync()), close: () => handle.close() };
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
  rename: (from, to) => atFile('rename', to, () => rename(from, to)),
  link: (existing, path) => atFile('link', path, () => link(existing, path)),
  remove: (path) => atFile('remove', path, () => unlink(path)),
};
