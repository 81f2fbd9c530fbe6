/**
 * Checkpoints in a directory of the local file system.
 *
 *  D1  A checkpoint exists if and only if its manifest is in `manifests/`, and the manifest gets there
 *      after all that it names is durable (I6).
 *  D2  Every file gets its name by rename, after fsync of its content; the directory is synced before
 *      anybody is told. Names of parts are never used twice.
 *  D3  After a failed fsync nothing is retried on that descriptor: the file is given up.
 *  D4  A manifest whose rename may not be durable is taken back before the failure is told. If that
 *      fails as well, nobody knows whether it exists after a power cut: then its parts are kept (D5).
 *  D5  Sweeping deletes a part only if a newer checkpoint is complete, no manifest names the part, and all
 *      manifests could be read. Parts above the newest checkpoint may belong to one on its way (I19);
 *      the newest manifest names what that one builds on.
 *  D6  An epoch is durable before it is told, and greater than all that any file tells.
 *  D7  Whatever names parts or removes files runs in turn, and only for the lock's owner: a manifest is never
 *      written while a part that it names is being swept.
 *  D8  The calling thread writes small parts, asynchronously; the pool writes large ones.
 */

import { basename, join } from 'node:path';
import { assert } from '../../base/assert.js';
import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import {
  decodeFinished,
  decodeManifest,
  encodeFinished,
  encodeManifest,
  filesNamed,
} from '../manifest.js';
import { compressionOf } from '../parts/compression.js';
import { filesOf } from '../parts/part-chain.js';
import { bodyBytesOf, sectionsOf } from '../parts/part-file.js';
import { type PartIo, threadPartIo } from '../parts/part-io.js';
import { greatestInNames } from '../parts/part-names.js';
import { WritePool } from '../parts/write-pool.js';
import {
  cleanUpError,
  directoryError,
  formatError,
  unreadableError,
  writeError,
} from '../storage-errors.js';
import type {
  CheckpointStore,
  FinishedMark,
  Manifest,
  PartDescriptor,
  PartFile,
  PartInput,
  RestoredPartSection,
} from '../store.js';
import { StoreWork } from '../store-work.js';
import {
  checkpointOfManifest,
  type DirectoryLayout,
  layoutOf,
  manifestName,
  partName,
  partOfName,
  TEMPORARY_PREFIX,
} from './directory-layout.js';
import { DirectoryLock } from './directory-lock.js';
import type { DirectoryStoreOptions } from './directory-store-options.js';
import { DirectorySync, syncParent } from './directory-sync.js';
import { replaceFile, writeTemporary } from './durable-file.js';
import { encodeEpoch, readEpoch } from './epoch-file.js';
import { readWhole } from './file-reading.js';
import { errnoOf, type FileSystem } from './file-system.js';
import { nodeFileSystem } from './node-file-system.js';
import { readStatisticsFile, writeStatisticsFile } from './statistics-file.js';

/** Body bytes from which a part is worth the way to the pool and back. */
export const POOL_PART_BYTES = 256 * 1024;

/**
 * The checkpoints of one job in `directory`, which is made if it is missing. Nothing is touched before
 * `acquire`.
 */
export function openCheckpointDirectory(directory: string): CheckpointStore {
  return new DirectoryStore(directory);
}

export class DirectoryStore implements CheckpointStore {
  readonly location: string;
  readonly #files: FileSystem;
  readonly #at: DirectoryLayout;
  readonly #lock: DirectoryLock;
  readonly #io: PartIo;
  readonly #pool: PartIo;
  readonly #syncs: Readonly<Record<'root' | 'manifests' | 'parts', DirectorySync>>;
  /** Part files that each manifest names, as far as this store has read or written them. */
  readonly #named = new Map<number, ReadonlySet<string>>();
  /** Durable parts written here that no manifest of this store names yet, with their sizes. */
  readonly #loose = new Map<string, number>();
  /** Parts of a manifest that may or may not exist (D4). */
  readonly #doubtful = new Set<string>();
  /** What runs alone takes turns (D7). */
  readonly #work = new StoreWork();
  #hasUnsyncedRemovals = false;
  #epoch = 0;
  #epochs: Promise<unknown> = Promise.resolve();

  constructor(directory: string, options: DirectoryStoreOptions = {}) {
    this.#at = layoutOf(directory);
    this.location = this.#at.root;
    this.#files = options.files ?? nodeFileSystem;
    this.#lock = new DirectoryLock(this.#files, this.#at.lock, options.processes);
    this.#io = threadPartIo(this.#files);
    // The pool's threads have no other file system than the real one.
    this.#pool = options.pool ?? (options.files === undefined ? new WritePool() : this.#io);
    this.#syncs = {
      root: new DirectorySync(this.#files, this.#at.root),
      manifests: new DirectorySync(this.#files, this.#at.manifests),
      parts: new DirectorySync(this.#files, this.#at.parts),
    };
  }

  async acquire(): Promise<void> {
    assert(!this.#lock.held, 'a checkpoint store is acquired once');
    try {
      await this.#files.makeDirectory(this.#at.manifests);
      await this.#files.makeDirectory(this.#at.parts);
      await this.#lock.acquire();
    } catch (error) {
      throw isHoldfastError(error) ? error : directoryError(this.location, error);
    }
    try {
      await this.#syncs.root.sync();
      // What is found may have been left undurable: nothing is built on what a power cut could undo.
      await this.#syncs.manifests.sync();
      await syncParent(this.#files, this.#at.root);
      await this.#removeTemporaries();
      this.#epoch = await this.#greatestEpoch();
    } catch (error) {
      await this.close();
      throw isHoldfastError(error) ? error : directoryError(this.location, error);
    }
  }

  nextEpoch(): Promise<number> {
    this.#assertHeld();
    const next = this.#epochs.then(async () => {
      const epoch = this.#epoch + 1;
      await this.#commit('the epoch', this.#at.epoch, encodeEpoch(epoch));
      this.#epoch = epoch;
      return epoch;
    });
    this.#epochs = next.catch(() => {});
    return this.#work.track(next);
  }

  writePart(part: PartInput): Promise<PartDescriptor> {
    this.#assertHeld();
    return this.#work.track(this.#writePart(part));
  }

  writeManifest(manifest: Manifest): Promise<void> {
    this.#assertHeld();
    return this.#work.inTurn(() => this.#writeManifest(manifest));
  }

  async list(): Promise<readonly number[]> {
    let names: readonly string[];
    try {
      names = await this.#files.list(this.#at.manifests);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw directoryError(this.location, error);
    }
    const ids = names.map(checkpointOfManifest).filter((id) => id !== undefined);
    return ids.sort((a, b) => b - a);
  }

  /** A rewind leaves parts behind, until a greater id is complete: their names tell the ids. */
  async lastCheckpoint(): Promise<number> {
    const { checkpoint } = await greatestInNames(this.#files, this.#at);
    return Math.max(checkpoint, ...(await this.list()));
  }

  async readManifest(checkpoint: number): Promise<Manifest> {
    const path = join(this.#at.manifests, manifestName(checkpoint));
    let bytes: Uint8Array;
    try {
      bytes = await readWhole(this.#files, path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw unreadableError(path, error);
      const ids = await this.list();
      throw new HoldfastError(
        'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
        `there is no checkpoint ${checkpoint} in '${this.location}'; ${ids.length === 0 ? 'there is none at all' : `there are ${ids.join(', ')}`}.`,
        { details: { directory: this.location, checkpoint, available: ids } },
      );
    }
    const manifest = decodeManifest(bytes, path);
    if (manifest.checkpoint !== checkpoint) {
      throw formatError(path, `it describes checkpoint ${manifest.checkpoint}`);
    }
    this.#named.set(checkpoint, filesNamed(manifest));
    return manifest;
  }

  async readPart(part: PartFile): Promise<readonly RestoredPartSection[]> {
    if (part.file === '') return [];
    const io = part.bytes >= POOL_PART_BYTES ? this.#pool : this.#io;
    return await this.#work.track(io.read(join(this.#at.parts, part.file), part));
  }

  discard(parts: readonly PartDescriptor[]): Promise<void> {
    return this.#work.inTurn(() => this.#discard(parts));
  }

  prune(retain: number): Promise<void> {
    this.#assertHeld();
    assert(Number.isInteger(retain) && retain >= 1, 'at least one checkpoint is kept');
    return this.#work.inTurn(() =>
      this.#prune(retain).catch((error: unknown) => {
        throw isHoldfastError(error) ? error : cleanUpError(this.location, error);
      }),
    );
  }

  rewind(checkpoint: number): Promise<void> {
    this.#assertHeld();
    return this.#work.inTurn(() => this.#rewind(checkpoint));
  }

  async markFinished(mark: FinishedMark): Promise<void> {
    this.#assertHeld();
    await this.#work.track(this.#commitFinished(mark));
  }

  async readFinished(): Promise<FinishedMark | undefined> {
    try {
      return decodeFinished(await readWhole(this.#files, this.#at.finished), this.#at.finished);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw isHoldfastError(error) ? error : unreadableError(this.#at.finished, error);
    }
  }

  writeStatistics(bytes: Uint8Array): Promise<void> {
    this.#assertHeld();
    return this.#work.inTurn(async () => {
      await this.#lock.verify();
      await writeStatisticsFile(this.#files, this.#at.statistics, bytes);
    });
  }

  readStatistics(): Promise<Uint8Array | undefined> {
    return this.#work.track(readStatisticsFile(this.#files, this.#at.statistics));
  }

  clear(): Promise<void> {
    this.#assertHeld();
    return this.#work.inTurn(() => this.#clear());
  }

  async close(): Promise<void> {
    await this.#work.settled();
    await this.#pool.close();
    for (const sync of Object.values(this.#syncs)) await sync.close().catch(() => {});
    await this.#lock.release().catch(() => {});
  }

  async #writePart(part: PartInput): Promise<PartDescriptor> {
    const { vertex, instance } = part;
    if (part.sections.length === 0) {
      return { file: '', bytes: 0, sha256: '', vertex, instance, sections: [] };
    }
    const sections = sectionsOf(part);
    const file = partName(part);
    const path = join(this.#at.parts, file);
    const temporary = join(this.#at.parts, `${TEMPORARY_PREFIX}${file}`);
    const io = bodyBytesOf(part) >= POOL_PART_BYTES ? this.#pool : this.#io;
    try {
      const { bytes, sha256 } = await io.write(temporary, part);
      await this.#files.rename(temporary, path);
      await this.#syncs.parts.sync();
      const size = await this.#files.size(path);
      if (size !== bytes) throw new Error(`${bytes} bytes were written, '${file}' has ${size}`);
      this.#loose.set(file, bytes);
      return { file, bytes, sha256, vertex, instance, ...compressionOf(part), sections };
    } catch (error) {
      await this.#files.remove(temporary).catch(() => {});
      await this.#files.remove(path).catch(() => {});
      const what = `the part of '${vertex}', instance ${instance}, for checkpoint ${part.checkpoint}`;
      throw writeError(what, this.location, error);
    }
  }

  async #writeManifest(manifest: Manifest): Promise<void> {
    const { checkpoint } = manifest;
    const what = `the manifest of checkpoint ${checkpoint}`;
    const name = manifestName(checkpoint);
    const path = join(this.#at.manifests, name);
    let temporary: string | undefined;
    try {
      await this.#assertParts(manifest);
      const bytes = encodeManifest(manifest);
      if ((await this.#files.size(path)) !== undefined) {
        throw new Error(`checkpoint ${checkpoint} exists already; ids are used once`);
      }
      temporary = await writeTemporary(this.#files, this.#at.manifests, name, bytes);
      await this.#lock.verify();
      await this.#files.rename(temporary, path);
    } catch (error) {
      if (temporary !== undefined) await this.#files.remove(temporary).catch(() => {});
      throw isHoldfastError(error) ? error : writeError(what, this.location, error);
    }
    try {
      await this.#syncs.manifests.sync();
    } catch (error) {
      await this.#takeBack(path, manifest);
      throw writeError(what, this.location, error);
    }
    const named = filesNamed(manifest);
    this.#named.set(checkpoint, named);
    for (const file of named) this.#loose.delete(file);
    await this.#hint(checkpoint);
  }

  /** For people and scripts; recovery does not read it. */
  async #hint(checkpoint: number): Promise<void> {
    const hint = Buffer.from(`${checkpoint}\n`);
    await replaceFile(this.#files, this.#at.latest, 'latest', hint, 'volatile').catch(() => {});
  }

  /** D4: undoes a rename that may not be durable. */
  async #takeBack(path: string, manifest: Manifest): Promise<void> {
    try {
      await this.#files.remove(path);
      await this.#syncs.manifests.sync();
    } catch {
      for (const file of filesNamed(manifest)) this.#doubtful.add(file);
    }
  }

  /** I6: what a manifest names is there. */
  async #assertParts(manifest: Manifest): Promise<void> {
    for (const { file, bytes } of manifest.parts.flatMap(filesOf)) {
      if (this.#loose.get(file) === bytes) continue;
      const size = await this.#files.size(join(this.#at.parts, file));
      if (size !== bytes) {
        throw new Error(`its part '${file}' should have ${bytes} bytes and has ${size ?? 'none'}`);
      }
    }
  }

  async #discard(parts: readonly PartDescriptor[]): Promise<void> {
    for (const { file } of parts) {
      // The file is not loose: a manifest names it, perhaps one that this store has never read.
      if (!this.#loose.has(file) || this.#doubtful.has(file)) continue;
      this.#loose.delete(file);
      await this.#files.remove(join(this.#at.parts, file)).catch(() => {});
    }
  }

  async #prune(retain: number): Promise<void> {
    const ids = await this.list();
    const kept = ids.slice(0, retain);
    await this.#lock.verify();
    for (const id of ids.slice(retain)) await this.#removeManifest(id);
    // Parts go only after it is certain that no manifest comes back and names them.
    await this.#syncRemovals();
    await this.#sweep(kept);
  }

  /** D5. */
  async #sweep(kept: readonly number[]): Promise<void> {
    const newest = kept[0];
    if (newest === undefined) return;
    const marked = new Set(this.#doubtful);
    for (const id of kept) {
      if (!this.#named.has(id)) await this.readManifest(id);
      for (const file of this.#named.get(id)!) marked.add(file);
    }
    for (const file of await this.#files.list(this.#at.parts)) {
      const told = partOfName(file);
      if (told === undefined || told.checkpoint > newest || marked.has(file)) continue;
      this.#loose.delete(file);
      await this.#remove(join(this.#at.parts, file));
    }
  }

  /** Parts are left for the next sweep (D5). */
  async #rewind(checkpoint: number): Promise<void> {
    try {
      await this.#lock.verify();
      const newer = (await this.list()).filter((id) => id > checkpoint);
      // An attempt before this one may have removed some and failed to make that durable.
      await this.#syncRemovals();
      for (const id of newer) {
        await this.#removeManifest(id);
        await this.#syncRemovals();
      }
      if (newer.length > 0) await this.#hint(checkpoint);
    } catch (error) {
      throw isHoldfastError(error) ? error : directoryError(this.location, error);
    }
  }

  async #clear(): Promise<void> {
    try {
      await this.#lock.verify();
      // Oldest first: cut off in the middle, the newest is still there, and nothing was rewound.
      for (const id of [...(await this.list())].reverse()) {
        await this.#removeManifest(id);
        await this.#syncRemovals();
      }
      await this.#syncRemovals();
      this.#named.clear();
      await this.#remove(this.#at.finished);
      await this.#remove(this.#at.latest);
      await this.#remove(this.#at.statistics);
      await this.#syncs.root.sync();
      for (const file of await this.#files.list(this.#at.parts)) {
        if (partOfName(file) !== undefined) await this.#remove(join(this.#at.parts, file));
      }
      this.#loose.clear();
      this.#doubtful.clear();
    } catch (error) {
      throw isHoldfastError(error) ? error : directoryError(this.location, error);
    }
  }

  async #commitFinished(mark: FinishedMark): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = encodeFinished(mark);
    } catch (error) {
      throw writeError('the finished mark', this.location, error);
    }
    await this.#commit('the finished mark', this.#at.finished, bytes);
  }

  /** Replaces a file of the root directory, durably, by the lock's owner only. */
  async #commit(what: string, path: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#lock.verify();
      await replaceFile(this.#files, path, basename(path), bytes, 'durable');
      await this.#syncs.root.sync();
    } catch (error) {
      throw isHoldfastError(error) ? error : writeError(what, this.location, error);
    }
  }

  /** D6. */
  async #greatestEpoch(): Promise<number> {
    const { epoch } = await greatestInNames(this.#files, this.#at);
    let greatest = Math.max(epoch, await readEpoch(this.#files, this.#at.epoch));
    for (const id of await this.list()) {
      try {
        greatest = Math.max(greatest, (await this.readManifest(id)).epoch);
      } catch {
        // Whoever restores from it will be told; its parts' names have told their epoch.
      }
    }
    return greatest;
  }

  async #removeTemporaries(): Promise<void> {
    for (const directory of [this.#at.root, this.#at.manifests, this.#at.parts]) {
      for (const name of await this.#files.list(directory)) {
        if (name.startsWith(TEMPORARY_PREFIX)) await this.#remove(join(directory, name));
      }
    }
  }

  async #removeManifest(checkpoint: number): Promise<void> {
    this.#hasUnsyncedRemovals = true;
    await this.#remove(join(this.#at.manifests, manifestName(checkpoint)));
    this.#named.delete(checkpoint);
  }

  async #syncRemovals(): Promise<void> {
    if (!this.#hasUnsyncedRemovals) return;
    await this.#syncs.manifests.sync();
    this.#hasUnsyncedRemovals = false;
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#files.remove(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }

  #assertHeld(): void {
    assert(this.#lock.held, 'the checkpoint store is acquired');
  }
}
