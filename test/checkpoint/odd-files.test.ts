/** What may stand in a checkpoint directory in the place of its files: refused by name, and at once. */

import { execFileSync } from 'node:child_process';
import { rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import { encodeEpoch } from '../../src/checkpoint/directory/epoch-file.js';
import { inspectDirectory } from '../../src/checkpoint/inspect/inspect-directory.js';
import { rejection, sampleManifest, samplePart, temporaryDirectory } from './samples.js';

const windows = process.platform === 'win32';
const HUGE = 50 * 1024 ** 3;

async function withOne() {
  const directory = await temporaryDirectory();
  const store = new DirectoryStore(directory);
  await store.acquire();
  const part = await store.writePart(samplePart());
  await store.writeManifest(sampleManifest(1, [part]));
  await store.nextEpoch();
  await store.close();
  const paths = {
    epoch: join(directory, 'epoch'),
    manifest: join(directory, 'manifests', '0000000001.json'),
    part: join(directory, 'parts', part.file),
    finished: join(directory, 'finished.json'),
    lock: join(directory, 'lock'),
  };
  /** All that a start looks at. */
  const start = async () => {
    const opened = new DirectoryStore(directory);
    try {
      await opened.acquire();
      await opened.readFinished();
      const manifest = await opened.readManifest(1);
      for (const part of manifest.parts) await opened.readPart(part);
      await opened.nextEpoch();
    } finally {
      await opened.close();
    }
  };
  return { directory, paths, start };
}

const replacements: readonly (readonly [name: string, put: (path: string) => unknown])[] = [
  ['a FIFO', (path) => execFileSync('mkfifo', [path])],
  ['a device', (path) => symlink('/dev/zero', path)],
  [`${HUGE} bytes`, (path) => writeFile(path, '').then(() => truncate(path, HUGE))],
];

describe.skipIf(windows)('in the place of a file', () => {
  for (const file of ['epoch', 'manifest', 'part', 'finished', 'lock'] as const) {
    for (const [name, put] of replacements) {
      test(`${file}: ${name}`, async () => {
        const { directory, paths, start } = await withOne();
        await start();
        const path = paths[file];
        await rm(path, { force: true });
        await put(path);
        const error = await rejection(start());
        expect(isHoldfastError(error)).toBe(true);
        expect(error.message).toContain(path);
        expect(error.message).toMatch(name.endsWith('bytes') ? /53687091200/ : name);
        if (file !== 'epoch' && file !== 'lock') {
          const report = await inspectDirectory(directory, { nowMs: 0, verify: true });
          expect(JSON.stringify(report)).toContain(path);
        }
      });
    }
  }
});

describe('an epoch that no run can have', () => {
  test('in the file of the epoch', async () => {
    const { paths, start } = await withOne();
    await writeFile(paths.epoch, encodeEpoch(2 ** 31 - 2));
    await start();
    for (const epoch of [2 ** 31 - 1, 2 ** 31, 2 ** 40]) {
      await writeFile(paths.epoch, encodeEpoch(epoch));
      const error = await rejection(start());
      expect(error['code']).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
      expect(error.message).toContain(paths.epoch);
      expect(error.message).toContain(String(epoch));
    }
  });

  test('in the name of a part', async () => {
    const { paths, start } = await withOne();
    const named = paths.part.replace(/-e\d+-/, `-e${2 ** 31 - 1}-`);
    await rename(paths.part, named);
    const error = await rejection(start());
    expect(error['code']).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain(named);
  });

  test('in a manifest', async () => {
    const directory = await temporaryDirectory();
    const store = new DirectoryStore(directory);
    await store.acquire();
    const part = await store.writePart(samplePart());
    const epoch = 2 ** 31 - 1;
    const error = await rejection(store.writeManifest(sampleManifest(1, [part], { epoch })));
    expect(error.message).toContain('an epoch that a run can have');
    await store.close();
  });
});
