/**
 * Key groups: the virtual slots between keys and operator instances.
 *
 * A key belongs to one of m groups, 1…m, for the whole life of a job. Groups move between instances; keys never
 * change their group. 0 is never a group, so that tables can use it for "none".
 */

import { signedHashOfKey } from './murmur3.js';

/** Groups are numbered in 16 bits wherever they are written down. */
export const KEY_GROUPS_MAX = 0xffff;

/**
 * The key group of a key.
 * @param keyGroups number of groups (m): an integer of 1…65 535, not checked here
 * @returns 1…m
 * @throws `ERR_HOLDFAST_UNSUPPORTED_KEY` for what cannot be a key
 */
export function keyGroupOf(key: unknown, keyGroups: number): number {
  const hash = signedHashOfKey(key);
  const mask = keyGroups - 1;
  // For a power of two, such as the default, a mask gives the remainder in a quarter of the time of a division.
  if ((keyGroups & mask) === 0) return (hash & mask) + 1;
  return ((hash >>> 0) % (keyGroups >>> 0)) + 1;
}
