/** What a process that died without a word leaves in the checkpoint directory. */

import { existsSync } from 'node:fs';
import { openCheckpointDirectory } from '../checkpoint/directory-store.js';

/**
 * Takes the dead process's lock and its temporary files away, for whoever looks at the directory next.
 * Best effort: the next run would do the same, and says what is wrong with the directory if anything is.
 */
export async function tidyDirectory(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const store = openCheckpointDirectory(directory);
  await store.acquire().catch(() => {});
  await store.close().catch(() => {});
}
