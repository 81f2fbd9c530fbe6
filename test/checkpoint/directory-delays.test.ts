/**
 * A directory whose disk is slow, and one that shows old listings (a network file system that keeps them).
 *
 * Where each kind of fault is injected, by store; what cannot occur on a store has no line for it:
 *
 *                        directory                             object store
 *   short write          directory-faults, part-file           (a request counts as a whole, or not)
 *   EIO                  directory-crash (reads and writes)    object-faults: refusals, cut connections
 *   ENOSPC               directory-crash                       object-faults: a full disk
 *   slow                 here                                  object-service: slow, never answering
 *   torn                 directory-crash: power cuts           object-faults: cut off anywhere, late
 *   lost without fsync   directory-crash, directory-faults     (an answered write is durable)
 *   flipped bit          directory-faults, part-file           object-faults
 *   missing file         directory-faults, store-conformance   object-faults, store-conformance
 *   stale listing        here                                  object-faults
 *
 * A store in memory has the ones that can befall it in store-conformance alone.
 */

import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import type { FileSystem } from '../../src/checkpoint/directory/file-system.js';
import type { PartDescriptor } from '../../src/checkpoint/store.js';
import { CrashFileSystem } from './crash-file-system.js';
import { bytesOf, rejection, sampleManifest, samplePart } from './samples.js';

const ROOT = '/checkpoints';
const SEEDS = 30;
const TURNS_MAX = 12;

/** Every operation, those of open files included, is done some turns of the event loop later. */
function slow<T extends object>(target: T, random: () => number): T {
  return new Proxy(target, {
    get(holder, name) {
      const member: unknown = Reflect.get(holder, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        const turns = Math.floor(random() * TURNS_MAX);
        for (let i = 0; i < turns; i += 1) await new Promise((resolve) => setImmediate(resolve));
        const result: unknown = await member.apply(holder, args);
        const isHandle = typeof result === 'object' && result !== null && 'close' in result;
        return isHandle ? slow(result, random) : result;
      };
    },
  });
}

async function opened(files: FileSystem): Promise<DirectoryStore> {
  const store = new DirectoryStore(ROOT, { files });
  await store.acquire();
  return store;
}

async function expectWhole(store: DirectoryStore, expected: readonly number[]): Promise<void> {
  expect(await store.list()).toEqual(expected);
  for (const id of expected) {
    for (const part of (await store.readManifest(id)).parts) {
      expect(await store.readPart(part)).toHaveLength(3);
    }
  }
}

describe('a directory on a slow disk', () => {
  test('keeps what overlaps apart: parts of two checkpoints, a sweep, a discard, a close', async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const disk = new CrashFileSystem();
      const store = await opened(slow(disk, () => random.next()));
      const parts = (checkpoint: number): Promise<readonly PartDescriptor[]> =>
        Promise.all(
          [0, 1, 2].map((instance) =>
            store.writePart(
              samplePart({
                checkpoint,
                instance,
                sections: [1, 2, 3].map((n) => ({
                  operator: 'count',
                  name: `s${n}`,
                  chunks: [bytesOf(50 * n, checkpoint + instance)],
                })),
              }),
            ),
          ),
        );
      let next = parts(1);
      let givenUp: readonly PartDescriptor[] = [];
      for (const checkpoint of [1, 2, 3, 4]) {
        const written = await next;
        next = parts(checkpoint + 1);
        const sweep = store.prune(2);
        const discarded = store.discard(givenUp);
        // The third is given up while the sweep of the one before is still on its way.
        if (checkpoint === 3) givenUp = written;
        else await store.writeManifest(sampleManifest(checkpoint, written));
        await Promise.all([sweep, discarded]);
      }
      await Promise.all([next, store.prune(2), store.close()]);
      expect(disk.openFiles, `seed ${seed}`).toBe(0);
      const after = await opened(disk);
      await expectWhole(after, [4, 2]);
      const orphans = await next;
      await after.prune(2);
      // Of the fifth, which may be on its way for all that anybody knows, nothing is touched.
      for (const { file } of orphans) expect(await disk.list(`${ROOT}/parts`)).toContain(file);
      expect(await disk.list(`${ROOT}/parts`)).toHaveLength(9);
      await after.close();
    }
  });
});

describe('a directory with old listings', () => {
  interface Shown {
    readonly disk: CrashFileSystem;
    readonly files: FileSystem;
    /** From now on listings show what there is now. */
    freeze(): Promise<void>;
  }

  function showing(): Shown {
    const disk = new CrashFileSystem();
    const frozen = new Map<string, readonly string[]>();
    const files: FileSystem = {
      create: (path) => disk.create(path),
      open: (path) => disk.open(path),
      openDirectory: (path) => disk.openDirectory(path),
      makeDirectory: (path) => disk.makeDirectory(path),
      list: async (path) => frozen.get(path) ?? (await disk.list(path)),
      size: (path) => disk.size(path),
      rename: (from, to) => disk.rename(from, to),
      link: (existing, path) => disk.link(existing, path),
      remove: (path) => disk.remove(path),
    };
    return {
      disk,
      files,
      async freeze() {
        for (const name of ['', '/parts', '/manifests']) {
          frozen.set(ROOT + name, await disk.list(ROOT + name));
        }
      },
    };
  }

  async function complete(store: DirectoryStore, checkpoint: number): Promise<void> {
    const part = await store.writePart(samplePart({ checkpoint }));
    await store.writeManifest(sampleManifest(checkpoint, [part]));
  }

  test('sweeps nothing that a newer checkpoint needs', async () => {
    const { disk, files, freeze } = showing();
    const store = await opened(files);
    for (const checkpoint of [1, 2]) await complete(store, checkpoint);
    await freeze();
    for (const checkpoint of [3, 4, 5]) {
      await complete(store, checkpoint);
      await store.prune(2).catch(() => {}); // It may say that what it saw is gone.
    }
    await store.close();
    const after = await opened(disk);
    const ids = await after.list();
    expect(ids.slice(0, 3)).toEqual([5, 4, 3]);
    await expectWhole(after, ids);
    await after.prune(2);
    await expectWhole(after, [5, 4]);
    expect(await disk.list(`${ROOT}/parts`)).toHaveLength(2);
    await after.close();
  });

  test('a checkpoint that has gone and is still shown is an error that names it, never an empty one', async () => {
    const { files, freeze } = showing();
    const store = await opened(files);
    for (const checkpoint of [1, 2, 3]) await complete(store, checkpoint);
    await freeze();
    await store.rewind(2);
    const error = await rejection(store.readManifest(3));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(error.message).toContain('3');
    await store.close();
  });

  test('an id that is there and not shown is not given twice', async () => {
    const { disk, files, freeze } = showing();
    const first = await opened(files);
    await complete(first, 1);
    await freeze();
    await complete(first, 2);
    await first.close();
    // A run that sees checkpoint 1 only begins again from there: not in the place of the second.
    const second = await opened(files);
    const error = await rejection(complete(second, 2));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    await second.close();
    const after = await opened(disk);
    await expectWhole(after, [2, 1]);
    await after.close();
  });
});
