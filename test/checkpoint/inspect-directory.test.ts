import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import { inspectDirectory } from '../../src/checkpoint/inspect/inspect-directory.js';
import { rejection, sampleManifest, samplePart, temporaryDirectory } from './samples.js';

async function withCheckpoints() {
  const directory = await temporaryDirectory();
  const store = new DirectoryStore(directory);
  await store.acquire();
  const parts = [];
  for (const checkpoint of [1, 2]) {
    const part = await store.writePart(samplePart({ checkpoint }));
    await store.writeManifest(sampleManifest(checkpoint, [part], { final: checkpoint === 2 }));
    parts.push(part);
  }
  return { directory, store, parts };
}

const nowMs = 1_700_000_005_000;

describe('inspection of a checkpoint directory', () => {
  test('tells what is there while the run that owns it goes on', async () => {
    const { directory, store, parts } = await withCheckpoints();
    await store.writePart(samplePart({ checkpoint: 3 }));
    const report = await inspectDirectory(directory, { nowMs, verify: true });
    expect(report).toMatchObject({
      directory,
      verified: true,
      lock: { pid: process.pid, state: 'alive' },
      finished: undefined,
      damaged: [],
      damage: [],
      unnamedParts: 1,
    });
    expect(report.checkpoints.map((one) => [one.checkpoint, one.final])).toEqual([
      [2, true],
      [1, false],
    ]);
    const [newest] = report.checkpoints;
    const manifest = await readFile(newest!.manifestFile);
    expect(newest).toMatchObject({
      job: 'flights',
      run: 'run-1',
      epoch: 1,
      ageMs: 5_000,
      parts: 1,
      bytes: parts[1]!.bytes + manifest.length,
      sourceRecords: 17,
      transactions: 1,
      damage: [],
    });
    expect(newest!.operators.map(({ id, bytes }) => [id, bytes])).toEqual([
      ['count', 137],
      ['sink', 11],
    ]);
    await store.markFinished({ run: 'run-1', checkpoint: 2, result: { rows: 1 } });
    await store.close();
    const after = await inspectDirectory(directory, { nowMs });
    expect(after).toMatchObject({ lock: undefined, finished: { run: 'run-1' } });
  });

  test('tells damage as data, and goes on', async () => {
    const { directory, store, parts } = await withCheckpoints();
    await store.close();
    const path = join(directory, 'parts', parts[1]!.file);
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    const quick = await inspectDirectory(directory, { nowMs });
    expect(quick.checkpoints[0]!.damage).toEqual([]);
    const thorough = await inspectDirectory(directory, { nowMs, verify: true });
    expect(thorough.checkpoints[1]!.damage).toEqual([]);
    expect(thorough.checkpoints[0]!.damage).toMatchObject([
      {
        file: path,
        code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
        details: { check: 'CRC-32', expectedSha256: parts[1]!.sha256 },
      },
    ]);
    await rm(path);
    for (const verify of [false, true]) {
      const report = await inspectDirectory(directory, { nowMs, verify });
      expect(report.checkpoints[0]!.damage).toMatchObject([{ file: path }]);
      expect(report.checkpoints[0]!.damage[0]!.message).toContain('no file');
    }
  });

  test('tells damaged manifests and marks', async () => {
    const { directory, store } = await withCheckpoints();
    await store.close();
    const manifest = join(directory, 'manifests', '0000000002.json');
    await writeFile(manifest, '');
    await writeFile(join(directory, 'finished.json'), '{"format":1}');
    const report = await inspectDirectory(directory, { nowMs, verify: true });
    expect(report.checkpoints.map((one) => one.checkpoint)).toEqual([1]);
    expect(report.damaged).toMatchObject([
      { checkpoint: 2, manifestFile: manifest, damage: [{ file: manifest }] },
    ]);
    expect(report.damage).toMatchObject([{ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' }]);
  });

  test('of no directory, or of a file, is an error that names it; of an empty one is empty', async () => {
    const directory = await temporaryDirectory();
    expect(await inspectDirectory(directory, { nowMs })).toMatchObject({ checkpoints: [] });
    const missing = join(directory, 'missing');
    const error = await rejection(inspectDirectory(missing, { nowMs }));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    expect(error.message).toContain(missing);
    await writeFile(missing, '');
    const file = await rejection(inspectDirectory(missing, { nowMs }));
    expect(file.code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
  });
});
