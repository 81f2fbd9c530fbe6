/** Tidies what a process that died without a word left where its checkpoints are. */

import { existsSync } from 'node:fs';
import { HoldfastError } from '../base/errors.js';
import { inTime } from '../base/in-time.js';
import { type GuardedPlace, openPlace } from './store.js';

/** A service that does not answer delays the news of how the job ended by no more than this. */
const TIDY_TIMEOUT_MS = 5_000;

/**
 * Removes the dead process's lock or lease and its temporary files, for whoever looks there next.
 * Best effort: the next run would do the same, and says what is wrong with the place if anything is.
 */
export async function tidyPlace(place: GuardedPlace): Promise<void> {
  const directory = place.options.checkpoint?.directory;
  if (directory !== undefined && !existsSync(directory)) return;
  const late = () => new HoldfastError('ERR_HOLDFAST_CHECKPOINT_STORE', 'the store is slow.');
  await inTime(tidy(place), TIDY_TIMEOUT_MS, late).catch(() => {});
}

/** Gives back what it takes, also when nobody waits for it any more. */
async function tidy(place: GuardedPlace): Promise<void> {
  const store = await openPlace(place).catch(() => undefined);
  await store?.acquire().catch(() => {});
  await store?.close().catch(() => {});
}
