/** What the names of part files tell, whether or not a manifest names them. */

import { type DirectoryLayout, partOfName } from '../directory/directory-layout.js';
import type { FileSystem } from '../directory/file-system.js';
import { directoryError } from '../storage-errors.js';

/** 0 where there are none. Rejects with ERR_HOLDFAST_CHECKPOINT_DIRECTORY. */
export async function greatestInNames(
  files: FileSystem,
  at: DirectoryLayout,
): Promise<{ readonly checkpoint: number; readonly epoch: number }> {
  try {
    const parts = (await files.list(at.parts)).map(partOfName).filter((part) => part !== undefined);
    return parts.reduce(
      (greatest, { checkpoint, epoch }) => ({
        checkpoint: Math.max(greatest.checkpoint, checkpoint),
        epoch: Math.max(greatest.epoch, epoch),
      }),
      { checkpoint: 0, epoch: 0 },
    );
  } catch (error) {
    throw directoryError(at.root, error);
  }
}
