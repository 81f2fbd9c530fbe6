/** Small files that are replaced as a whole. */

import { dirname, join } from 'node:path';
import { writeFully } from '../parts/part-io.js';
import { temporaryName } from './directory-layout.js';
import type { FileSystem } from './file-system.js';

/** `volatile`: may be lost with the power; for what can be told again. */
export type Durability = 'durable' | 'volatile';

/** A new file under a temporary name within `directory`; its entry is not yet durable. */
export async function writeTemporary(
  files: FileSystem,
  directory: string,
  name: string,
  bytes: Uint8Array,
  durability: Durability = 'durable',
): Promise<string> {
  const path = join(directory, temporaryName(name));
  const file = await files.create(path);
  try {
    await writeFully(file, bytes);
    if (durability === 'durable') await file.sync();
  } catch (error) {
    await file.close().catch(() => {});
    await files.remove(path).catch(() => {});
    throw error;
  }
  await file.close();
  return path;
}

/** Old content or new, never a mixture; durable once the directory has been synced. */
export async function replaceFile(
  files: FileSystem,
  path: string,
  name: string,
  bytes: Uint8Array,
  durability: Durability,
): Promise<void> {
  const temporary = await writeTemporary(files, dirname(path), name, bytes, durability);
  try {
    await files.rename(temporary, path);
  } catch (error) {
    await files.remove(temporary).catch(() => {});
    throw error;
  }
}
