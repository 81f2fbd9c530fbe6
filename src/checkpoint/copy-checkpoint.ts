/**
 * A checkpoint in another store: what a savepoint is, and how a run begins from one.
 *
 *  P1  The copy names nothing of the store that it came from: it may be moved, and the other one pruned.
 *  P2  Every checksum is verified on the way; what is damaged is never copied.
 *  P3  As with every checkpoint, the manifest comes last: an unfinished copy is none.
 */

import type { CheckpointStore, Manifest, PartDescriptor } from './store.js';

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
  const parts: PartDescriptor[] = [];
  try {
    // One after the other: a part is in memory while it is copied.
    for (const part of manifest.parts) parts.push(await copyPart(from, manifest, part, to));
    const copied = { ...manifest, parts };
    await to.writeManifest(copied);
    return copied;
  } catch (error) {
    await to.discard(parts);
    throw error;
  }
}

async function copyPart(
  from: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
  part: PartDescriptor,
  to: Pick<CheckpointStore, 'writePart'>,
): Promise<PartDescriptor> {
  const sections = await from.readPart(part); // P2
  return await to.writePart({
    job: manifest.job,
    checkpoint: manifest.checkpoint,
    vertex: part.vertex,
    instance: part.instance,
    epoch: manifest.epoch,
    incarnation: 0,
    sections: sections.map(({ operator, name, bytes }) => ({ operator, name, chunks: [bytes] })),
  });
}
