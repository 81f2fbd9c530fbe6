import { describe, expect, test } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { manifestName } from '../../src/checkpoint/directory/directory-layout.js';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import type { PartDescriptor, RestoredPartSection } from '../../src/checkpoint/store.js';
import { CrashFileSystem, errno, PowerCut } from './crash-file-system.js';
import { bytesOf, rejection, sampleManifest, samplePart } from './samples.js';

const ROOT = '/checkpoints';

async function opened(files: CrashFileSystem): Promise<DirectoryStore> {
  // A reboot makes the lock stale; how that is told is tested with the lock.
  await files.remove(`${ROOT}/lock`).catch(() => {});
  const store = new DirectoryStore(ROOT, { files });
  await store.acquire();
  return store;
}

async function complete(
  store: DirectoryStore,
  checkpoint: number,
  shared: readonly PartDescriptor[] = [],
): Promise<PartDescriptor> {
  const part = await store.writePart(samplePart({ checkpoint }));
  await store.writeManifest(sampleManifest(checkpoint, [part, ...shared]));
  return part;
}

/** Four checkpoints; all name a part of the first. */
async function four(files: CrashFileSystem): Promise<DirectoryStore> {
  const store = await opened(files);
  const base = await store.writePart(samplePart({ checkpoint: 1, instance: 1 }));
  for (const checkpoint of [1, 2, 3, 4]) await complete(store, checkpoint, [base]);
  return store;
}

async function expectWhole(store: DirectoryStore): Promise<readonly number[]> {
  const ids = await store.list();
  for (const id of ids) {
    const { parts } = await store.readManifest(id);
    expect(parts.length).toBeGreaterThan(0);
    for (const part of parts) expect(await store.readPart(part)).toHaveLength(3);
  }
  return ids;
}

async function operationsOf(act: (store: DirectoryStore) => Promise<void>): Promise<number> {
  const files = new CrashFileSystem();
  const store = await four(files);
  const before = files.operations;
  await act(store);
  return files.operations - before;
}

describe('rewinding a directory', () => {
  const rewind = (store: DirectoryStore) => store.rewind(1);

  test('cut off anywhere: newer ones are gone from the newest on, the rest is whole', async () => {
    const total = await operationsOf(rewind);
    expect(total).toBeGreaterThan(8);
    const found = new Set<string>();
    for (let at = 0; at <= total; at += 1) {
      for (let seed = 1; seed <= 8; seed += 1) {
        const files = new CrashFileSystem();
        const store = await four(files);
        let count = 0;
        files.onOperation = () => {
          count += 1;
          if (count > at) throw new PowerCut();
          return undefined;
        };
        const isDone = await rewind(store).then(
          () => true,
          () => false,
        );
        const random = seededRandom(at * 100 + seed);
        const later = files.afterPowerCut(() => random.next());
        const next = await opened(later);
        const ids = await expectWhole(next);
        // Never a newer one above a gap: it would be restored though its elder was forgotten.
        expect(ids).toEqual([4, 3, 2, 1].slice(4 - ids.length));
        expect(ids).toContain(1);
        if (isDone) expect(ids).toEqual([1]);
        found.add(ids.join());
        await rewind(next);
        await complete(next, 5);
        await next.prune(2);
        expect(await expectWhole(next)).toEqual([5, 1]);
        expect(await later.list(`${ROOT}/parts`)).toHaveLength(3);
        await next.close();
      }
    }
    expect(found.size).toBe(4);
  });

  test('that fails is a typed error; the next attempt does it for good', async () => {
    const total = await operationsOf(rewind);
    let failures = 0;
    for (let at = 0; at < total; at += 1) {
      const files = new CrashFileSystem();
      const store = await four(files);
      let count = 0;
      files.onOperation = () => {
        count += 1;
        if (count === at + 1) throw errno('EIO');
        return undefined;
      };
      try {
        await rewind(store);
      } catch (error) {
        failures += 1;
        expect(isHoldfastError(error, 'ERR_HOLDFAST_CHECKPOINT_DIRECTORY')).toBe(true);
      }
      files.onOperation = () => undefined;
      await rewind(store);
      expect(await expectWhole(store)).toEqual([1]);
      for (let seed = 1; seed <= 5; seed += 1) {
        const random = seededRandom(seed);
        const next = await opened(files.afterPowerCut(() => random.next()));
        expect(await expectWhole(next)).toEqual([1]);
        await next.close();
      }
      await store.close();
    }
    expect(failures).toBeGreaterThan(5);
  });
});

describe('pruning a directory', () => {
  test('that failed half-way: no manifest comes back after its parts have gone', async () => {
    const prune = (store: DirectoryStore) => store.prune(1);
    const total = await operationsOf(prune);
    for (let at = 0; at < total; at += 1) {
      const files = new CrashFileSystem();
      const store = await four(files);
      let count = 0;
      files.onOperation = () => {
        count += 1;
        if (count === at + 1) throw errno('EIO');
        return undefined;
      };
      await prune(store).catch(() => {});
      files.onOperation = () => undefined;
      await prune(store);
      for (let seed = 1; seed <= 10; seed += 1) {
        const random = seededRandom(seed);
        const next = await opened(files.afterPowerCut(() => random.next()));
        expect((await expectWhole(next))[0]).toBe(4);
        await next.close();
      }
      await store.close();
    }
  });
});

describe('clearing a directory', () => {
  test('cut off anywhere: what is left is whole, and the newest goes last', async () => {
    const clear = (store: DirectoryStore) => store.clear();
    const total = await operationsOf(clear);
    for (let at = 0; at <= total; at += 1) {
      const files = new CrashFileSystem();
      const store = await four(files);
      let count = 0;
      files.onOperation = () => {
        count += 1;
        if (count > at) throw new PowerCut();
        return undefined;
      };
      const isDone = await clear(store).then(
        () => true,
        () => false,
      );
      const random = seededRandom(at);
      const next = await opened(files.afterPowerCut(() => random.next()));
      const ids = await expectWhole(next);
      if (isDone) expect(ids).toEqual([]);
      if (ids.length > 0) expect(ids[0]).toBe(4);
      await next.close();
    }
  });
});

describe('a directory on a bad disk', () => {
  test('that takes a few bytes at a time gets all of them', async () => {
    const files = new CrashFileSystem();
    let writes = 0;
    files.onOperation = ({ kind }) => {
      if (kind !== 'write') return undefined;
      writes += 1;
      return 1 + (writes % 7);
    };
    const store = await opened(files);
    const sections = [{ operator: 'a', name: 's', chunks: [bytesOf(3_000)] }];
    const part = await store.writePart(samplePart({ sections }));
    await store.writeManifest(sampleManifest(1, [part]));
    expect((await store.readPart(part))[0]!.bytes).toEqual(bytesOf(3_000));
    expect((await store.readManifest(1)).parts).toEqual([part]);
    expect(writes).toBeGreaterThan(500);
    await store.close();
  });

  test('that takes nothing fails the checkpoint', async () => {
    const files = new CrashFileSystem();
    const store = await opened(files);
    files.onOperation = ({ kind }) => (kind === 'write' ? 0 : undefined);
    const error = await rejection(store.writePart(samplePart()));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(error.message).toContain('wrote none');
    expect(await files.list(`${ROOT}/parts`)).toEqual([]);
    await store.close();
  });

  test('that only says it has synced: after a power cut a checkpoint is exact, or corrupt', async () => {
    const outcomes = { exact: 0, corrupt: 0, missing: 0 };
    for (let seed = 1; seed <= 60; seed += 1) {
      const files = new CrashFileSystem();
      const store = await opened(files);
      files.liesAboutContent = seed % 4 !== 0;
      const parts: PartDescriptor[] = [];
      for (const checkpoint of [1, 2]) parts.push(await complete(store, checkpoint));
      const random = seededRandom(seed);
      const later = files.afterPowerCut(() => random.next());
      const next = await opened(later);
      for (const id of [1, 2]) {
        try {
          const manifest = await next.readManifest(id);
          expect(manifest).toEqual(sampleManifest(id, [parts[id - 1]!]));
          const read = await next.readPart(manifest.parts[0]!);
          expect(read.map(contentOf)).toEqual(expectedSections());
          outcomes.exact += 1;
        } catch (error) {
          if (isHoldfastError(error, 'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND')) outcomes.missing += 1;
          else if (isHoldfastError(error, 'ERR_HOLDFAST_CHECKPOINT_CORRUPT')) outcomes.corrupt += 1;
          else throw error;
        }
      }
      await next.close();
    }
    expect(outcomes.corrupt).toBeGreaterThan(10);
    expect(outcomes.exact).toBeGreaterThan(0);
    expect(outcomes.missing).toBe(0);
  });

  test('that flips any bit of a checkpoint is found out', async () => {
    const files = new CrashFileSystem();
    const store = await opened(files);
    const part = await complete(store, 1);
    const paths = [`${ROOT}/parts/${part.file}`, `${ROOT}/manifests/${manifestName(1)}`];
    for (const path of paths) {
      const bytes = files.bytes(path);
      for (let at = 0; at < bytes.length; at += 1) {
        files.damage(path, (copy) => {
          copy[at]! ^= 1 << (at % 8);
          return copy;
        });
        const error = await rejection(readAll(store, 1));
        expect(error.code).toMatch(/^ERR_HOLDFAST_CHECKPOINT_(CORRUPT|FORMAT)$/);
        expect(error.message).toContain(path);
        files.damage(path, () => bytes);
      }
    }
    expect(await readAll(store, 1)).toEqual(expectedSections());
    await store.close();
  });

  test('that is cut short or lacks a file is found out', async () => {
    const files = new CrashFileSystem();
    const store = await opened(files);
    const part = await complete(store, 1);
    const path = `${ROOT}/parts/${part.file}`;
    const bytes = files.bytes(path);
    for (const length of [0, 1, 19, 20, 100, bytes.length - 1]) {
      files.damage(path, () => bytes.slice(0, length));
      const error = await rejection(readAll(store, 1));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      expect(error['details']).toMatchObject({ check: 'size in bytes', found: String(length) });
    }
    await files.remove(path);
    const error = await rejection(readAll(store, 1));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    await store.close();
  });
});

async function readAll(store: DirectoryStore, checkpoint: number): Promise<readonly unknown[]> {
  const { parts } = await store.readManifest(checkpoint);
  const read: unknown[] = [];
  for (const part of parts) read.push(...(await store.readPart(part)).map(contentOf));
  return read;
}

function contentOf({ operator, name, bytes }: RestoredPartSection): unknown {
  return [operator, name, Buffer.from(bytes).toString('hex')];
}

function expectedSections(): readonly unknown[] {
  return samplePart().sections.map(({ operator, name, chunks }) => [
    operator,
    name,
    Buffer.concat(chunks.map((chunk) => new Uint8Array(chunk))).toString('hex'),
  ]);
}
