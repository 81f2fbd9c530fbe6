/** What a process that died without a word leaves where its checkpoints are. */

import { existsSync } from 'node:fs';
import { type GuardedPlace, openPlace } from './guard-store.js';

/**
 * Takes the dead process's lock or lease and its temporary files away, for whoever looks there next.
 * Best effort: the next run would do the same, and says what is wrong with the place if anything is.
 */
export async function tidyPlace(place: GuardedPlace): Promise<void> {
  const directory = place.options.checkpoint?.directory;
  if (directory !== undefined && !existsSync(directory)) return;
  const store = await openPlace(place).catch(() => undefined);
  await store?.acquire().catch(() => {});
  await store?.close().catch(() => {});
}
