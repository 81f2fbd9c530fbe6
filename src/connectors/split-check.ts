/** Checks what comes back from a snapshot before it is used, because the job may have been edited since. */

import { HoldfastError } from '../base/errors.js';
import type { FileIdentity } from './files/file-identity.js';
import type { NamedPath } from './options.js';

/** The error for a split that the source, as it is defined now, would not have listed. */
export function splitChanged(source: string, split: string, why: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE_CHANGED',
    `${source}: the checkpoint goes on with split '${split}', but ${why}. ` +
      "Define the source as it was, or start the job afresh (restore: 'none').",
    { details: { source, split } },
  );
}

export function badPosition(source: string, split: string, position: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `${source}: ${JSON.stringify(position) ?? String(position)} is no position in split '${split}'. ` +
      "Was the source exchanged for another? Then start the job afresh (restore: 'none').",
    { details: { source, split } },
  );
}

/** A whole number field of a position, within bounds. */
export function positionField(
  source: string,
  split: string,
  position: unknown,
  field: string,
  min: number,
  max: number,
): number {
  const value = (position as Record<string, unknown> | null)?.[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw badPosition(source, split, position);
  }
  return value;
}

/** The fields that every split of a file has. */
export interface FileSplit extends FileIdentity {
  readonly id: string;
  readonly path: string;
}

/** The source's file to which the split belongs. */
export function pathOfSplit(
  source: string,
  paths: readonly NamedPath[],
  split: FileSplit,
): NamedPath {
  const path = paths.find(({ shown }) => shown === split.path);
  if (path === undefined) {
    const now = paths.map(({ shown }) => `'${shown}'`).join(', ');
    throw splitChanged(source, split.id, `the job now reads ${now}`);
  }
  return path;
}
