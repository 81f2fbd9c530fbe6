/** Which checkpoint a run starts from, and as which run: asked once, with the store's lock held. */

import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../base/errors.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import type { ResolvedOptions } from './options.js';

export interface RestorePoint {
  readonly run: string;
  readonly manifest: Manifest | undefined;
  /** Ids go on above this one. */
  readonly lastCheckpoint: number;
}

/**
 * @throws HoldfastError ERR_HOLDFAST_ALREADY_FINISHED (details.result holds the earlier result),
 *   ERR_HOLDFAST_CHECKPOINT_NOT_FOUND, …_CORRUPT, …_FORMAT
 */
export async function findRestorePoint(
  store: CheckpointStore | undefined,
  restore: ResolvedOptions['restore'],
): Promise<RestorePoint> {
  const fresh: RestorePoint = { run: randomUUID(), manifest: undefined, lastCheckpoint: 0 };
  if (store === undefined) return fresh;
  const ids = await store.list();
  const lastCheckpoint = ids[0] ?? 0;
  if (restore === 'none') {
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
  const wanted = restore === 'latest' ? ids[0] : checkpointId(restore);
  if (wanted === undefined) return fresh;
  const manifest = await store.readManifest(wanted);
  return { run: manifest.run, manifest, lastCheckpoint };
}

function checkpointId(restore: string): number {
  const id = Number(restore);
  if (!Number.isSafeInteger(id) || id < 1) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `restore: '${restore}' is neither 'latest' nor 'none' nor a checkpoint's number.`,
    );
  }
  return id;
}
