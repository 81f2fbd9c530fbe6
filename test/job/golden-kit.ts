/** Checkpoints of whole jobs, as former versions wrote them (test/golden-jobs). */

import { cp, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './kit.js';

const GOLDEN = fileURLToPath(new URL('../golden-jobs/', import.meta.url));

/** @returns a checkpoint directory with a copy of them, to go on from */
export async function goldenCheckpoints(version: string, name: string): Promise<string> {
  const directory = join(await temporaryFolder(), 'checkpoints');
  await cp(join(GOLDEN, version, name), directory, { recursive: true });
  const manifests = join(directory, 'manifests');
  for (const file of await readdir(manifests)) {
    await rename(join(manifests, file), join(manifests, file.replace('.golden', '.json')));
  }
  return directory;
}
