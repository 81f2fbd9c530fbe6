import { expect, test } from 'vitest';
import { copyCheckpoint } from '../../src/checkpoint/copy-checkpoint.js';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import { chainOf, filesOf, linkPart } from '../../src/checkpoint/parts/part-chain.js';
import type { Manifest } from '../../src/checkpoint/store.js';
import { bytesOf, rejection, sampleManifest, samplePart } from './samples.js';

const STATE = { operator: 'count', name: 'state' };

async function chained(): Promise<{ store: MemoryStore; manifest: Manifest }> {
  const store = new MemoryStore();
  await store.acquire();
  const write = (checkpoint: number, bytes: number) =>
    store.writePart(samplePart({ checkpoint, sections: [{ ...STATE, chunks: [bytesOf(bytes)] }] }));
  const full = await write(1, 100);
  await store.writeManifest(sampleManifest(1, [full]));
  const part = linkPart(await write(2, 20), [STATE], full);
  const manifest = sampleManifest(2, [part], { format: 2 });
  await store.writeManifest(manifest);
  return { store, manifest };
}

test('a copy of a checkpoint that builds on others is whole, and needs nothing of where it came from', async () => {
  const { store, manifest } = await chained();
  const to = new MemoryStore();
  await to.acquire();
  const copied = await copyCheckpoint(store, manifest, to);
  await store.clear();
  expect(await to.list()).toEqual([2]);
  expect(await to.readManifest(2)).toEqual(copied);
  const [part] = copied.parts;
  const names = new Set(manifest.parts.flatMap(filesOf).map(({ file }) => file));
  expect(filesOf(part!).some(({ file }) => names.has(file))).toBe(false);
  const lengths: number[] = [];
  for (const { file, section } of chainOf(part!, STATE)!) {
    lengths.push((await to.readPart(file))[section]!.bytes.length);
  }
  expect(lengths).toEqual([100, 20]);
});

test('what cannot be read is not copied, and leaves nothing behind', async () => {
  const { store, manifest } = await chained();
  const to = new MemoryStore();
  await to.acquire();
  const [part] = manifest.parts;
  const damaged = { ...manifest, parts: [{ ...part!, sha256: '0'.repeat(64) }] };
  const error = await rejection(copyCheckpoint(store, damaged, to));
  expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
  expect(await to.list()).toEqual([]);
});
