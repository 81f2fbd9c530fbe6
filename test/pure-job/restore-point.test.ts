import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { findRestorePoint } from '../../src/job/recovery/restore-point.js';
import { sampleManifest, samplePart } from '../checkpoint/samples.js';

async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.acquire();
  for (const checkpoint of [1, 2, 3]) {
    const part = await store.writePart(samplePart({ checkpoint }));
    await store.writeManifest(sampleManifest(checkpoint, [part]));
  }
  return store;
}

test('ids go on above those that a run forgot when it went back, and died before its next checkpoint', async () => {
  const store = await filled();
  await store.rewind(1);
  const point = await findRestorePoint(store, { kind: 'checkpoint', checkpoint: 1 });
  expect(point).toMatchObject({ manifest: { checkpoint: 1 }, lastCheckpoint: 3 });
});

test('a store that cannot tell is taken at its list', async () => {
  const store: CheckpointStore = Object.assign(await filled(), { lastCheckpoint: undefined });
  const point = await findRestorePoint(store, { kind: 'latest' });
  expect(point).toMatchObject({ manifest: { checkpoint: 3 }, lastCheckpoint: 3 });
});
