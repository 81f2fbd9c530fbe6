/**
 * Files of format 1, as they were written when it was made. What reads them today reads them for ever:
 * if one of these tests fails, the format has changed, and needs a new number and a reader for the old.
 */

import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../src/checkpoint/directory-store.js';
import { inspectDirectory } from '../../src/checkpoint/inspect-directory.js';
import { decodeManifest, encodeManifest } from '../../src/checkpoint/manifest.js';
import { encodePart } from '../../src/checkpoint/part-file.js';
import { goldenManifest, goldenParts, PART_FILES } from './golden-content.js';
import { temporaryDirectory } from './samples.js';

const STORED = fileURLToPath(new URL('./golden/format-1', import.meta.url));
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
