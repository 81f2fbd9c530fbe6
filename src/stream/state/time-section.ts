/** A point in event time as a section of its own: one float64, little-endian. */

import { HoldfastError } from '../../base/errors.js';
import type { RestoredSection, StateSection } from '../operator.js';

/** The section with a task's own time. It stands beside those of its first operator. Names of such sections begin with '~'. */
export const TASK_SECTION = '~task';

export function encodeTime(name: string, timeMs: number): StateSection {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, timeMs, true);
  return { name, chunks: [bytes] };
}

/**
 * The earliest time in the sections of that name (several after a change of parallelism): a time that only some
 * instances had reached has to be reached again. −Infinity when there is none.
 */
export function earliestTime(name: string, restored: readonly RestoredSection[]): number {
  let earliest = Number.POSITIVE_INFINITY;
  let found = false;
  for (const section of restored) {
    if (section.name !== name) continue;
    found = true;
    earliest = Math.min(earliest, decodeTime(section.bytes));
  }
  return found ? earliest : Number.NEGATIVE_INFINITY;
}

function decodeTime(bytes: Uint8Array): number {
  if (bytes.length !== 8) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      `a time in the checkpoint takes ${bytes.length} bytes instead of 8. Restore an older checkpoint.`,
    );
  }
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
}

/** The earlier of two times; undefined is none. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
