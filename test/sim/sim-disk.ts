/**
 * The disk of a simulation: the crash file system, behind time, errors and short writes.
 *
 * An operation that changes something is performed by the kernel some time after it was asked for, and
 * answered some time after that. So one that was on its way when its process was killed may happen all the same, and its
 * answer reaches nobody. A power cut drops what was on its way, and what was never synced.
 */

import type {
  FileSystem,
  OpenDirectory,
  OpenFile,
} from '../../src/checkpoint/directory/file-system.js';
import { CrashFileSystem, errno, type Operation } from '../checkpoint/crash-file-system.js';
import type { Domain, World } from './world.js';

/** Until when, in virtual ms, which operations fail, and how. */
export interface DiskFault {
  readonly code: 'EIO' | 'ENOSPC' | 'short';
  readonly kinds: readonly Operation['kind'][];
  /** Only of paths that contain it. */
  readonly within?: string | undefined;
  readonly untilMs: number;
  /** Of the operations it applies to. */
  readonly share: number;
}

/** These change nothing: they are performed when they are answered, or never. */
const READS: readonly Operation['kind'][] = [
  'open',
  'read',
  'size',
  'close',
  'list',
  'open-directory',
];

const WRITES: readonly Operation['kind'][] = ['create', 'write', 'sync', 'sync-directory'];

export class SimDisk {
  readonly #world: World;
  files: CrashFileSystem;
  #kernel: Domain;
  /** Takes so many times as long, until then. */
  slow = { factor: 1, untilMs: 0 };
  faults: DiskFault[] = [];
  /** An operation is about to be performed. */
  onOperation: (operation: Operation) => void = () => {};
  /** A file has got its name. */
  onRenamed: (path: string) => void = () => {};

  /** @param files what it holds; it is the disk's own from now on */
  constructor(world: World, files = new CrashFileSystem()) {
    this.#world = world;
    this.#kernel = world.domain('kernel');
    this.files = files;
    this.#attach();
  }

  /** @param random which of the changes that were not synced survive */
  cutPower(random: () => number): void {
    this.#kernel.alive = false;
    this.#kernel = this.#world.domain('kernel');
    this.files = this.files.afterPowerCut(random);
    this.#attach();
  }

  /** As one process sees it: answers come to the domain that asked. */
  view(): FileSystem {
    const directory = (path: string, inner: OpenDirectory): OpenDirectory => ({
      sync: () => this.#ask('sync-directory', path, () => inner.sync()),
      close: () => this.#ask('close', path, () => inner.close()),
    });
    const file = (path: string, inner: OpenFile): OpenFile => ({
      write: (bytes) => this.#ask('write', path, () => inner.write(bytes)),
      read: (target, position) => this.#ask('read', path, () => inner.read(target, position)),
      sync: () => this.#ask('sync', path, () => inner.sync()),
      size: () => this.#ask('size', path, () => inner.size()),
      close: () => this.#ask('close', path, () => inner.close()),
    });
    return {
      create: async (path) =>
        file(path, await this.#ask('create', path, () => this.files.create(path))),
      open: async (path) => file(path, await this.#ask('open', path, () => this.files.open(path))),
      openDirectory: async (path) =>
        directory(
          path,
          await this.#ask('open-directory', path, () => this.files.openDirectory(path)),
        ),
      makeDirectory: (path) =>
        this.#ask('make-directory', path, () => this.files.makeDirectory(path)),
      list: (path) => this.#ask('list', path, () => this.files.list(path)),
      size: (path) => this.#ask('size', path, () => this.files.size(path)),
      rename: (from, to) =>
        this.#ask('rename', to, async () => {
          await this.files.rename(from, to);
          this.onRenamed(to);
        }),
      link: (existing, path) => this.#ask('link', path, () => this.files.link(existing, path)),
      remove: (path) => this.#ask('remove', path, () => this.files.remove(path)),
    };
  }

  #attach(): void {
    this.files.onOperation = ({ kind, path }) => {
      this.#world.log(`${kind} ${path}`);
      const now = this.#world.nowMs;
      for (const fault of this.faults) {
        if (fault.untilMs < now || !fault.kinds.includes(kind)) continue;
        if (!path.includes(fault.within ?? '')) continue;
        if (this.#world.random.next() >= fault.share) continue;
        if (fault.code === 'short') return kind === 'write' ? 1 : undefined;
        this.#world.log(`${fault.code} at ${kind} ${path}`);
        throw errno(fault.code);
      }
      return undefined;
    };
  }

  #ask<T>(kind: Operation['kind'], path: string, perform: () => Promise<T>): Promise<T> {
    const world = this.#world;
    const domain = world.current;
    const isSlow = world.nowMs < this.slow.untilMs && WRITES.includes(kind);
    const longestMs = (kind.startsWith('sync') ? 3 : 0.3) * (isSlow ? this.slow.factor : 1);
    if (READS.includes(kind)) {
      return new Promise<T>((resolve, reject) => {
        world.after(domain, world.between(0.005, longestMs), () => {
          this.onOperation({ kind, path });
          perform().then(resolve, reject);
        });
      });
    }
    return new Promise<T>((resolve, reject) => {
      const answer = (act: () => void) => world.after(domain, world.between(0, 0.1), act);
      world.after(this.#kernel, world.between(0.005, longestMs), () => {
        this.onOperation({ kind, path });
        perform().then(
          (value) => answer(() => resolve(value)),
          (error) => answer(() => reject(error)),
        );
      });
    });
  }
}

/** A disk that has trouble with everything that writes. */
export const WRITING = WRITES;
