/**
 * Files of formats 1 and 2, as they were written when they were made. What reads them today reads them for ever:
 * if one of these tests fails, the format has changed, and needs a new number and a reader for the old.
 */

import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import { nodeFileSystem } from '../../src/checkpoint/directory/node-file-system.js';
import { inspectDirectory } from '../../src/checkpoint/inspect/inspect-directory.js';
import { decodeManifest, encodeManifest } from '../../src/checkpoint/manifest.js';
import { chainOf, filesOf } from '../../src/checkpoint/parts/part-chain.js';
import { encodePart } from '../../src/checkpoint/parts/part-file.js';
import { readPartFile } from '../../src/checkpoint/parts/part-reader.js';
import {
  CHAIN_FILES,
  goldenChain,
  goldenCompressed,
  goldenManifest,
  goldenParts,
  PART_FILES,
} from './golden-content.js';
import { temporaryDirectory } from './samples.js';

const STORED = fileURLToPath(new URL('./golden/format-1', import.meta.url));
const STORED_CHAIN = fileURLToPath(new URL('./golden/format-2', import.meta.url));
const STORED_COMPRESSED = fileURLToPath(new URL('./golden/compressed', import.meta.url));
/** A copy under the real names: formatters would have their way with files that end in `.json`. */
let golden: string;

beforeEach(async () => {
  golden = await temporaryDirectory();
  await mkdir(join(golden, 'manifests'));
  await mkdir(join(golden, 'parts'));
  for (const [from, to] of [
    ['manifest.golden', 'manifests/0000000012.json'],
    ['finished.golden', 'finished.json'],
    ['epoch.golden', 'epoch'],
    ...PART_FILES.map((file) => [file, `parts/${file}`]),
  ]) {
    await copyFile(join(STORED, from!), join(golden, to!));
  }
});

describe('golden files of format 1', () => {
  test('are whole', async () => {
    const report = await inspectDirectory(golden, { nowMs: 0, verify: true });
    expect(report).toMatchObject({
      damage: [],
      damaged: [],
      unnamedParts: 0,
      finished: { run: 'golden', checkpoint: 12, result: { records: 42 } },
    });
    expect(report.checkpoints).toMatchObject([{ checkpoint: 12, damage: [], parts: 2 }]);
  });

  test('are read as what was written', async () => {
    const store = new DirectoryStore(golden);
    await store.acquire();
    expect(await store.list()).toEqual([12]);
    const manifest = await store.readManifest(12);
    expect(manifest).toEqual(goldenManifest(manifest.parts));
    for (const [index, part] of manifest.parts.entries()) {
      const sections = await store.readPart(part);
      expect(sections.map(({ operator, name, bytes }) => [operator, name, [...bytes]])).toEqual(
        goldenParts()[index]!.sections.map(({ operator, name, chunks }) => [
          operator,
          name,
          [...Buffer.concat(chunks)],
        ]),
      );
    }
    expect(await store.nextEpoch()).toBe(4);
    await store.close();
  });

  test('are what is written today, byte for byte', async () => {
    for (const [index, file] of PART_FILES.entries()) {
      const blocks: Uint8Array[] = [];
      for (const block of encodePart(goldenParts()[index]!, { chunkBytes: 64, node: 'v20.20.2' })) {
        blocks.push(block.slice());
      }
      const stored = await readFile(join(golden, 'parts', file));
      expect(Buffer.compare(Buffer.concat(blocks), stored)).toBe(0);
    }
    const stored = await readFile(join(golden, 'manifests', '0000000012.json'));
    const again = encodeManifest(decodeManifest(stored, 'golden'));
    expect(Buffer.from(again).toString()).toBe(stored.toString());
  });
});

describe.each([
  ['gzip', 'e91e45310922e7b89d2a35a122cd794131595ff7cd864c3fc97e934730b2e0bc'],
  ['brotli', '5727bf227fd579e3e311bb446ce0da7d8b075615121b76ed2e430ef6f1600651'],
] as const)('a golden part with %s', (compression, sha256) => {
  test('is read as what was written', async () => {
    // Not compared with what is written today: compressors change from version to version.
    const path = join(STORED_COMPRESSED, `${compression}.golden`);
    const part = goldenCompressed(compression);
    const content = part.sections.map(({ operator, name, chunks }) => ({
      operator,
      name,
      bytes: new Uint8Array(Buffer.concat(chunks)),
    }));
    const sections = await readPartFile(nodeFileSystem, path, {
      file: `${compression}.golden`,
      bytes: (await readFile(path)).length,
      sha256,
      vertex: part.vertex,
      instance: part.instance,
      compression,
      sections: content.map(({ operator, name, bytes }) => ({
        operator,
        name,
        bytes: bytes.length,
      })),
    });
    expect(sections).toEqual(content);
  });
});

describe('golden files of format 2, where a checkpoint builds on others', () => {
  const STATE = { operator: 'count', name: 'state' };

  beforeEach(async () => {
    golden = await temporaryDirectory();
    await mkdir(join(golden, 'manifests'));
    await mkdir(join(golden, 'parts'));
    const manifest = join(golden, 'manifests', '0000000014.json');
    await copyFile(join(STORED_CHAIN, 'manifest.golden'), manifest);
    for (const file of CHAIN_FILES) {
      await copyFile(join(STORED_CHAIN, file), join(golden, 'parts', file));
    }
  });

  test('are whole, and each of them is needed', async () => {
    const report = await inspectDirectory(golden, { nowMs: 0, verify: true });
    expect(report).toMatchObject({ damage: [], damaged: [], unnamedParts: 0 });
    expect(report.checkpoints).toMatchObject([{ checkpoint: 14, damage: [], parts: 3 }]);
    const operators = report.checkpoints[0]!.operators;
    expect(operators.find(({ id }) => id === 'count')!.bytes).toBe(3 * 8 + 150 + 20 + 20);
    await rm(join(golden, 'parts', CHAIN_FILES[1]));
    const damaged = await inspectDirectory(golden, { nowMs: 0 });
    expect(damaged.checkpoints[0]!.damage).toMatchObject([
      { code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT', file: join(golden, 'parts', CHAIN_FILES[1]) },
    ]);
  });

  test('are read as what was written, in order', async () => {
    const store = new DirectoryStore(golden);
    await store.acquire();
    const manifest = await store.readManifest(14);
    expect(manifest).toEqual({
      ...goldenManifest(manifest.parts),
      format: 2,
      checkpoint: 14,
      final: false,
    });
    const [part] = manifest.parts;
    expect(filesOf(part!).map(({ file }) => file)).toEqual(CHAIN_FILES);
    const chain = chainOf(part!, STATE)!;
    for (const [index, { file, section }] of chain.entries()) {
      const { bytes } = (await store.readPart(file))[section]!;
      const written = goldenChain()[index]!.sections[section]!;
      expect([...bytes]).toEqual([...Buffer.concat(written.chunks)]);
    }
    expect(chain).toHaveLength(3);
    await store.prune(1);
    expect((await readdir(join(golden, 'parts'))).sort()).toEqual(CHAIN_FILES);
    await store.close();
  });

  test('are what is written today, byte for byte', async () => {
    for (const [index, file] of CHAIN_FILES.entries()) {
      const blocks: Uint8Array[] = [];
      for (const block of encodePart(goldenChain()[index]!, { chunkBytes: 64, node: 'v20.20.2' })) {
        blocks.push(block.slice());
      }
      const stored = await readFile(join(golden, 'parts', file));
      expect(Buffer.compare(Buffer.concat(blocks), stored)).toBe(0);
    }
    const stored = await readFile(join(golden, 'manifests', '0000000014.json'));
    const again = encodeManifest(decodeManifest(stored, 'golden'));
    expect(Buffer.from(again).toString()).toBe(stored.toString());
  });
});
