/**
 * Savepoints: checkpoints in a folder of their own, which nobody prunes. A savepoint names nothing
 * outside of its folder, so it may be moved; a folder without a manifest is none.
 */

import { HoldfastError } from '../base/errors.js';
import { atPoint } from '../base/protocol-points.js';
import { copyCheckpoint } from './copy-checkpoint.js';
import { openCheckpointDirectory } from './directory-store.js';
import type { CheckpointStore, Manifest } from './store.js';

/** A folder that is to become a savepoint, held until it is closed. */
export interface SavepointTarget {
  readonly location: string;
  /** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FAILED */
  write(from: Pick<CheckpointStore, 'readPart'>, manifest: Manifest): Promise<void>;
  close(): Promise<void>;
}

/**
 * Takes a folder, which is made if it is missing and must hold no checkpoint: whatever is wrong with
 * it is known before there is anything to save.
 *
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY, …_LOCKED
 */
export async function openSavepointTarget(directory: string): Promise<SavepointTarget> {
  const store = openCheckpointDirectory(directory);
  await store.acquire();
  const held = await store.list();
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
 * @param directory a savepoint, or any directory of checkpoints: its newest one counts
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_NOT_FOUND, …_CORRUPT, …_FORMAT
 */
export async function openSavepoint(
  directory: string,
): Promise<{ readonly store: CheckpointStore; readonly manifest: Manifest }> {
  const store = openCheckpointDirectory(directory);
  const [newest] = await store.list();
  if (newest === undefined) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
      `'${store.location}' holds no savepoint: there is no manifest in it.`,
      { details: { directory: store.location } },
    );
  }
  return { store, manifest: await store.readManifest(newest) };
}
