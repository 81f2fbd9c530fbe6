/** The greatest epoch that a directory's runs were ever given. */

import { EPOCH_MAX, epochError } from '../epoch-limit.js';
import { seal, unseal } from '../sealed-json.js';
import { formatError } from '../storage-errors.js';
import { readWhole } from './file-reading.js';
import { errnoOf, type FileSystem } from './file-system.js';

export function encodeEpoch(epoch: number): Uint8Array {
  return seal('epoch', { epoch });
}

/**
 * 0 if there is none yet. Rejects with ERR_HOLDFAST_CHECKPOINT_CORRUPT or …_FORMAT: to guess an epoch
 * would be to let fenced work in again.
 */
export async function readEpoch(files: FileSystem, path: string): Promise<number> {
  let bytes: Uint8Array;
  try {
    bytes = await readWhole(files, path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
  const content = unseal('epoch', bytes, path);
  const epoch = (content as { readonly epoch?: unknown } | null)?.epoch;
  if (Number.isSafeInteger(epoch) && (epoch as number) >= 0) {
    if ((epoch as number) > EPOCH_MAX) throw epochError(path, epoch as number);
    return epoch as number;
  }
  throw formatError(path, 'it holds no epoch');
}
