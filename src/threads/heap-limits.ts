/**
 * V8's limits of a thread's heap, as the Worker takes them.
 *
 * Whoever limits old objects alone leaves the young ones to Node, of which newer versions (24, unlike
 * 20) allow 192 MB. A scavenge that finds more survivors than the rest of the heap may hold cannot be
 * undone, and V8 aborts the process, where the thread would have died alone: at 48 MB that was one
 * overflow in four on Node 24, none with the limit that Node 20 has.
 */

export type HeapLimits = Readonly<Record<string, number>>;

/** Node 20's own. */
const YOUNG_MB_MAX = 48;

/** The limits with one for young objects, when there is one for old ones. */
export function heapLimits(given: HeapLimits | undefined): HeapLimits | undefined {
  const old = given?.['maxOldGenerationSizeMb'];
  return old === undefined
    ? given
    : { maxYoungGenerationSizeMb: Math.min(old, YOUNG_MB_MAX), ...given };
}
