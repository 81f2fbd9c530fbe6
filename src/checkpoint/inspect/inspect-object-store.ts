/**
 * Looks into an object store from outside, as inspect-directory.ts does into a directory: reads only, takes
 * no lease. Damage is reported. Trouble with the service is no damage, and ends the look.
 */

import { HoldfastError } from '../../base/errors.js';
import { partOfName } from '../directory/directory-layout.js';
import { livenessOf } from '../directory/process-identity.js';
import type { ObjectClient } from '../object/object-client.js';
import type { IndexedCheckpoint, ObjectIndex } from '../object/object-index.js';
import { PARTS } from '../object/object-layout.js';
import { manifestObjectFile, readManifestObject } from '../object/object-manifest-io.js';
import { readPartObject } from '../object/object-part-io.js';
import { asStoreError } from '../object/object-store-errors.js';
import { INDEX_KEY, IndexRegister } from '../object/object-store-index.js';
import type { S3Connection } from '../object/s3-connection.js';
import { filesOf } from '../parts/part-chain.js';
import { corruptError } from '../storage-errors.js';
import type { Manifest, PartFile } from '../store.js';
import type { OpenedCheckpoint } from './inspect-checkpoint.js';
import {
  type DamagedCheckpoint,
  type DirectoryReport,
  type FoundDamage,
  type InspectedCheckpoint,
  type InspectOptions,
  partDamage,
  summary,
  toDamage,
} from './inspect-directory.js';

type Place = Pick<S3Connection, 'location' | 'connect'>;

/** Codes of errors that tell of damage, not of trouble with the service. */
const DAMAGE: readonly string[] = [
  'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
  'ERR_HOLDFAST_CHECKPOINT_FORMAT',
];

/**
 * Rejects with ERR_HOLDFAST_CHECKPOINT_STORE when the service does not answer as it should,
 * …_CHECKPOINT_NOT_FOUND when no run has ever kept checkpoints there, …_CHECKPOINT_CORRUPT when the
 * index cannot be read.
 */
export async function inspectObjectStore(
  place: Place,
  options: Omit<InspectOptions, 'files'>,
): Promise<DirectoryReport> {
  return await looking(place, async (client, index) => {
    const checkpoints: InspectedCheckpoint[] = [];
    const damaged: DamagedCheckpoint[] = [];
    /** Damage by name, so that an object which several checkpoints build on is looked at once. */
    const named = new Map<string, FoundDamage | undefined>();
    for (const entry of index.checkpoints) {
      const { checkpoint } = entry;
      const manifestFile = manifestObjectFile(place.location, entry);
      const manifest = await damageOr(manifestFile, () =>
        readManifestObject(client, place.location, entry),
      );
      if ('message' in manifest) {
        if (await isNamedStill(client, place.location, checkpoint)) {
          damaged.push({ checkpoint, manifestFile, damage: [manifest] });
        }
        continue;
      }
      const damage: FoundDamage[] = [];
      for (const part of manifest.parts.flatMap(filesOf)) {
        if (!named.has(part.file)) {
          named.set(part.file, await inspectPart(client, place.location, part, options.verify));
        }
        const found = named.get(part.file);
        if (found !== undefined) damage.push(found);
      }
      // The job may have pruned the checkpoint meanwhile.
      const isThere =
        damage.length === 0 || (await isNamedStill(client, place.location, checkpoint));
      if (!isThere) continue;
      const ageMs = options.nowMs - manifest.createdAtMs;
      checkpoints.push({ ...summary(manifest, entry.bytes), manifestFile, ageMs, damage });
    }
    const parts = (await client.list(PARTS)).map((key) => key.slice(PARTS.length));
    return {
      directory: place.location,
      verified: options.verify === true,
      lock: await lockOf(index),
      finished: index.finished,
      checkpoints,
      damaged,
      damage: [],
      unnamedParts: parts.filter((file) => partOfName(file) !== undefined && !named.has(file))
        .length,
    };
  });
}

/**
 * Opens one checkpoint. The reader asks the service anew for each part.
 * Rejects as `inspectObjectStore` does, with …_NOT_FOUND also when there is no such checkpoint.
 */
export async function openObjectCheckpoint(
  place: Place,
  checkpoint: number,
): Promise<OpenedCheckpoint> {
  const { location } = place;
  return await looking(place, async (client, { checkpoints }) => {
    const entry = checkpoints.find((one) => one.checkpoint === checkpoint);
    if (entry === undefined) throw notFound(location, checkpoint, checkpoints);
    return {
      manifest: await readManifestObject(client, location, entry),
      manifestFile: manifestObjectFile(location, entry),
      manifestBytes: entry.bytes,
      async read(part) {
        if (part.file === '') return [];
        const key = `${PARTS}${part.file}`;
        return await connected(place, async (reader) => {
          try {
            return await readPartObject(reader, location, key, part);
          } catch (error) {
            if (!isDamage(error)) throw error;
            return partDamage(`${location}/${key}`, part, error);
          }
        });
      },
    };
  });
}

async function connected<T>(place: Place, act: (client: ObjectClient) => Promise<T>): Promise<T> {
  let client: ObjectClient | undefined;
  try {
    client = await place.connect();
    return await act(client);
  } catch (error) {
    throw asStoreError(place.location, error);
  } finally {
    await client?.close();
  }
}

async function looking<T>(
  place: Place,
  look: (client: ObjectClient, index: ObjectIndex) => Promise<T>,
): Promise<T> {
  return await connected(place, async (client) => {
    const found = await new IndexRegister(client, place.location).read();
    if (found !== undefined) return await look(client, found.index);
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
      `there are no checkpoints in '${place.location}': no object '${INDEX_KEY}'. Name the bucket and the prefix ` +
        'that the job was given.',
      { details: { location: place.location } },
    );
  });
}

async function damageOr(
  file: string,
  read: () => Promise<Manifest>,
): Promise<Manifest | FoundDamage> {
  try {
    return await read();
  } catch (error) {
    if (isDamage(error)) return toDamage(file, error);
    throw error;
  }
}

async function inspectPart(
  client: ObjectClient,
  location: string,
  part: PartFile,
  verify: boolean | undefined,
): Promise<FoundDamage | undefined> {
  if (part.file === '') return undefined;
  const key = `${PARTS}${part.file}`;
  const file = `${location}/${key}`;
  try {
    if (verify === true) {
      await readPartObject(client, location, key, part);
      return undefined;
    }
    const size = (await client.head(key))?.bytes;
    if (size === part.bytes) return undefined;
    throw corruptError({
      file,
      offset: Math.min(size ?? 0, part.bytes),
      check: 'size in bytes',
      expected: String(part.bytes),
      found: size === undefined ? 'no object' : String(size),
    });
  } catch (error) {
    if (!isDamage(error)) throw error;
    return partDamage(file, part, error);
  }
}

async function isNamedStill(
  client: ObjectClient,
  location: string,
  checkpoint: number,
): Promise<boolean> {
  const now = await new IndexRegister(client, location).read();
  return now?.index.checkpoints.some((one) => one.checkpoint === checkpoint) === true;
}

async function lockOf({ owner }: ObjectIndex): Promise<DirectoryReport['lock']> {
  if (owner === undefined) return undefined;
  return { pid: owner.pid, host: owner.host, state: await livenessOf(owner) };
}

function notFound(
  location: string,
  checkpoint: number,
  checkpoints: readonly IndexedCheckpoint[],
): HoldfastError {
  const ids = checkpoints.map((one) => one.checkpoint);
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
    `there is no checkpoint ${checkpoint} in '${location}'; ${ids.length === 0 ? 'there is none at all' : `there are ${ids.join(', ')}`}.`,
    { details: { location, checkpoint, available: ids } },
  );
}

function isDamage(error: unknown): boolean {
  return error instanceof HoldfastError && DAMAGE.includes(error.code);
}
