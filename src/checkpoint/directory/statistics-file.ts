/** `statistics.json` of a checkpoint directory: old content or new, and no loss if a power cut takes it. */

import { HoldfastError } from '../../base/errors.js';
import { decodeStatistics, type StatisticsRecord } from '../statistics.js';
import { directoryError } from '../storage-errors.js';
import { layoutOf } from './directory-layout.js';
import { replaceFile } from './durable-file.js';
import { readWhole } from './file-reading.js';
import { errnoOf, type FileSystem } from './file-system.js';
import { nodeFileSystem } from './node-file-system.js';

/** More is no such file. */
const BYTES_MAX = 64 * 1024 * 1024;

export async function readStatisticsFile(
  files: FileSystem,
  path: string,
): Promise<Uint8Array | undefined> {
  const bytes = await files.size(path);
  if (bytes === undefined || bytes > BYTES_MAX) return undefined;
  return await readWhole(files, path);
}

export async function writeStatisticsFile(
  files: FileSystem,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  await replaceFile(files, path, 'statistics', bytes, 'volatile');
}

/**
 * What a directory's checkpoints have cost; takes no lock.
 * @returns undefined when nothing usable is there: no job has kept any, or the file is torn
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY when there is no such directory
 */
export async function inspectStatistics(
  directory: string,
  files: FileSystem = nodeFileSystem,
): Promise<StatisticsRecord | undefined> {
  const at = layoutOf(directory);
  try {
    await files.list(at.root);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw directoryError(at.root, error);
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
      `there is no directory '${at.root}'. Give the one that --checkpoints or checkpoint.directory names.`,
      { details: { directory: at.root } },
    );
  }
  return decodeStatistics(await readStatisticsFile(files, at.statistics).catch(() => undefined));
}
