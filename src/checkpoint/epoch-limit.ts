/** Epochs are 32-bit words in shared memory (threads/lease.ts). One a second lasts for 68 years. */

import type { HoldfastError } from '../base/errors.js';
import { formatError } from './storage-errors.js';

/** The greatest epoch that a store may hold: the next one still fits. */
export const EPOCH_MAX = 2 ** 31 - 2;

export function epochError(file: string, epoch: number): HoldfastError {
  return formatError(
    file,
    `it tells of epoch ${epoch}, which no run has ever reached, and none could follow. It is damaged, ` +
      'or somebody else has made it',
  );
}
