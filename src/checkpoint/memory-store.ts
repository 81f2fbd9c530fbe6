/**
 * Checkpoints in memory, for jobs in one thread and for tests. The store keeps the promises of a directory as far as
 * memory can. What was written outlives `close`, so a later `acquire` of the same object stands for a restart.
 */

import { createHash } from 'node:crypto';
import { assert } from '../base/assert.js';
import { HoldfastError } from '../base/errors.js';
import { partName } from './directory/directory-layout.js';
import {
  decodeFinished,
  decodeManifest,
  encodeFinished,
  encodeManifest,
  filesNamed,
} from './manifest.js';
import { filesOf } from './parts/part-chain.js';
import { sectionsOf } from './parts/part-file.js';
import { corruptError, writeError } from './storage-errors.js';
import type {
  CheckpointStore,
  FinishedMark,
  Manifest,
  PartDescriptor,
  PartFile,
  PartInput,
  RestoredPartSection,
} from './store.js';

interface StoredPart {
  readonly checkpoint: number;
  readonly bytes: Uint8Array;
}

export class MemoryStore implements CheckpointStore {
  readonly location = 'memory';
  readonly #parts = new Map<string, StoredPart>();
  /** Kept as bytes: so what comes back is never the object that was given. */
  readonly #manifests = new Map<number, Uint8Array>();
  #finished: Uint8Array | undefined;
  #statistics: Uint8Array | undefined;
  #epoch = 0;
  /** The greatest id before a rewind. */
  #last = 0;
  #held = false;

  async acquire(): Promise<void> {
    if (this.#held) {
      throw new HoldfastError(
        'ERR_HOLDFAST_CHECKPOINT_LOCKED',
        `this memory store is in use by another run of this very process (pid ${process.pid}). Give each run a store of its own, or close this one first.`,
        { details: { pid: process.pid } },
      );
    }
    this.#held = true;
  }

  async nextEpoch(): Promise<number> {
    this.#assertHeld();
    this.#epoch += 1;
    return this.#epoch;
  }

  async writePart(part: PartInput): Promise<PartDescriptor> {
    this.#assertHeld();
    const { vertex, instance } = part;
    if (part.sections.length === 0) {
      return { file: '', bytes: 0, sha256: '', vertex, instance, sections: [] };
    }
    const sections = sectionsOf(part);
    const bytes = new Uint8Array(sections.reduce((sum, section) => sum + section.bytes, 0));
    let at = 0;
    for (const chunk of part.sections.flatMap((section) => section.chunks)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    const file = partName(part);
    this.#parts.set(file, { checkpoint: part.checkpoint, bytes });
    return { file, bytes: bytes.length, sha256: sha256(bytes), vertex, instance, sections };
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    this.#assertHeld();
    const { checkpoint } = manifest;
    try {
      for (const { file, bytes } of manifest.parts.flatMap(filesOf)) {
        if (this.#parts.get(file)?.bytes.length === bytes) continue;
        throw new Error(`its part '${file}' is not there`);
      }
      const bytes = encodeManifest(manifest);
      if (this.#manifests.has(checkpoint)) {
        throw new Error(`checkpoint ${checkpoint} exists already; ids are used once`);
      }
      this.#manifests.set(checkpoint, bytes);
    } catch (error) {
      throw writeError(`the manifest of checkpoint ${checkpoint}`, this.location, error);
    }
  }

  async list(): Promise<readonly number[]> {
    return this.#ids();
  }

  async readManifest(checkpoint: number): Promise<Manifest> {
    const bytes = this.#manifests.get(checkpoint);
    if (bytes !== undefined) return decodeManifest(bytes, `memory/${checkpoint}`);
    const ids = await this.list();
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
      `there is no checkpoint ${checkpoint} in memory; ${ids.length === 0 ? 'there is none at all' : `there are ${ids.join(', ')}`}.`,
      { details: { checkpoint, available: ids } },
    );
  }

  async readPart(part: PartFile): Promise<readonly RestoredPartSection[]> {
    if (part.file === '') return [];
    const stored = this.#parts.get(part.file)?.bytes;
    const found = stored === undefined ? 'no part' : sha256(stored);
    if (stored === undefined || found !== part.sha256) {
      const { file, sha256: expected } = part;
      throw corruptError({ file, offset: 0, check: 'SHA-256', expected, found });
    }
    let at = 0;
    return part.sections.map(({ operator, name, bytes }) => {
      at += bytes;
      return { operator, name, bytes: stored.slice(at - bytes, at) };
    });
  }

  async discard(parts: readonly PartDescriptor[]): Promise<void> {
    const named = this.#namedFiles(this.#ids());
    for (const { file } of parts) if (!named.has(file)) this.#parts.delete(file);
  }

  async prune(retain: number): Promise<void> {
    this.#assertHeld();
    assert(Number.isInteger(retain) && retain >= 1, 'at least one checkpoint is kept');
    // Without a pause in between: a manifest that came then might name what is removed.
    const ids = this.#ids();
    for (const id of ids.slice(retain)) this.#manifests.delete(id);
    const newest = ids[0];
    if (newest === undefined) return;
    const named = this.#namedFiles(ids.slice(0, retain));
    for (const [file, { checkpoint }] of this.#parts) {
      if (checkpoint <= newest && !named.has(file)) this.#parts.delete(file);
    }
  }

  async rewind(checkpoint: number): Promise<void> {
    this.#assertHeld();
    this.#last = await this.lastCheckpoint();
    for (const id of this.#ids()) if (id > checkpoint) this.#manifests.delete(id);
  }

  async lastCheckpoint(): Promise<number> {
    return Math.max(this.#last, this.#ids()[0] ?? 0);
  }

  async markFinished(mark: FinishedMark): Promise<void> {
    this.#assertHeld();
    try {
      this.#finished = encodeFinished(mark);
    } catch (error) {
      throw writeError('the finished mark', this.location, error);
    }
  }

  async readFinished(): Promise<FinishedMark | undefined> {
    return this.#finished && decodeFinished(this.#finished, 'memory/finished');
  }

  async writeStatistics(bytes: Uint8Array): Promise<void> {
    this.#statistics = new Uint8Array(bytes);
  }

  async readStatistics(): Promise<Uint8Array | undefined> {
    return this.#statistics && new Uint8Array(this.#statistics);
  }

  async clear(): Promise<void> {
    this.#assertHeld();
    this.#manifests.clear();
    this.#parts.clear();
    this.#finished = undefined;
    this.#statistics = undefined;
  }

  async close(): Promise<void> {
    this.#held = false;
  }

  /** Names of the parts held now; for tests of retention. */
  partFiles(): readonly string[] {
    return [...this.#parts.keys()];
  }

  #ids(): readonly number[] {
    return [...this.#manifests.keys()].sort((a, b) => b - a);
  }

  #namedFiles(ids: readonly number[]): ReadonlySet<string> {
    const manifests = ids.map((id) => decodeManifest(this.#manifests.get(id)!, `memory/${id}`));
    return new Set(manifests.flatMap((manifest) => [...filesNamed(manifest)]));
  }

  #assertHeld(): void {
    assert(this.#held, 'the checkpoint store is acquired');
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
