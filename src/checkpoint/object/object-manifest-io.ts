/** Manifests as objects: what is read is what the index names, to the byte. */

import { createHash } from 'node:crypto';
import { decodeManifest } from '../manifest.js';
import { corruptError, formatError } from '../storage-errors.js';
import type { Manifest } from '../store.js';
import type { ObjectClient } from './object-client.js';
import type { IndexedCheckpoint } from './object-index.js';
import { MANIFESTS } from './object-layout.js';

/** For messages. */
export function manifestObjectFile(location: string, entry: IndexedCheckpoint): string {
  return `${location}/${MANIFESTS}${entry.manifest}`;
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT, or with what the client says. */
export async function readManifestObject(
  client: ObjectClient,
  location: string,
  entry: IndexedCheckpoint,
): Promise<Manifest> {
  const file = manifestObjectFile(location, entry);
  const object = await client.get(`${MANIFESTS}${entry.manifest}`);
  const found =
    object === undefined ? 'no object' : createHash('sha256').update(object.bytes).digest('hex');
  if (object === undefined || found !== entry.sha256) {
    throw corruptError({ file, offset: 0, check: 'SHA-256', expected: entry.sha256, found });
  }
  const manifest = decodeManifest(object.bytes, file);
  if (manifest.checkpoint !== entry.checkpoint) {
    throw formatError(file, `it describes checkpoint ${manifest.checkpoint}`);
  }
  return manifest;
}
