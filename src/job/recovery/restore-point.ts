/** Finds from which checkpoint a run starts, and as which run. Asked once, while the store's lock is held. */

import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../../base/errors.js';
import { isPlaceOf } from '../../checkpoint/checkpoint-place.js';
import { copyCheckpoint } from '../../checkpoint/copy-checkpoint.js';
import { openSavepoint } from '../../checkpoint/savepoint.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import type { ResolvedOptions } from '../options.js';

export interface RestorePoint {
  readonly run: string;
  readonly manifest: Manifest | undefined;
  /** New ids are above this one. */
  readonly lastCheckpoint: number;
}

/**
 * @throws HoldfastError ERR_HOLDFAST_ALREADY_FINISHED (details.result holds the earlier result),
 *   ERR_HOLDFAST_CHECKPOINT_NOT_FOUND, …_CORRUPT, …_FORMAT, …_CHECKPOINT_DIRECTORY
 */
export async function findRestorePoint(
  store: CheckpointStore | undefined,
  { kind, ...restore }: ResolvedOptions['restore'],
): Promise<RestorePoint> {
  const fresh: RestorePoint = { run: randomUUID(), manifest: undefined, lastCheckpoint: 0 };
  if (store === undefined) return fresh;
  const ids = await store.list();
  const lastCheckpoint = (await store.lastCheckpoint?.()) ?? ids[0] ?? 0;
  if (kind === 'none') {
    await store.clear();
    return { ...fresh, lastCheckpoint };
  }
  const finished = await store.readFinished();
  if (finished !== undefined) {
    throw new HoldfastError(
      'ERR_HOLDFAST_ALREADY_FINISHED',
      `the run in ${store.location} has finished. Start afresh there with restore: 'none' ` +
        '(--restore none), or use another checkpoint directory.',
      { details: { run: finished.run, result: finished.result } },
    );
  }
  const { directory, checkpoint } = restore as { directory?: string; checkpoint?: number };
  const isElsewhere = directory !== undefined && !isPlaceOf(directory, store.location);
  const manifest = isElsewhere
    ? await fromSavepoint(store, ids, directory)
    : await readWanted(store, checkpoint ?? ids[0]);
  if (manifest === undefined) return fresh;
  return {
    run: manifest.run,
    manifest,
    lastCheckpoint: Math.max(lastCheckpoint, manifest.checkpoint),
  };
}

async function readWanted(
  store: CheckpointStore,
  wanted: number | undefined,
): Promise<Manifest | undefined> {
  return wanted === undefined ? undefined : await store.readManifest(wanted);
}

/**
 * Copies the savepoint to be the first checkpoint of the run's own store. Restarts need it until there is a newer
 * checkpoint, and the savepoint's folder may go away.
 */
async function fromSavepoint(
  store: CheckpointStore,
  held: readonly number[],
  directory: string,
): Promise<Manifest> {
  const savepoint = await openSavepoint(directory);
  try {
    const { checkpoint, run } = savepoint.manifest;
    if (held.length === 0) return await copyCheckpoint(savepoint.store, savepoint.manifest, store);
    // An earlier start from this savepoint came no further than the copy.
    const newest = await store.readManifest(held[0]!);
    if (newest.checkpoint === checkpoint && newest.run === run) return newest;
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
      `${store.location} holds checkpoints already (the newest is ${held[0]}). Go on from them with ` +
        "restore: 'latest', or give a start from savepoint " +
        `'${savepoint.store.location}' an empty checkpoint directory.`,
      { details: { directory: store.location, checkpoints: held, savepoint: directory } },
    );
  } finally {
    await savepoint.store.close();
  }
}
