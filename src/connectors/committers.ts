/** Makes the committer that a sink's data asks for, and checks that no two of a job work in the same place. */

import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
 * Two sinks of one job may not write to one target: their files would get the same names. Folders are compared by
 * where they really are, since a link leads to the same place.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION that names both
 */
export function checkDistinctTargets(
  sinks: readonly { readonly id: string; readonly committer: CommitterData | undefined }[],
): void {
  const owners = new Map<string, { readonly id: string; readonly directory: string }>();
  for (const { id, committer } of sinks) {
    if (committer === undefined || committer.kind !== 'rename') continue;
    const { directory } = committer as unknown as RenameCommitterData;
    const place = realPlace(directory);
    const owner = owners.get(place);
    if (owner !== undefined) {
      const through = owner.directory === directory ? '' : `, through '${owner.directory}'`;
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `the sinks '${owner.id}' and '${id}' both write to '${directory}'${through}. Give each a ` +
          'folder of its own.',
        { details: { sinks: [owner.id, id], directory, place } },
      );
    }
    owners.set(place, { id, directory });
  }
}

/** The path without links, as far as it exists yet. */
function realPlace(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), basename(path));
  }
}
