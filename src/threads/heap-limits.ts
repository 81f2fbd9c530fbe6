/**
 * V8's limits of a thread's heap, as the Worker takes them.
 *
 * A user who limits old objects alone leaves the limit of young ones to Node, and newer versions (24, unlike
 * 20) allow these 192 MB. A scavenge that finds more survivors than the rest of the heap may hold cannot be
 * undone: V8 aborts the process, where the thread would have died alone. On Node 24 one overflow in four ended so
 * at a limit of 48 MB; with the limit that Node 20 has for young objects, none did.
 */

import { checkNumber, checkObject } from '../base/option-checks.js';

export type HeapLimits = Readonly<Record<string, number>>;

/** The names of all that a Worker knows. */
const HEAP_LIMIT_NAMES = [
  'maxOldGenerationSizeMb',
  'maxYoungGenerationSizeMb',
  'codeRangeSizeMb',
  'stackSizeMb',
] as const;

/**
 * @param option the full name, for messages
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function checkHeapLimits(option: string, limits: HeapLimits | undefined): HeapLimits {
  const given = checkObject(option, limits, HEAP_LIMIT_NAMES);
  const checked: Record<string, number> = {};
  for (const name of HEAP_LIMIT_NAMES) {
    const limit = checkNumber(`${option}.${name}`, given[name], undefined, {
      min: 1,
      max: 1024 * 1024,
      unit: 'megabytes',
    });
    if (limit !== undefined) checked[name] = limit;
  }
  return Object.freeze(checked);
}

/** The limit of Node 20. */
const YOUNG_MB_MAX = 48;

/** The limits, with one for young objects added if there is one for old objects. */
export function heapLimits(given: HeapLimits | undefined): HeapLimits | undefined {
  const old = given?.['maxOldGenerationSizeMb'];
  return old === undefined
    ? given
    : { maxYoungGenerationSizeMb: Math.min(old, YOUNG_MB_MAX), ...given };
}
