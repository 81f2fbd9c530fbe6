/**
 * Copies a checkpoint to another store: that makes a savepoint, and lets a run begin from one.
 *
 *  P1  The copy names nothing of the store from which it came: the copy may be moved, and that store pruned.
 *  P2  Every checksum is verified on the way, so damage is never copied.
 *  P3  As in every checkpoint, the manifest is written last: an unfinished copy counts as none.
 */

import { compressionOf } from './parts/compression.js';
import { filesOf } from './parts/part-chain.js';
import type { CheckpointStore, Manifest, PartDescriptor, PartFile } from './store.js';

/**
 * @param to a store that is acquired
 * @returns the manifest as it stands in the target
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT for the source, …_CHECKPOINT_FAILED for the target
 */
export async function copyCheckpoint(
  from: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
  to: Pick<CheckpointStore, 'writePart' | 'writeManifest' | 'discard'>,
): Promise<Manifest> {
  const written: PartDescriptor[] = [];
  const copy = async (file: PartFile): Promise<PartFile> => {
    const copied = await copyFile(from, manifest, file, to);
    written.push(copied);
    // A section that is a delta stays one.
    return { ...copied, sections: file.sections };
  };
  try {
    const parts: PartDescriptor[] = [];
    // One after the other, since a file is in memory while it is copied.
    for (const part of manifest.parts) {
      const files: PartFile[] = [];
      for (const file of filesOf(part)) files.push(await copy(file));
      const newest = files.pop();
      if (newest === undefined) parts.push(part);
      else parts.push(files.length === 0 ? newest : { ...newest, earlier: files });
    }
    const copied = { ...manifest, parts };
    await to.writeManifest(copied);
    return copied;
  } catch (error) {
    await to.discard(written);
    throw error;
  }
}

async function copyFile(
  from: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
  file: PartFile,
  to: Pick<CheckpointStore, 'writePart'>,
): Promise<PartDescriptor> {
  const sections = await from.readPart(file); // P2
  return await to.writePart({
    job: manifest.job,
    checkpoint: manifest.checkpoint,
    vertex: file.vertex,
    instance: file.instance,
    epoch: manifest.epoch,
    incarnation: 0,
    ...compressionOf(file),
    sections: sections.map(({ operator, name, bytes }) => ({ operator, name, chunks: [bytes] })),
  });
}
