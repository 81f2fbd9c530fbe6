import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import type { PartDescriptor } from '../../src/checkpoint/store.js';
import { CrashFileSystem, errno, type Operation, PowerCut } from './crash-file-system.js';
import { sampleManifest, samplePart } from './samples.js';

const ROOT = '/checkpoints';

/** What a run was promised, to be compared with what is found afterwards. */
interface Promised {
  readonly completed: Set<number>;
  /** Told that they failed. */
  readonly failed: Set<number>;
  /** May be gone: pruning or clearing had begun. */
  readonly released: Set<number>;
  epoch: number;
  finished: boolean;
  readonly errors: unknown[];
}

/** A driver's life: epochs, checkpoints with several parts at a time, pruning, at last a mark. */
async function live(files: CrashFileSystem, promised: Promised, firstId = 1): Promise<void> {
  const attempt = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      if (error instanceof PowerCut || (error as Error).cause instanceof PowerCut) throw error;
      promised.errors.push(error);
    }
  };
  const store = new DirectoryStore(ROOT, { files });
  await store.acquire();
  await attempt(async () => {
    const epoch = await store.nextEpoch();
    expect(epoch).toBeGreaterThan(promised.epoch);
    promised.epoch = epoch;
  });
  for (let checkpoint = firstId; checkpoint < firstId + 4; checkpoint += 1) {
    const parts: PartDescriptor[] = [];
    await attempt(async () => {
      const written = await Promise.allSettled(
        [0, 1, 2].map((instance) => store.writePart(samplePart({ checkpoint, instance }))),
      );
      for (const one of written) if (one.status === 'fulfilled') parts.push(one.value);
      const failed = written.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason as Error;
      await store.writeManifest(sampleManifest(checkpoint, parts));
      promised.completed.add(checkpoint);
    });
    if (!promised.completed.has(checkpoint)) {
      promised.failed.add(checkpoint);
      await store.discard(parts);
    }
    await attempt(async () => {
      const ids = [...promised.completed].sort((a, b) => b - a);
      for (const id of ids.slice(2)) promised.released.add(id);
      await store.prune(2);
    });
  }
  await attempt(async () => {
    await store.markFinished({ run: 'r', checkpoint: firstId + 3, result: {} });
    promised.finished = true;
  });
  await store.close();
}

const nothingPromised = (): Promised => ({
  completed: new Set(),
  failed: new Set(),
  released: new Set(),
  epoch: 0,
  finished: false,
  errors: [],
});

/** Opens what is left and holds it against the promises. */
async function audit(files: CrashFileSystem, promised: Promised): Promise<void> {
  // A reboot makes the lock stale; how that is told is tested with the lock.
  await files.remove(`${ROOT}/lock`).catch(() => {});
  const store = new DirectoryStore(ROOT, { files });
  await store.acquire();
  const ids = await store.list();
  for (const id of promised.completed) {
    if (!promised.released.has(id)) expect(ids).toContain(id);
  }
  for (const id of ids) {
    // I6, I19: whatever is listed is whole.
    const manifest = await store.readManifest(id);
    expect(manifest.parts).toHaveLength(3);
    for (const part of manifest.parts) expect(await store.readPart(part)).toHaveLength(3);
  }
  expect(await store.nextEpoch()).toBeGreaterThan(promised.epoch);
  if (promised.finished) expect(await store.readFinished()).toBeDefined();
  for (const directory of [ROOT, `${ROOT}/parts`, `${ROOT}/manifests`]) {
    const names = await files.list(directory);
    expect(names.filter((name) => name.startsWith('tmp-'))).toEqual([]);
  }
  await store.close();
  expect(files.openFiles).toBe(0);
}

async function operationsOfALife(): Promise<number> {
  const files = new CrashFileSystem();
  const promised = nothingPromised();
  await live(files, promised);
  expect(promised.errors).toEqual([]);
  expect(promised.completed.size).toBe(4);
  return files.operations;
}

describe('directory store when the power fails', () => {
  test('at every single operation: what was promised is there, what is listed is whole', async () => {
    const total = await operationsOfALife();
    expect(total).toBeGreaterThan(150);
    for (let at = 0; at < total; at += 1) {
      const files = new CrashFileSystem();
      const promised = nothingPromised();
      let count = 0;
      files.onOperation = () => {
        if (count >= at) throw new PowerCut();
        count += 1;
        return undefined;
      };
      await live(files, promised).catch(() => {});
      for (const seed of [1, 2, 3]) {
        const random = seededRandom(at * 10 + seed);
        await audit(
          files.afterPowerCut(() => random.next()),
          promised,
        );
      }
    }
  });

  test('again and again, in the middle of recovering', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(260), fc.nat()), { minLength: 2, maxLength: 4 }),
        async (cuts) => {
          let files = new CrashFileSystem();
          const promised = nothingPromised();
          let firstId = 1;
          for (const [at, seed] of cuts) {
            let count = 0;
            files.onOperation = () => {
              if (count >= at) throw new PowerCut();
              count += 1;
              return undefined;
            };
            await files.remove(`${ROOT}/lock`).catch(() => {});
            await live(files, promised, firstId).catch(() => {});
            const random = seededRandom(seed);
            files = files.afterPowerCut(() => random.next());
            firstId += 10;
            // What this life had written without living to hear of it counts in the next one.
            const names = await files.list(`${ROOT}/manifests`).catch(() => []);
            for (const name of names) {
              const id = Number(/^(\d{10})\.json$/.exec(name)?.[1]);
              if (id > 0) promised.completed.add(id);
            }
          }
          await audit(files, promised);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('directory store when one operation fails', () => {
  const faults: readonly [string, Operation['kind'][], () => number][] = [
    ['EIO', ['create', 'write', 'sync', 'sync-directory', 'close'], fail('EIO')],
    ['EIO', ['open', 'read', 'list', 'size'], fail('EIO')],
    ['ENOSPC', ['create', 'write', 'rename', 'make-directory', 'link'], fail('ENOSPC')],
    ['EROFS', ['create', 'rename', 'remove', 'link', 'make-directory'], fail('EROFS')],
    ['EACCES', ['open', 'open-directory', 'list', 'size', 'read'], fail('EACCES')],
  ];
  test.each(faults)(
    '%s: a typed error, nothing left behind, and the next one works',
    async (...fault) => {
      const [code, kinds, act] = fault;
      let failures = 0;
      const total = await operationsOfALife();
      for (let at = 0; at < total; at += 1) {
        const files = new CrashFileSystem();
        const promised = nothingPromised();
        let count = 0;
        let hit: Operation | undefined;
        files.onOperation = (operation) => {
          if (hit !== undefined || !kinds.includes(operation.kind)) return undefined;
          count += 1;
          if (count <= at) return undefined;
          hit = operation;
          return act();
        };
        try {
          await live(files, promised);
        } catch (error) {
          promised.errors.push(error);
        }
        if (hit === undefined) break;
        failures += 1;
        for (const error of promised.errors) {
          if (!isHoldfastError(error)) throw error;
          expect(error.code).toMatch(/^ERR_HOLDFAST_CHECKPOINT_(FAILED|DIRECTORY|CORRUPT)$/);
          expect(error.message).toContain(code);
          expect(error.message).toContain(ROOT);
        }
        expect(promised.errors.length).toBeLessThanOrEqual(2);
        files.onOperation = () => undefined;
        expect(files.openFiles).toBe(0);
        // What was told to have failed does not exist, and no part of it stays for ever.
        const again = nothingPromised();
        again.epoch = promised.epoch;
        await live(files, again, 11);
        expect(again.completed.size).toBe(4);
        const parts = await files.list(`${ROOT}/parts`);
        expect(parts).toHaveLength(6);
        const manifests = await files.list(`${ROOT}/manifests`);
        expect([...manifests].sort()).toEqual(['0000000013.json', '0000000014.json']);
        const random = seededRandom(at);
        await audit(
          files.afterPowerCut(() => random.next()),
          again,
        );
      }
      expect(failures).toBeGreaterThan(5);
    },
  );

  test('a manifest whose fsync of the directory failed is taken back', async () => {
    const files = new CrashFileSystem();
    const store = new DirectoryStore(ROOT, { files });
    await store.acquire();
    const part = await store.writePart(samplePart());
    let failing = true;
    files.onOperation = ({ kind, path }) => {
      if (failing && kind === 'sync-directory' && path.endsWith('manifests')) {
        failing = false;
        throw errno('EIO');
      }
      return undefined;
    };
    await expect(store.writeManifest(sampleManifest(1, [part]))).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_FAILED',
    });
    expect(await store.list()).toEqual([]);
    await store.discard([part]);
    for (let seed = 0; seed < 20; seed += 1) {
      const random = seededRandom(seed);
      const later = files.afterPowerCut(() => random.next());
      expect(await later.list(`${ROOT}/manifests`)).toEqual([]);
    }
    await store.close();
  });

  test('a manifest that may come back after a power cut keeps its parts', async () => {
    const files = new CrashFileSystem();
    const store = new DirectoryStore(ROOT, { files });
    await store.acquire();
    const parts = [];
    for (const instance of [0, 1, 2]) parts.push(await store.writePart(samplePart({ instance })));
    files.onOperation = ({ kind, path }) => {
      if (kind === 'sync-directory' && path.endsWith('manifests')) throw errno('EIO');
      return undefined;
    };
    await expect(store.writeManifest(sampleManifest(1, parts))).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_FAILED',
    });
    expect(await store.list()).toEqual([]);
    await store.discard(parts);
    files.onOperation = () => undefined;
    let cameBack = 0;
    for (let seed = 0; seed < 40; seed += 1) {
      const random = seededRandom(seed);
      const later = files.afterPowerCut(() => random.next());
      cameBack += (await later.list(`${ROOT}/manifests`)).includes('0000000001.json') ? 1 : 0;
      await audit(later, nothingPromised());
    }
    expect(cameBack).toBeGreaterThan(0);
    await store.close();
  });

  test('a corrupt manifest stops the sweep: nothing is deleted on a guess', async () => {
    const files = new CrashFileSystem();
    await live(files, nothingPromised());
    const before = await files.list(`${ROOT}/parts`);
    files.damage(`${ROOT}/manifests/0000000003.json`, (bytes) => bytes.fill(0x20, 200, 210));
    const store = new DirectoryStore(ROOT, { files });
    await store.acquire();
    await expect(store.prune(2)).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' });
    expect(await files.list(`${ROOT}/parts`)).toEqual(before);
    await store.close();
  });
});

function fail(code: string): () => number {
  return () => {
    throw errno(code);
  };
}
