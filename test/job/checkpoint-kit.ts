/** What is in the checkpoints of a directory. */

import { openCheckpoint } from '../../dist/checkpoint/inspect/inspect-checkpoint.js';
import { parseChannelSection } from '../../dist/stream/task/channel-state.js';

/** Bytes of records in flight that the checkpoint holds. */
export async function inFlightBytes(directory: string, checkpoint: number): Promise<number> {
  const { manifest } = await openCheckpoint(directory, checkpoint);
  return manifest.parts
    .flatMap(({ sections }) => sections)
    .filter(({ name }) => parseChannelSection(name) !== undefined)
    .reduce((sum, { bytes }) => sum + bytes, 0);
}
