import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import { openCheckpoint } from '../../src/checkpoint/inspect/inspect-checkpoint.js';
import { inspectDirectory } from '../../src/checkpoint/inspect/inspect-directory.js';
import { affectedState } from '../../src/checkpoint/parts/part-damage.js';
import { CHUNK_BYTES } from '../../src/checkpoint/parts/part-file.js';
import type { PartDescriptor } from '../../src/checkpoint/store.js';
import { wayOn } from '../../src/checkpoint/way-on.js';
import { bytesOf, rejection, sampleManifest, samplePart, temporaryDirectory } from './samples.js';

const nowMs = 1_700_000_005_000;

/** Checkpoints 1, 2, 3, a second apart; each has a part of its own and all share one. */
async function three() {
  const directory = await temporaryDirectory();
  const store = new DirectoryStore(directory);
  await store.acquire();
  const shared = await store.writePart(samplePart({ instance: 1 }));
  const parts: PartDescriptor[] = [];
  for (const checkpoint of [1, 2, 3]) {
    const part = await store.writePart(samplePart({ checkpoint }));
    parts.push(part);
    await store.writeManifest(
      sampleManifest(checkpoint, [part, shared], {
        createdAtMs: 1_700_000_000_000 + checkpoint * 1_000,
        sourceRecords: { 'source/0': checkpoint * 100, 'source/1': 7 },
      }),
    );
  }
  await store.close();
  const damage = async (part: PartDescriptor) => {
    const path = join(directory, 'parts', part.file);
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
  };
  const verified = () => inspectDirectory(directory, { nowMs, verify: true });
  return { directory, shared, parts, damage, verified };
}

describe('whose state a damaged place is', () => {
  const large = (name: string, chunks: number) => ({
    operator: 'count',
    name,
    chunks: [bytesOf(Math.floor(chunks * CHUNK_BYTES))],
  });

  test('follows from the chunk that a checksum names', async () => {
    const directory = await temporaryDirectory();
    const store = new DirectoryStore(directory);
    await store.acquire();
    const sections = [large('a', 1.5), large('b', 1), large('c', 2), { ...large('d', 0) }];
    const part = await store.writePart(samplePart({ instance: 4, sections }));
    const path = join(directory, 'parts', part.file);
    const whole = await readFile(path);
    // Chunk → the sections that share it.
    const expected = [['a'], ['a', 'b'], ['b', 'c'], ['c'], ['c']];
    const head = whole.length - 4.5 * CHUNK_BYTES - 5 * 8;
    for (const [chunk, names] of expected.entries()) {
      const bytes = Buffer.from(whole);
      bytes[head + chunk * (CHUNK_BYTES + 8) + 1_000]! ^= 1;
      await writeFile(path, bytes);
      const error = await rejection(store.readPart(part));
      const { offset, check } = error['details'] as { offset: number; check: string };
      expect(check).toBe('CRC-32');
      const found = affectedState(part, offset);
      expect(found.map(({ section }) => section)).toEqual(names);
      expect(found[0]).toMatchObject({ operator: 'count', instance: 4 });
    }
    expect(affectedState(part, 8)).toHaveLength(4);
    expect(affectedState(part, undefined)).toHaveLength(4);
    await store.close();
  });

  test('is all of it when the file is gone', async () => {
    const { directory, parts, verified } = await three();
    await rm(join(directory, 'parts', parts[2]!.file));
    const [newest] = (await verified()).checkpoints;
    expect(newest!.damage[0]!.affects).toEqual([
      { operator: 'count', instance: 0, section: 'state', bytes: 137 },
      { operator: 'count', instance: 0, section: 'timers', bytes: 0 },
      { operator: 'sink', instance: 0, section: 'pending', bytes: 11 },
    ]);
  });
});

describe('the way on', () => {
  test('from whole checkpoints needs no words', async () => {
    expect(wayOn(await (await three()).verified())).toBeUndefined();
  });

  test('from a damaged newest one is the newest that is whole, with what it costs', async () => {
    const { parts, damage, verified } = await three();
    await damage(parts[2]!);
    expect(wayOn(await verified())).toEqual({
      kind: 'older',
      checkpoint: 2,
      damaged: [3],
      laterMs: 1_000,
      records: 100,
    });
    await damage(parts[1]!);
    expect(wayOn(await verified())).toMatchObject({ checkpoint: 1, damaged: [3, 2], records: 200 });
  });

  test('past a manifest that tells nothing any more', async () => {
    const { directory, verified } = await three();
    await writeFile(join(directory, 'manifests', '0000000003.json'), 'x');
    expect(wayOn(await verified())).toEqual({
      kind: 'older',
      checkpoint: 2,
      damaged: [3],
      laterMs: undefined,
      records: undefined,
    });
  });

  test('past a damaged old one is the newest', async () => {
    const { parts, damage, verified } = await three();
    await damage(parts[0]!);
    expect(wayOn(await verified())).toEqual({ kind: 'latest', checkpoint: 3 });
  });

  test('when a part is damaged that all of them name: none', async () => {
    const { shared, damage, verified } = await three();
    await damage(shared);
    const report = await verified();
    expect(report.checkpoints.map((one) => one.damage.length)).toEqual([1, 1, 1]);
    expect(wayOn(report)).toEqual({ kind: 'none' });
  });
});

describe('one checkpoint from outside', () => {
  test('hands out verified parts, and damage as data', async () => {
    const { directory, parts, shared, damage } = await three();
    const opened = await openCheckpoint(directory, 2);
    expect(opened.manifest.checkpoint).toBe(2);
    expect(await opened.read(parts[1]!)).toHaveLength(3);
    await damage(shared);
    expect(await opened.read(shared)).toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      affects: [
        { instance: 1, section: 'state' },
        { instance: 1, section: 'pending' },
      ],
    });
  });

  test('that is not there, or has no readable manifest, is a typed error', async () => {
    const { directory } = await three();
    const missing = await rejection(openCheckpoint(directory, 9));
    expect(missing.code).toBe('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(missing.message).toContain('there are 3, 2, 1');
    await writeFile(join(directory, 'manifests', '0000000002.json'), '');
    const corrupt = await rejection(openCheckpoint(directory, 2));
    expect(corrupt.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
  });
});
