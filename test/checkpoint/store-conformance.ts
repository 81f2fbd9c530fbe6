/** What every checkpoint store promises, as tests. Each store runs all of them. */

import { describe, expect, test } from 'vitest';
import { COMPRESSIONS } from '../../src/checkpoint/parts/compression.js';
import { filesOf, linkPart } from '../../src/checkpoint/parts/part-chain.js';
import type { CheckpointStore, PartDescriptor } from '../../src/checkpoint/store.js';
import { bytesOf, rejection, sampleManifest, samplePart, shared } from './samples.js';

export interface StoreHarness {
  /** A new place. `open` gives a handle on it, each time another one where the store allows it. */
  make(): Promise<{
    open(): CheckpointStore;
    /** Names of the part files that are there. */
    partFiles(): Promise<readonly string[]>;
    /** As if the process of whoever has it had died; `undefined` where a process's death takes all along. */
    abandon: (() => Promise<void>) | undefined;
  }>;
}

export function storeConformance(name: string, harness: StoreHarness): void {
  const acquired = async () => {
    const place = await harness.make();
    const store = place.open();
    await store.acquire();
    return { ...place, store };
  };
  const complete = async (store: CheckpointStore, checkpoint: number, instances = 2) => {
    const parts: PartDescriptor[] = [];
    for (let instance = 0; instance < instances; instance += 1) {
      parts.push(await store.writePart(samplePart({ checkpoint, instance })));
    }
    await store.writeManifest(sampleManifest(checkpoint, parts));
    return parts;
  };

  describe(`store conformance: ${name}`, () => {
    test('is empty at first', async () => {
      const { store } = await acquired();
      expect(await store.list()).toEqual([]);
      expect(await store.readFinished()).toBeUndefined();
      await store.prune(3);
      await store.close();
    });

    test('gives back a part, section by section, in buffers that can be transferred', async () => {
      const { store } = await acquired();
      const chunks = [bytesOf(5_000), shared(bytesOf(70_000, 3)), new Uint8Array(), bytesOf(1, 8)];
      const expected = Buffer.concat(chunks.map((chunk) => new Uint8Array(chunk)));
      const sections = [
        { operator: 'a', name: 's', chunks },
        { operator: 'a', name: 'empty', chunks: [] },
        { operator: 'b', name: 's', chunks: [bytesOf(10).subarray(3, 6)] },
      ];
      const part = await store.writePart(samplePart({ sections }));
      expect(part).toMatchObject({
        vertex: 'count → sink/1',
        instance: 0,
        sections: [
          { operator: 'a', name: 's', bytes: 75_001 },
          { operator: 'a', name: 'empty', bytes: 0 },
          { operator: 'b', name: 's', bytes: 3 },
        ],
      });
      expect(part.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(part.bytes).toBeGreaterThanOrEqual(75_004);
      const read = await store.readPart(JSON.parse(JSON.stringify(part)) as PartDescriptor);
      expect(read.map((one) => one.bytes.length)).toEqual([75_001, 0, 3]);
      expect(Buffer.compare(read[0]!.bytes, expected)).toBe(0);
      expect(read[2]!.bytes).toEqual(bytesOf(10).slice(3, 6));
      for (const { bytes } of read) {
        expect(bytes.buffer).toBeInstanceOf(ArrayBuffer);
        expect(bytes.buffer.byteLength).toBe(bytes.length);
      }
      await store.close();
    });

    test.each([...COMPRESSIONS])('gives back what it was to store with %s', async (compression) => {
      const { store } = await acquired();
      const content = bytesOf(600_000).map((byte) => byte & 7);
      const sections = [
        { operator: 'a', name: 'large', chunks: [shared(content)] },
        { operator: 'a', name: 'small', chunks: [bytesOf(3)] },
      ];
      const part = await store.writePart(samplePart({ compression, sections }));
      expect(part.sections.map(({ bytes }) => bytes)).toEqual([600_000, 3]);
      const next = await store.writePart(samplePart({ compression, checkpoint: 2, sections }));
      const linked = linkPart(next, [{ operator: 'a', name: 'large' }], part);
      await store.writeManifest(sampleManifest(2, [linked], { format: 2 }));
      const [read] = (await store.readManifest(2)).parts;
      expect(read).toEqual(linked);
      for (const file of filesOf(read!)) {
        const [large, small] = await store.readPart(file);
        expect(Buffer.compare(large!.bytes, content)).toBe(0);
        expect(small!.bytes).toEqual(bytesOf(3));
      }
      await store.close();
    });

    test('a part without sections has no file', async () => {
      const { store, partFiles } = await acquired();
      const part = await store.writePart(samplePart({ sections: [] }));
      expect(part).toMatchObject({ file: '', bytes: 0, sections: [] });
      expect(await store.readPart(part)).toEqual([]);
      expect(await partFiles()).toEqual([]);
      await store.writeManifest(sampleManifest(1, [part]));
      expect((await store.readManifest(1)).parts).toEqual([part]);
      await store.close();
    });

    test('later changes of shared memory do not reach what was written', async () => {
      const { store } = await acquired();
      const chunk = shared(bytesOf(1_000));
      const part = await store.writePart(
        samplePart({ sections: [{ operator: 'a', name: 's', chunks: [chunk] }] }),
      );
      chunk.fill(0);
      expect((await store.readPart(part))[0]!.bytes).toEqual(bytesOf(1_000));
      await store.close();
    });

    test('names are never used twice', async () => {
      const { store } = await acquired();
      const parts = await Promise.all(
        Array.from({ length: 20 }, () => store.writePart(samplePart())),
      );
      expect(new Set(parts.map((part) => part.file)).size).toBe(20);
      await store.close();
    });

    test('a checkpoint exists when its manifest is written, and not before', async () => {
      const { store } = await acquired();
      const part = await store.writePart(samplePart());
      expect(await store.list()).toEqual([]);
      const manifest = sampleManifest(1, [part]);
      await store.writeManifest(manifest);
      expect(await store.list()).toEqual([1]);
      expect(await store.readManifest(1)).toEqual(manifest);
      await store.close();
    });

    test('checkpoints are listed newest first, by number', async () => {
      const { store } = await acquired();
      for (const id of [9, 10, 2, 12_345_678_901]) await store.writeManifest(sampleManifest(id));
      expect(await store.list()).toEqual([12_345_678_901, 10, 9, 2]);
      await store.close();
    });

    test('a manifest that names a missing part is refused', async () => {
      const { store } = await acquired();
      const part = await store.writePart(samplePart());
      await store.discard([part]);
      const error = await rejection(store.writeManifest(sampleManifest(1, [part])));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(error.message).toContain(part.file);
      expect(await store.list()).toEqual([]);
      await store.close();
    });

    test('an id is used once', async () => {
      const { store } = await acquired();
      await complete(store, 4);
      const error = await rejection(store.writeManifest(sampleManifest(4)));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(error.message).toContain('exists already');
      expect((await store.readManifest(4)).parts).toHaveLength(2);
      await store.close();
    });

    test('a manifest that could not be read again is not written', async () => {
      const { store } = await acquired();
      const wrong = sampleManifest(1, [], { createdAtMs: Number.NaN });
      const error = await rejection(store.writeManifest(wrong));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(await store.list()).toEqual([]);
      await store.close();
    });

    test('a checkpoint that is not there is told with those that are', async () => {
      const { store } = await acquired();
      await complete(store, 4);
      const error = await rejection(store.readManifest(5));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
      expect(error.message).toContain('there are 4');
      await store.close();
    });

    test('a part that is gone is corruption, not emptiness', async () => {
      const { store } = await acquired();
      const part = await store.writePart(samplePart());
      await store.discard([part]);
      const error = await rejection(store.readPart(part));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      expect(error.message).toContain(part.file);
      expect(error.message).toContain(part.sha256);
      await store.close();
    });

    test('keeps statistics until they are replaced or all is cleared, if it keeps any', async () => {
      const { store, open } = await acquired();
      expect(store.writeStatistics === undefined).toBe(store.readStatistics === undefined);
      expect(await store.readStatistics?.()).toBeUndefined();
      await store.writeStatistics?.(bytesOf(5_000));
      await store.writeStatistics?.(bytesOf(100, 3));
      await store.close();
      const again = open();
      await again.acquire();
      const kept = store.writeStatistics === undefined ? undefined : bytesOf(100, 3);
      expect(await again.readStatistics?.()).toEqual(kept);
      await again.clear();
      expect(await again.readStatistics?.()).toBeUndefined();
      await again.close();
    });

    test('discard removes parts given up, and never what a checkpoint names', async () => {
      const { store, partFiles } = await acquired();
      const named = await complete(store, 1);
      const loose = await store.writePart(samplePart({ checkpoint: 2 }));
      await store.discard([loose, loose, ...named]);
      expect([...(await partFiles())].sort()).toEqual(named.map((part) => part.file).sort());
      await store.close();
    });

    test('prune keeps the newest and all that they name, and parts on their way', async () => {
      const { store, partFiles } = await acquired();
      const orphan = await store.writePart(samplePart({ checkpoint: 3 }));
      const byId = new Map<number, PartDescriptor[]>();
      for (const id of [1, 2, 3, 4]) byId.set(id, await complete(store, id));
      const onItsWay = await store.writePart(samplePart({ checkpoint: 5 }));
      await store.prune(2);
      expect(await store.list()).toEqual([4, 3]);
      const kept = [...byId.get(3)!, ...byId.get(4)!, onItsWay].map((part) => part.file);
      expect([...(await partFiles())].sort()).toEqual(kept.sort());
      expect(kept).not.toContain(orphan.file);
      for (const id of [3, 4]) {
        for (const part of (await store.readManifest(id)).parts) await store.readPart(part);
      }
      await store.prune(2);
      expect(await store.list()).toEqual([4, 3]);
      await store.close();
    });

    test('prune keeps an old part that a newer checkpoint names as well', async () => {
      const { store } = await acquired();
      const [old] = await complete(store, 1, 1);
      const fresh = await store.writePart(samplePart({ checkpoint: 2, instance: 1 }));
      await store.writeManifest(sampleManifest(2, [old!, fresh]));
      await store.prune(1);
      expect(await store.list()).toEqual([2]);
      expect(await store.readPart(old!)).toHaveLength(3);
      await store.close();
    });

    test('files that several checkpoints build on go when the last of these goes, and not before', async () => {
      const { store, partFiles } = await acquired();
      const state = { operator: 'count', name: 'state' };
      const sections = [{ ...state, chunks: [bytesOf(100)] }];
      const files: string[] = [];
      let last: PartDescriptor | undefined;
      // In full at 1 and 4, changes at 2, 3, 5, 6.
      for (let checkpoint = 1; checkpoint <= 6; checkpoint += 1) {
        const written = await store.writePart(samplePart({ checkpoint, sections }));
        const part = linkPart(written, checkpoint % 3 === 1 ? [] : [state], last);
        const format = part.earlier === undefined ? 1 : 2;
        await store.writeManifest(sampleManifest(checkpoint, [part], { format }));
        files.push(part.file);
        last = part;
      }
      const kept = async () => [...(await partFiles())].sort();
      await store.prune(4);
      expect(await kept()).toEqual(files);
      // What is given up takes nothing of others with it.
      const given = linkPart(
        await store.writePart(samplePart({ checkpoint: 7, sections })),
        [state],
        last,
      );
      await store.discard([given]);
      expect(await kept()).toEqual(files);
      await store.prune(3);
      expect(await kept()).toEqual(files.slice(3));
      await store.prune(1);
      expect(await kept()).toEqual(files.slice(3));
      const [part] = (await store.readManifest(6)).parts;
      expect(part).toEqual(last);
      for (const file of filesOf(part!)) expect(await store.readPart(file)).toHaveLength(1);
      await store.rewind(6);
      await store.close();
    });

    test('a manifest whose earlier files are gone is refused', async () => {
      const { store } = await acquired();
      const state = { operator: 'count', name: 'state' };
      const sections = [{ ...state, chunks: [bytesOf(100)] }];
      const full = await store.writePart(samplePart({ sections }));
      const changes = await store.writePart(samplePart({ checkpoint: 2, sections }));
      const part = linkPart(changes, [state], full);
      await store.discard([full]);
      const error = await rejection(store.writeManifest(sampleManifest(2, [part], { format: 2 })));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(error.message).toContain(full.file);
      await store.close();
    });

    test('everything outlives a restart; epochs only grow', async () => {
      const { store, open } = await acquired();
      const first = await store.nextEpoch();
      const more = await Promise.all([store.nextEpoch(), store.nextEpoch()]);
      expect([first, ...more]).toEqual([first, first + 1, first + 2]);
      const parts = await complete(store, 1);
      await store.markFinished({ run: 'run-1', checkpoint: 1, result: { rows: 3 } });
      await store.close();
      const again = open();
      await again.acquire();
      expect(await again.nextEpoch()).toBe(first + 3);
      expect(await again.list()).toEqual([1]);
      expect((await again.readManifest(1)).parts).toEqual(parts);
      expect(await again.readPart(parts[1]!)).toHaveLength(3);
      expect(await again.readFinished()).toEqual({
        run: 'run-1',
        checkpoint: 1,
        result: { rows: 3 },
      });
      await again.prune(1);
      await again.close();
    });

    test('rewind forgets what is newer, for good; ids above it go on', async () => {
      const { store, open, partFiles } = await acquired();
      for (const id of [1, 2, 3, 4]) await complete(store, id);
      await store.rewind(4);
      expect(await store.list()).toEqual([4, 3, 2, 1]);
      await store.rewind(2);
      expect(await store.list()).toEqual([2, 1]);
      const rejected = await rejection(store.readManifest(3));
      expect(rejected.code).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
      // Also for whoever comes before there is a newer one: a sink may know of the forgotten ids.
      expect(await store.lastCheckpoint!()).toBe(4);
      await store.close();
      await store.acquire();
      expect(await store.lastCheckpoint!()).toBe(4);
      await complete(store, 5);
      await store.prune(3);
      // Parts of the forgotten ones are swept with the next that completes.
      expect((await partFiles()).length).toBe(6);
      await store.close();
      const again = open();
      await again.acquire();
      expect(await again.list()).toEqual([5, 2, 1]);
      await again.close();
    });

    test('clear forgets checkpoints and the finished mark; epochs go on', async () => {
      const { store, partFiles } = await acquired();
      const epoch = await store.nextEpoch();
      await complete(store, 1);
      await complete(store, 2);
      await store.writePart(samplePart({ checkpoint: 3 }));
      await store.markFinished({ run: 'run-1', checkpoint: undefined, result: {} });
      await store.clear();
      expect(await store.list()).toEqual([]);
      expect(await store.readFinished()).toBeUndefined();
      expect(await partFiles()).toEqual([]);
      expect(await store.nextEpoch()).toBe(epoch + 1);
      await complete(store, 1);
      expect(await store.list()).toEqual([1]);
      await store.close();
    });

    test('a result that JSON cannot hold is refused by name', async () => {
      const { store } = await acquired();
      const mark = { run: 'r', checkpoint: 1, result: { rows: 1n } };
      const error = await rejection(store.markFinished(mark));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(error.message).toContain('rows');
      expect(await store.readFinished()).toBeUndefined();
      await store.close();
    });

    test('a second user is refused until the first has closed', async () => {
      const { store, open } = await acquired();
      const second = open();
      if (second !== store) {
        const error = await rejection(second.acquire());
        expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
        expect(error.message).toContain(String(process.pid));
        await second.close();
      } else {
        const error = await rejection(store.acquire());
        expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
        expect(error.message).toContain(String(process.pid));
      }
      await complete(store, 1);
      await store.close();
      await store.close();
      const third = open();
      await third.acquire();
      expect(await third.list()).toEqual([1]);
      await third.close();
    });

    test('the greatest complete one wins, whatever was begun later, and after a restart too', async () => {
      const { store, open } = await acquired();
      for (const id of [3, 5]) await complete(store, id);
      await store.writePart(samplePart({ checkpoint: 7 }));
      expect((await store.list())[0]).toBe(5);
      await store.close();
      const again = open();
      expect((await again.list())[0]).toBe(5);
      await again.acquire();
      expect((await again.list())[0]).toBe(5);
      await again.close();
    });

    test('nothing of a checkpoint is seen from outside before its manifest is there', async () => {
      const { store, open } = await acquired();
      const parts = await Promise.all(
        [0, 1, 2].map((instance) => store.writePart(samplePart({ instance }))),
      );
      const outside = open();
      expect(await outside.list()).toEqual([]);
      await store.writeManifest(sampleManifest(1, parts));
      expect(await outside.list()).toEqual([1]);
      expect((await outside.readManifest(1)).parts).toEqual(parts);
      for (const part of parts) expect(await outside.readPart(part)).toHaveLength(3);
      await store.close();
      await outside.close();
    });

    test('a part that several manifests name goes when the last of them has gone', async () => {
      const { store, open, partFiles } = await acquired();
      const base = await store.writePart(samplePart({ checkpoint: 1 }));
      for (const checkpoint of [1, 2, 3]) {
        const delta = await store.writePart(samplePart({ checkpoint, instance: 1 }));
        await store.writeManifest(sampleManifest(checkpoint, [base, delta]));
      }
      // As after a failed checkpoint 4 that built on the base.
      const lost = await store.writePart(samplePart({ checkpoint: 4 }));
      await store.discard([base, lost]);
      await store.prune(2);
      expect(await partFiles()).toHaveLength(3);
      expect(await store.readPart(base)).toHaveLength(3);
      await store.close();

      // This one has read none of the manifests that name it.
      const again = open();
      await again.acquire();
      await again.discard([base]);
      expect(await again.readPart(base)).toHaveLength(3);
      const fresh = await again.writePart(samplePart({ checkpoint: 5 }));
      await again.writeManifest(sampleManifest(5, [fresh, { ...base, instance: 1 }]));
      await again.prune(1);
      expect([...(await partFiles())].sort()).toEqual([base.file, fresh.file].sort());
      await complete(again, 6, 1);
      await again.prune(1);
      const gone = await rejection(again.readPart(base));
      expect(gone.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      expect(await partFiles()).toHaveLength(1);
      await again.close();
    });

    test('rewinding keeps what the checkpoint and a forgotten one both name', async () => {
      const { store } = await acquired();
      const base = await store.writePart(samplePart({ checkpoint: 1 }));
      for (const id of [1, 2]) await store.writeManifest(sampleManifest(id, [base]));
      await store.rewind(1);
      await store.discard([base]);
      await complete(store, 3);
      await store.prune(2);
      expect(await store.list()).toEqual([3, 1]);
      expect(await store.readPart(base)).toHaveLength(3);
      await store.close();
    });

    test('a manifest and a sweep of what it names at once: refused, or whole', async () => {
      for (const first of ['prune', 'manifest'] as const) {
        const { store } = await acquired();
        const [old] = await complete(store, 1, 1);
        await complete(store, 2, 1);
        const prune = () => store.prune(1);
        const write = () => store.writeManifest(sampleManifest(3, [old!]));
        const acts = first === 'prune' ? [prune, write] : [write, prune];
        await Promise.allSettled(acts.map((act) => act()));
        expect(await store.list()).toEqual([first === 'prune' ? 2 : 3]);
        for (const id of await store.list()) {
          for (const part of (await store.readManifest(id)).parts) await store.readPart(part);
        }
        await store.close();
      }
    });

    test('of several that start at once, one gets it', async () => {
      const place = await harness.make();
      const stores = [1, 2, 3, 4].map(() => place.open());
      const settled = await Promise.allSettled(stores.map((store) => store.acquire()));
      const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      expect(refused).toHaveLength(3);
      for (const { code } of refused as { code: string }[]) {
        expect(code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
      }
      await Promise.all(stores.map((store) => store.close()));
    });

    test('an epoch is never given twice, also when its taker dies at once', async () => {
      const { store, open, abandon } = await acquired();
      const given = [await store.nextEpoch(), await store.nextEpoch()];
      const lives = [store];
      let last = store;
      for (let life = 0; life < 3; life += 1) {
        if (abandon === undefined) await last.close();
        else await abandon();
        last = open();
        lives.push(last);
        await last.acquire();
        given.push(await last.nextEpoch());
        // Cut off in the middle of a checkpoint: there are parts of that epoch, and no manifest.
        await last.writePart(samplePart({ checkpoint: 9, epoch: given.at(-1)! }));
      }
      expect(given).toEqual([1, 2, 3, 4, 5]);
      for (const life of lives) await life.close();
    });

    test('whoever was taken over commits nothing and removes nothing any more', async () => {
      const { store: zombie, open, abandon, partFiles } = await acquired();
      // In memory a process's death takes all along: there is no zombie.
      if (abandon === undefined) return;
      await complete(zombie, 1);
      await complete(zombie, 2);
      const part = await zombie.writePart(samplePart({ checkpoint: 3 }));
      await abandon();
      const owner = open();
      await owner.acquire();
      const epoch = await owner.nextEpoch();
      const kept = await partFiles();
      const attempts = [
        () => zombie.writeManifest(sampleManifest(3, [part])),
        () => zombie.nextEpoch(),
        () => zombie.markFinished({ run: 'r', checkpoint: 2, result: {} }),
        () => zombie.prune(1),
        () => zombie.rewind(1),
        () => zombie.clear(),
      ];
      for (const attempt of attempts) {
        expect((await rejection(attempt())).code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
      }
      expect(await owner.list()).toEqual([2, 1]);
      expect(await owner.readFinished()).toBeUndefined();
      expect(await partFiles()).toEqual(kept);
      await zombie.close();
      expect(await owner.nextEpoch()).toBe(epoch + 1);
      const third = open();
      expect((await rejection(third.acquire())).code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
      await third.close();
      await owner.close();
    });
  });
}
