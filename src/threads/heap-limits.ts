/**
 * V8's limits of a thread's heap, as the Worker takes them.
 *
 * A user who limits old objects alone leaves the limit of young ones to Node, and newer versions (24, unlike
 * 20) allow these 192 MB. A scavenge that finds more survivors than the rest of the heap may hold cannot be
 * undone: V8 aborts the process, where the thread would have died alone. On Node 24 one overflow in four ended so
 * at a limit of 48 MB; with the limit that Node 20 has for young objects, none did.
 */

export type HeapLimits = Readonly<Record<string, number>>;

/** The names of all that a Worker knows. */
export const HEAP_LIMIT_NAMES = [
  'maxOldGenerationSizeMb',
  'maxYoungGenerationSizeMb',
  'codeRangeSizeMb',
  'stackSizeMb',
] as const;

/** The limit of Node 20. */
const YOUNG_MB_MAX = 48;

/** The limits, with one for young objects added if there is one for old objects. */
export function heapLimits(given: HeapLimits | undefined): HeapLimits | undefined {
  const old = given?.['maxOldGenerationSizeMb'];
  return old === undefined
    ? given
    : { maxYoungGenerationSizeMb: Math.min(old, YOUNG_MB_MAX), ...given };
}
