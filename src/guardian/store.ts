/**
 * The checkpoint store of a guarded job. A store cannot travel, so every process that needs it makes it from plain
 * data.
 */

import { badOption } from '../base/option-checks.js';
import { openDescribed } from '../checkpoint/described-store.js';
import type { CheckpointStore, StoreDescription } from '../checkpoint/store.js';
import type { RunOptions } from '../job/job-types.js';
import type { PlainRunOptions } from './protocol.js';

/** The options of a guarded run that tell where its checkpoints are. */
export interface GuardedPlace {
  readonly options: PlainRunOptions;
  readonly store: StoreDescription | undefined;
}

/**
 * The options without the store, and the store's description.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when the store has none
 */
export function describePlace(given: Omit<RunOptions, 'signal'>): GuardedPlace {
  const { store, ...checkpoint } = given.checkpoint ?? {};
  if (store === undefined) return { options: given as PlainRunOptions, store };
  const description = store?.description;
  if (description === undefined) {
    throw badOption(
      'checkpoint.store',
      'a store without a description',
      "for a guarded run, whose processes make the store anew, one that describes itself: a checkpoint.directory, s3Checkpoints without 'client' and 'credentials' (let the environment hold them), or a store of yours with a `description`; or use run() without a guardian",
    );
  }
  return { options: { ...given, checkpoint } as PlainRunOptions, store: description };
}

/** Gives each caller a store of its own, not acquired; undefined: the job takes no checkpoints. */
export async function openPlace({
  options,
  store,
}: GuardedPlace): Promise<CheckpointStore | undefined> {
  if (store !== undefined) return await openDescribed(store);
  const directory = options.checkpoint?.directory;
  if (directory === undefined) return undefined;
  // Loaded here, because a guardian needs it only when a process has died.
  const { openCheckpointDirectory } = await import('../checkpoint/directory/directory-store.js');
  return openCheckpointDirectory(directory);
}
