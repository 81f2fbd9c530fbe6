/**
 * A file system in memory that forgets at a power cut what POSIX lets it forget.
 *
 * Content of a file is durable up to its last fsync; of what was written since, any prefix may survive.
 * Changes of a directory (names made, renamed, removed) are durable at its fsync; of those since, any
 * subset may. Faults are injected by `onOperation`, which may throw, or shorten a write.
 */

import type {
  FileSystem,
  OpenDirectory,
  OpenFile,
} from '../../src/checkpoint/directory/file-system.js';

interface Inode {
  data: Uint8Array;
  durable: Uint8Array;
}

type Entries = Map<string, Inode>;
/** One change of a directory; `apply` on the durable names when it survives. */
type Change = (entries: Entries) => void;

interface Directory {
  readonly entries: Entries;
  readonly durable: Entries;
  changes: Change[];
}

export interface Operation {
  readonly kind:
    | 'create'
    | 'open'
    | 'write'
    | 'read'
    | 'sync'
    | 'close'
    | 'open-directory'
    | 'sync-directory'
    | 'make-directory'
    | 'list'
    | 'size'
    | 'rename'
    | 'link'
    | 'remove';
  readonly path: string;
}

export class PowerCut extends Error {}

export function errno(code: string, what = 'injected'): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export class CrashFileSystem implements FileSystem {
  readonly #directories = new Map<string, Directory>();
  /** Called before each operation; a number is how many bytes a write takes. */
  onOperation: (operation: Operation) => number | undefined = () => undefined;
  /** Operations so far. */
  operations = 0;
  /** A disk that says it has synced a file's content, and has not. */
  liesAboutContent = false;
  openFiles = 0;

  /** What is there after the power came back. */
  afterPowerCut(random: () => number): CrashFileSystem {
    const next = new CrashFileSystem();
    for (const [path, directory] of this.#directories) {
      const entries: Entries = new Map(directory.durable);
      for (const change of directory.changes) if (random() < 0.5) change(entries);
      const survivors: Entries = new Map();
      for (const [name, inode] of entries) {
        const data = surviving(inode, random);
        survivors.set(name, { data, durable: data });
      }
      next.#directories.set(path, {
        entries: survivors,
        durable: new Map(survivors),
        changes: [],
      });
    }
    return next;
  }

  async create(path: string): Promise<OpenFile> {
    this.#operate('create', path);
    const inode: Inode = { data: new Uint8Array(), durable: new Uint8Array() };
    const directory = this.#directory(path);
    if (directory.entries.has(basename(path))) throw errno('EEXIST', path);
    this.#change(path, (entries) => entries.set(basename(path), inode));
    return this.#file(path, inode);
  }

  async open(path: string): Promise<OpenFile> {
    this.#operate('open', path);
    return this.#file(path, this.#inode(path));
  }

  async openDirectory(path: string): Promise<OpenDirectory> {
    this.#operate('open-directory', path);
    let failed = false;
    return {
      sync: async () => {
        if (failed) throw new Error('a descriptor whose fsync failed was used again');
        failed = true;
        this.#operate('sync-directory', path);
        failed = false;
        const directory = this.#directories.get(path);
        if (directory === undefined) return;
        for (const change of directory.changes) change(directory.durable);
        directory.changes = [];
      },
      close: async () => {},
    };
  }

  async makeDirectory(path: string): Promise<void> {
    this.#operate('make-directory', path);
    for (let at = path; at !== dirname(at); at = dirname(at)) {
      if (!this.#directories.has(at)) {
        this.#directories.set(at, { entries: new Map(), durable: new Map(), changes: [] });
      }
    }
  }

  async list(path: string): Promise<readonly string[]> {
    this.#operate('list', path);
    const directory = this.#directories.get(path);
    if (directory === undefined) throw errno('ENOENT', path);
    return [...directory.entries.keys()];
  }

  async size(path: string): Promise<number | undefined> {
    this.#operate('size', path);
    return this.#directories.get(dirname(path))?.entries.get(basename(path))?.data.length;
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operate('rename', to);
    const inode = this.#inode(from);
    if (dirname(from) !== dirname(to)) throw errno('EXDEV');
    this.#change(to, (entries) => {
      entries.delete(basename(from));
      entries.set(basename(to), inode);
    });
  }

  async link(existing: string, path: string): Promise<void> {
    this.#operate('link', path);
    const inode = this.#inode(existing);
    if (this.#directory(path).entries.has(basename(path))) throw errno('EEXIST', path);
    this.#change(path, (entries) => entries.set(basename(path), inode));
  }

  async remove(path: string): Promise<void> {
    this.#operate('remove', path);
    this.#inode(path);
    this.#change(path, (entries) => entries.delete(basename(path)));
  }

  /** Changes stored bytes behind everybody's back. */
  damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const inode = this.#inode(path);
    inode.data = change(inode.data.slice());
    inode.durable = inode.data;
  }

  bytes(path: string): Uint8Array {
    return this.#inode(path).data;
  }

  /** The same; undefined: there is no such file. */
  find(path: string): Uint8Array | undefined {
    return this.#directories.get(dirname(path))?.entries.get(basename(path))?.data;
  }

  #operate(kind: Operation['kind'], path: string): number | undefined {
    this.operations += 1;
    return this.onOperation({ kind, path });
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(dirname(path));
    if (directory === undefined) throw errno('ENOENT', path);
    return directory;
  }

  #inode(path: string): Inode {
    const inode = this.#directory(path).entries.get(basename(path));
    if (inode === undefined) throw errno('ENOENT', path);
    return inode;
  }

  #change(path: string, change: Change): void {
    const directory = this.#directory(path);
    change(directory.entries);
    directory.changes.push(change);
  }

  #file(path: string, inode: Inode): OpenFile {
    this.openFiles += 1;
    let failed = false;
    return {
      write: async (bytes) => {
        if (failed) throw new Error('a descriptor whose fsync failed was used again');
        const taken = Math.min(this.#operate('write', path) ?? bytes.length, bytes.length);
        const data = new Uint8Array(inode.data.length + taken);
        data.set(inode.data);
        data.set(bytes.subarray(0, taken), inode.data.length);
        inode.data = data;
        return taken;
      },
      read: async (target, position) => {
        this.#operate('read', path);
        const bytes = inode.data.subarray(position, position + target.length);
        target.set(bytes);
        return bytes.length;
      },
      sync: async () => {
        if (failed) throw new Error('a descriptor whose fsync failed was used again');
        failed = true;
        this.#operate('sync', path);
        failed = false;
        if (!this.liesAboutContent) inode.durable = inode.data;
      },
      size: async () => inode.data.length,
      close: async () => {
        this.openFiles -= 1;
        this.#operate('close', path);
      },
    };
  }
}

/** Of what was not synced any prefix, its last bytes perhaps as zeros. */
function surviving(inode: Inode, random: () => number): Uint8Array {
  const { data, durable } = inode;
  const extra = Math.floor(random() * (data.length - durable.length + 1));
  // Stored bytes are replaced, never changed: what is whole may be shared.
  if (data === durable) {
    if (random() < 0.3) random();
    return data;
  }
  const bytes = data.slice(0, durable.length + extra);
  const zeros = random() < 0.3 ? Math.floor(random() * (extra + 1)) : 0;
  bytes.fill(0, bytes.length - zeros);
  return bytes;
}

/** Of absolute paths in their shortest form, which all are here. */
function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function dirname(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}
