/** What the names of part files tell, whether or not a manifest names them. */

import { join } from 'node:path';
import { isHoldfastError } from '../../base/errors.js';
import { type DirectoryLayout, partOfName } from '../directory/directory-layout.js';
import type { FileSystem } from '../directory/file-system.js';
import { EPOCH_MAX, epochError } from '../epoch-limit.js';
import { directoryError } from '../storage-errors.js';

/**
 * 0 where there are none. Rejects with ERR_HOLDFAST_CHECKPOINT_DIRECTORY, or …_FORMAT for the name of a part of
 * an epoch that cannot be.
 */
export async function greatestInNames(
  files: FileSystem,
  at: DirectoryLayout,
): Promise<{ readonly checkpoint: number; readonly epoch: number }> {
  try {
    const parts = (await files.list(at.parts)).flatMap((file) => {
      const part = partOfName(file);
      if (part !== undefined && part.epoch > EPOCH_MAX) {
        throw epochError(join(at.parts, file), part.epoch);
      }
      return part ?? [];
    });
    return parts.reduce(
      (greatest, { checkpoint, epoch }) => ({
        checkpoint: Math.max(greatest.checkpoint, checkpoint),
        epoch: Math.max(greatest.epoch, epoch),
      }),
      { checkpoint: 0, epoch: 0 },
    );
  } catch (error) {
    throw isHoldfastError(error) ? error : directoryError(at.root, error);
  }
}
