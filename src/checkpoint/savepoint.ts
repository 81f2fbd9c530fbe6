/**
 * Savepoints: checkpoints in a folder of their own (or under a prefix of S3), which nobody prunes. A
 * savepoint names nothing outside of its folder, so it may be moved; a folder without a manifest is none.
 */

import { HoldfastError } from '../base/errors.js';
import { atPoint } from '../base/protocol-points.js';
import { storeAt } from './checkpoint-place.js';
import { copyCheckpoint } from './copy-checkpoint.js';
import type { CheckpointStore, Manifest } from './store.js';

/** A folder that is to become a savepoint. Its lock is held until it is closed. */
export interface SavepointTarget {
  readonly location: string;
  /** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FAILED */
  write(from: Pick<CheckpointStore, 'readPart'>, manifest: Manifest): Promise<void>;
  close(): Promise<void>;
}

/**
 * Takes a folder for a savepoint. It is made if it is missing, and must hold no checkpoint. So whatever is wrong with
 * it is known before there is anything to save.
 *
 * @param place a directory's path, or s3://bucket/prefix
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY, …_LOCKED, …_STORE
 */
export async function openSavepointTarget(place: string): Promise<SavepointTarget> {
  const store = await storeAt(place);
  await store.acquire();
  const held = await orClose(store, () => store.list());
  if (held.length > 0) {
    await store.close();
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
      `'${store.location}' holds checkpoint ${held.join(', ')} already; a savepoint needs a folder of ` +
        'its own.',
      { details: { directory: store.location, checkpoints: held } },
    );
  }
  return {
    location: store.location,
    write: async (from, manifest) =>
      void (await atPoint('savepoint:copy', () => copyCheckpoint(from, manifest, store))),
    close: () => store.close(),
  };
}

/**
 * @param place a savepoint, or any other place of checkpoints, of which the newest one is taken
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_NOT_FOUND, …_CORRUPT, …_FORMAT
 */
export async function openSavepoint(
  place: string,
): Promise<{ readonly store: CheckpointStore; readonly manifest: Manifest }> {
  const store = await storeAt(place);
  const manifest = await orClose(store, async () => {
    const [newest] = await store.list();
    if (newest !== undefined) return await store.readManifest(newest);
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
      `'${store.location}' holds no savepoint: there is no manifest in it.`,
      { details: { directory: store.location } },
    );
  });
  return { store, manifest };
}

/** Closes the store when `act` fails, so that no lock and no connection is left behind. */
async function orClose<T>(store: CheckpointStore, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    await store.close().catch(() => {});
    throw error;
  }
}
