/**
 * Looks into one checkpoint of a directory from outside: reads only, takes no lock. It gives the bytes of the state
 * part by part, each verified.
 */

import { join } from 'node:path';
import { HoldfastError } from '../../base/errors.js';
import { checkpointOfManifest, layoutOf, manifestName } from '../directory/directory-layout.js';
import { readWhole } from '../directory/file-reading.js';
import { errnoOf, type FileSystem } from '../directory/file-system.js';
import { nodeFileSystem } from '../directory/node-file-system.js';
import { decodeManifest } from '../manifest.js';
import { readPartFile } from '../parts/part-reader.js';
import { directoryError } from '../storage-errors.js';
import type { Manifest, PartDescriptor, RestoredPartSection } from '../store.js';
import { type FoundDamage, partDamage } from './inspect-directory.js';

export interface OpenedCheckpoint {
  readonly manifest: Manifest;
  readonly manifestFile: string;
  readonly manifestBytes: number;
  /** The part's sections, verified, or what is wrong with it. */
  read(part: PartDescriptor): Promise<readonly RestoredPartSection[] | FoundDamage>;
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_NOT_FOUND, …_DIRECTORY, …_CORRUPT or …_FORMAT (the manifest). */
export async function openCheckpoint(
  directory: string,
  checkpoint: number,
  files: FileSystem = nodeFileSystem,
): Promise<OpenedCheckpoint> {
  const at = layoutOf(directory);
  const manifestFile = join(at.manifests, manifestName(checkpoint));
  let bytes: Uint8Array;
  try {
    bytes = await readWhole(files, manifestFile);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw directoryError(at.root, error);
    throw await notFound(files, at.root, at.manifests, checkpoint);
  }
  return {
    manifest: decodeManifest(bytes, manifestFile),
    manifestFile,
    manifestBytes: bytes.length,
    async read(part) {
      if (part.file === '') return [];
      const path = join(at.parts, part.file);
      try {
        return await readPartFile(files, path, part);
      } catch (error) {
        return partDamage(path, part, error);
      }
    },
  };
}

async function notFound(
  files: FileSystem,
  root: string,
  manifests: string,
  checkpoint: number,
): Promise<HoldfastError> {
  const names = await files.list(manifests).catch(() => []);
  const ids = names.map(checkpointOfManifest).filter((id) => id !== undefined);
  ids.sort((a, b) => b - a);
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
    `there is no checkpoint ${checkpoint} in '${root}'; ${ids.length === 0 ? 'there is none at all' : `there are ${ids.join(', ')}`}.`,
    { details: { directory: root, checkpoint, available: ids } },
  );
}
