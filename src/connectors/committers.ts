/** Which committer a sink's data asks for, and that no two of a job work in the same place. */

import { HoldfastError } from '../base/errors.js';
import type { CommitterData } from '../stream/sink.js';
import type { Committer } from './committer.js';
import { RenameCommitter, type RenameCommitterData } from './files/rename-committer.js';

/** @throws HoldfastError ERR_HOLDFAST_INTERNAL for a kind that this version does not know */
export function createCommitter(data: CommitterData): Committer {
  if (data.kind === 'rename') return new RenameCommitter(data as unknown as RenameCommitterData);
  throw new HoldfastError(
    'ERR_HOLDFAST_INTERNAL',
    `no committer of kind '${data.kind}' is known. Are two versions of Holdfast installed?`,
  );
}

/**
 * Two sinks of one job may not write to one target: their files would get the same names.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION that names both
 */
export function checkDistinctTargets(
  sinks: readonly { readonly id: string; readonly committer: CommitterData | undefined }[],
): void {
  const owners = new Map<string, string>();
  for (const { id, committer } of sinks) {
    if (committer === undefined || committer.kind !== 'rename') continue;
    const { directory } = committer as unknown as RenameCommitterData;
    const owner = owners.get(directory);
    if (owner !== undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `the sinks '${owner}' and '${id}' both write to '${directory}'. Give each a folder of its own.`,
        { details: { sinks: [owner, id], directory } },
      );
    }
    owners.set(directory, id);
  }
}
