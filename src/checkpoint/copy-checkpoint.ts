/**
 * A checkpoint in another store: what a savepoint is, and how a run begins from one.
 *
 *  P1  The copy names nothing of the store that it came from: it may be moved, and the other one pruned.
 *  P2  Every checksum is verified on the way; what is damaged is never copied.
 *  P3  As with every checkpoint, the manifest comes last: an unfinished copy is none.
 */

import { compressionOf } from './parts/compression.js';
import { filesOf } from './parts/part-chain.js';
import type { CheckpointStore, Manifest, PartDescriptor, PartFile } from './store.js';

/**
 * @param to acquired
 * @returns the manifest as it stands there
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
    // What of it is a delta stays one.
    return { ...copied, sections: file.sections };
  };
  try {
    const parts: PartDescriptor[] = [];
    // One after the other: a file is in memory while it is copied.
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
