/**
 * Checkpoints as objects of a service like S3.
 *
 *  B1  A checkpoint exists if and only if the index names its manifest. Part and manifest objects are there
 *      before. The commit point is one conditional write of the index (I6; object-store-index.ts, N1). So is every
 *      other change: an epoch, a rewind, the end. Nothing depends on listings being up to date.
 *  B2  `#held` is what this owner wants the index to say. A change that failed with its outcome unknown is not in
 *      `#held`. So the next change that succeeds takes it back, or rules it out (object-store-index.ts, N3).
 *  B3  Until then its parts are kept (`#doubtful`): the checkpoint may exist after a crash.
 *  B4  Whatever reads the index to change it, or removes objects, runs alone; renewals go in between.
 *  B5  Sweeping removes a part only if the index without its checkpoint is in place, a newer checkpoint
 *      is complete, no manifest names the part, all manifests could be read, and no later owner was given the
 *      part's epoch (I19). Listings only find what nobody remembers.
 */

import { createHash, randomBytes } from 'node:crypto';
import { assert } from '../../base/assert.js';
import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { partName, partOfName } from '../directory/directory-layout.js';
import { encodeManifest, filesNamed } from '../manifest.js';
import { compressionOf } from '../parts/compression.js';
import { filesOf } from '../parts/part-chain.js';
import { sectionsOf } from '../parts/part-file.js';
import { cleanUpError, writeError } from '../storage-errors.js';
import type {
  CheckpointStore,
  FinishedMark,
  Manifest,
  PartDescriptor,
  PartInput,
  RestoredPartSection,
  StoreDescription,
} from '../store.js';
import { StoreWork } from '../store-work.js';
import type { ObjectClient } from './object-client.js';
import { type IndexContent, type IndexedCheckpoint, withCheckpoint } from './object-index.js';
import { MANIFESTS, manifestObjectName, PARTS } from './object-layout.js';
import { readManifestObject } from './object-manifest-io.js';
import { putNew, readPartObject, writePartObject } from './object-part-io.js';
import { asStoreError } from './object-store-errors.js';
import { IndexRegister } from './object-store-index.js';
import { ObjectStoreOwner } from './object-store-owner.js';
import { listOrphans, removeAll } from './object-store-sweep.js';

export interface ObjectStoreOptions {
  /** For people and messages: `s3://bucket/prefix`. */
  readonly location: string;
  /** Opens the service; called again after `close`. */
  readonly connect: () => Promise<ObjectClient>;
  readonly leaseMs: number;
  readonly description?: StoreDescription | undefined;
  /** Parts larger than this go up in blocks of this size. */
  readonly blockBytes?: number | undefined;
}

/** Questions whether an object is there that are asked at a time. */
const HEADS_MAX = 8;

export class ObjectStore implements CheckpointStore {
  readonly location: string;
  readonly description: StoreDescription | undefined;
  readonly #options: ObjectStoreOptions;
  #connection: Promise<ObjectClient> | undefined;
  #owner: ObjectStoreOwner | undefined;
  /** Part files that each manifest names, as far as this store has read or written them. */
  readonly #named = new Map<number, ReadonlySet<string>>();
  /** Parts written here that no manifest of this store names yet, with their sizes. */
  readonly #loose = new Map<string, number>();
  /** Parts of a manifest that may or may not exist (B3). */
  readonly #doubtful = new Set<string>();
  /** What has to run alone takes turns (B4). */
  readonly #work = new StoreWork();
  /** There may be objects that nobody remembers: the next sweep lists. */
  #hasOrphans = true;

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
    this.location = options.location;
    this.description = options.description;
  }

  async acquire(): Promise<void> {
    assert(this.#owner === undefined, 'a checkpoint store is acquired once');
    const { location } = this;
    const owner = new ObjectStoreOwner(location, this.#options.leaseMs, () => {
      this.#doubtful.clear();
    });
    this.#owner = owner;
    try {
      await owner.acquire(await this.#client());
      this.#hasOrphans = true;
    } catch (error) {
      this.#owner = undefined;
      await this.#disconnect();
      throw asStoreError(location, error);
    }
  }

  async nextEpoch(): Promise<number> {
    const owner = this.#held();
    return await this.#work.inTurn(async () => {
      const epoch = owner.content.epoch + 1;
      await this.#commit('the epoch', { ...owner.content, epoch });
      return epoch;
    });
  }

  writePart(part: PartInput): Promise<PartDescriptor> {
    this.#held();
    return this.#work.track(this.#writePart(part));
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    this.#held();
    await this.#work.inTurn(() => this.#writeManifest(manifest));
  }

  async list(): Promise<readonly number[]> {
    return (await this.#content()).checkpoints.map(({ checkpoint }) => checkpoint);
  }

  async lastCheckpoint(): Promise<number> {
    return lastIn(await this.#content());
  }

  async readManifest(checkpoint: number): Promise<Manifest> {
    const { checkpoints } = await this.#content();
    const entry = checkpoints.find((one) => one.checkpoint === checkpoint);
    if (entry === undefined) {
      const ids = checkpoints.map((one) => one.checkpoint);
      throw new HoldfastError(
        'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
        `there is no checkpoint ${checkpoint} in '${this.location}'; ${ids.length === 0 ? 'there is none at all' : `there are ${ids.join(', ')}`}.`,
        { details: { location: this.location, checkpoint, available: ids } },
      );
    }
    return await this.#work.track(this.#readManifest(entry));
  }

  async readPart(part: PartDescriptor): Promise<readonly RestoredPartSection[]> {
    if (part.file === '') return [];
    const client = await this.#client();
    return await this.#work.track(
      readPartObject(client, this.location, `${PARTS}${part.file}`, part),
    );
  }

  async discard(parts: readonly PartDescriptor[]): Promise<void> {
    if (this.#owner === undefined) return;
    await this.#work.inTurn(async () => {
      const client = await this.#client();
      const given = parts.map(({ file }) => file).filter((file) => this.#isGivenUp(file));
      const left = await removeAll(client, PARTS, given);
      for (const file of given) this.#loose.delete(file);
      if (left !== undefined) this.#hasOrphans = true;
    });
  }

  async prune(retain: number): Promise<void> {
    this.#held();
    assert(Number.isInteger(retain) && retain >= 1, 'at least one checkpoint is kept');
    try {
      await this.#work.inTurn(() => this.#prune(retain));
    } catch (error) {
      throw isHoldfastError(error) ? error : cleanUpError(this.location, error);
    }
  }

  async rewind(checkpoint: number): Promise<void> {
    const owner = this.#held();
    await this.#work.inTurn(async () => {
      const { checkpoints } = owner.content;
      const kept = checkpoints.filter((one) => one.checkpoint <= checkpoint);
      if (kept.length === checkpoints.length) return;
      const rewound = lastIn(owner.content);
      await this.#commit('the rewind', { ...owner.content, rewound, checkpoints: kept });
      for (const one of checkpoints) {
        if (one.checkpoint > checkpoint) this.#named.delete(one.checkpoint);
      }
      // What the forgotten manifests named is left for the next sweep.
      this.#hasOrphans = true;
    });
  }

  async markFinished(finished: FinishedMark): Promise<void> {
    const owner = this.#held();
    await this.#work.inTurn(() =>
      this.#commit('the finished mark', { ...owner.content, finished }),
    );
  }

  async readFinished(): Promise<FinishedMark | undefined> {
    const { finished } = await this.#content();
    return finished && { ...finished, checkpoint: finished.checkpoint };
  }

  async clear(): Promise<void> {
    const owner = this.#held();
    await this.#work.inTurn(async () => {
      const { epoch, owner: lease } = owner.content;
      await this.#commit('the fresh start', { epoch, owner: lease, checkpoints: [] });
      this.#named.clear();
      this.#loose.clear();
      this.#hasOrphans = true;
      await this.#sweep([], Number.POSITIVE_INFINITY, [], []);
    });
  }

  async close(): Promise<void> {
    await this.#work.settled();
    const owner = this.#owner;
    this.#owner = undefined;
    await owner?.release();
    this.#named.clear();
    this.#loose.clear();
    this.#doubtful.clear();
    await this.#disconnect();
  }

  async #writePart(part: PartInput): Promise<PartDescriptor> {
    const { vertex, instance } = part;
    if (part.sections.length === 0) {
      return { file: '', bytes: 0, sha256: '', vertex, instance, sections: [] };
    }
    const sections = sectionsOf(part);
    const file = partName(part);
    try {
      const client = await this.#client();
      const key = `${PARTS}${file}`;
      const { bytes, sha256 } = await writePartObject(client, key, part, this.#options.blockBytes);
      this.#loose.set(file, bytes);
      return { file, bytes, sha256, vertex, instance, ...compressionOf(part), sections };
    } catch (error) {
      // The object may be there all the same, or may still come to be there.
      this.#hasOrphans = true;
      const what = `the part of '${vertex}', instance ${instance}, for checkpoint ${part.checkpoint}`;
      throw writeError(what, this.location, error);
    }
  }

  async #writeManifest(manifest: Manifest): Promise<void> {
    const { checkpoint, epoch } = manifest;
    const what = `the manifest of checkpoint ${checkpoint}`;
    const { content } = this.#held();
    let entry: IndexedCheckpoint;
    try {
      const bytes = encodeManifest(manifest);
      if (content.checkpoints.some((one) => one.checkpoint === checkpoint)) {
        throw new Error(`checkpoint ${checkpoint} exists already; ids are used once`);
      }
      await this.#assertParts(manifest);
      const name = manifestObjectName(checkpoint, epoch, randomBytes(8).toString('hex'));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await putNew(await this.#client(), `${MANIFESTS}${name}`, bytes, sha256);
      entry = { checkpoint, epoch, manifest: name, bytes: bytes.length, sha256 };
    } catch (error) {
      this.#hasOrphans = true;
      throw writeError(what, this.location, error);
    }
    const named = filesNamed(manifest);
    try {
      await this.#commit(what, withCheckpoint(content, entry));
    } catch (error) {
      for (const file of named) this.#doubtful.add(file);
      this.#hasOrphans = true;
      throw error;
    }
    this.#named.set(checkpoint, named);
    for (const file of named) this.#loose.delete(file);
  }

  /** I6: what a manifest names is there. */
  async #assertParts(manifest: Manifest): Promise<void> {
    const client = await this.#client();
    const named = [...this.#named.values()];
    const unsure = manifest.parts
      .flatMap(filesOf)
      .filter(({ file, bytes }) => this.#loose.get(file) !== bytes)
      // What an older checkpoint names is there.
      .filter(({ file }) => !named.some((files) => files.has(file)));
    for (let at = 0; at < unsure.length; at += HEADS_MAX) {
      await Promise.all(
        unsure.slice(at, at + HEADS_MAX).map(async ({ file, bytes }) => {
          const found = (await client.head(`${PARTS}${file}`))?.bytes;
          if (found === bytes) return;
          throw new Error(
            `its part '${file}' should have ${bytes} bytes and has ${found ?? 'none'}`,
          );
        }),
      );
    }
  }

  async #readManifest(entry: IndexedCheckpoint): Promise<Manifest> {
    const manifest = await readManifestObject(await this.#client(), this.location, entry);
    if (this.#owner !== undefined) this.#named.set(entry.checkpoint, filesNamed(manifest));
    return manifest;
  }

  async #prune(retain: number): Promise<void> {
    const { content } = this.#held();
    const kept = content.checkpoints.slice(0, retain);
    const dropped = content.checkpoints.slice(retain);
    const newest = kept[0];
    if (newest === undefined) return;
    const known = dropped.flatMap((one) => [...(this.#named.get(one.checkpoint) ?? [])]);
    if (dropped.length > 0) {
      await this.#commit('the list of checkpoints', { ...content, checkpoints: kept });
      // Read by nobody in this process: only a listing finds what they named.
      if (dropped.some((one) => !this.#named.has(one.checkpoint))) this.#hasOrphans = true;
      for (const one of dropped) this.#named.delete(one.checkpoint);
    }
    await this.#sweep(kept, newest.checkpoint, dropped, known);
  }

  /** B5. */
  async #sweep(
    kept: readonly IndexedCheckpoint[],
    newest: number,
    dropped: readonly IndexedCheckpoint[],
    known: readonly string[],
  ): Promise<void> {
    const marked = new Set(this.#doubtful);
    for (const entry of kept) {
      if (!this.#named.has(entry.checkpoint)) await this.#readManifest(entry);
      for (const file of this.#named.get(entry.checkpoint)!) marked.add(file);
    }
    const client = await this.#client();
    const passed = [...this.#loose.keys()].filter((file) => partOfName(file)!.checkpoint <= newest);
    const parts = new Set([...known, ...passed]);
    const manifests = new Set(dropped.map((one) => one.manifest));
    const lists = this.#hasOrphans;
    // Before the first wait: what fails meanwhile is for the next sweep.
    this.#hasOrphans = this.#doubtful.size > 0;
    try {
      await this.#removeUnmarked(client, { kept, newest, marked, parts, manifests, lists });
    } catch (error) {
      // They are forgotten here, and the next sweep lists.
      this.#hasOrphans = true;
      throw error;
    }
  }

  async #removeUnmarked(
    client: ObjectClient,
    sweep: {
      readonly kept: readonly IndexedCheckpoint[];
      readonly newest: number;
      readonly marked: ReadonlySet<string>;
      readonly parts: Set<string>;
      readonly manifests: Set<string>;
      readonly lists: boolean;
    },
  ): Promise<void> {
    const { kept, newest, marked, parts, manifests, lists } = sweep;
    if (lists) {
      const epochs = [this.#held().content.epoch, ...kept.map((one) => one.epoch)];
      const found = await listOrphans(client, newest, Math.max(...epochs));
      for (const name of found.parts) parts.add(name);
      for (const name of found.manifests) manifests.add(name);
      for (const one of kept) manifests.delete(one.manifest);
    }
    for (const file of marked) parts.delete(file);
    for (const file of parts) this.#loose.delete(file);
    const failures = [
      await removeAll(client, MANIFESTS, [...manifests]),
      await removeAll(client, PARTS, [...parts]),
    ];
    const failure = failures.find((one) => one !== undefined);
    if (failure !== undefined) throw cleanUpError(this.location, failure.cause);
  }

  #isGivenUp(file: string): boolean {
    if (!this.#loose.has(file) || this.#doubtful.has(file)) return false;
    for (const named of this.#named.values()) if (named.has(file)) return false;
    return true;
  }

  /** One conditional write of the index (B1); only within a turn. */
  async #commit(what: string, content: IndexContent): Promise<void> {
    try {
      await this.#held().commit(content);
    } catch (error) {
      if (isHoldfastError(error, 'ERR_HOLDFAST_CHECKPOINT_LOCKED')) throw error;
      throw writeError(what, this.location, error);
    }
  }

  async #content(): Promise<IndexContent> {
    if (this.#owner?.isHeld === true) return this.#owner.content;
    const found = await new IndexRegister(await this.#client(), this.location).read();
    return found?.index ?? { epoch: 0, checkpoints: [] };
  }

  #held(): ObjectStoreOwner {
    assert(this.#owner?.isHeld === true, 'the checkpoint store is acquired');
    return this.#owner;
  }

  async #client(): Promise<ObjectClient> {
    this.#connection ??= this.#options.connect();
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw asStoreError(this.location, error);
    }
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.then(
      (client) => client.close(),
      () => {},
    );
  }
}

function lastIn({ checkpoints, rewound = 0 }: IndexContent): number {
  return Math.max(rewound, checkpoints[0]?.checkpoint ?? 0);
}
