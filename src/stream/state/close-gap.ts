/** Deletion from open addressing with linear probing, without marks of what was deleted (Knuth, vol. 3, 6.4, algorithm R). */

/**
 * Frees an entry, and moves up those behind it that would not be found any more.
 * @param entries pairs of words: what a hash is made of, and what is not 0 where the entry is taken
 * @param mask number of entries − 1, a power of two − 1
 * @param gap index of the entry
 * @param hashOf the hash, from the first word of an entry
 */
export function closeGap(
  entries: Int32Array,
  mask: number,
  gap: number,
  hashOf: (word: number) => number,
): void {
  let free = gap;
  for (let at = (free + 1) & mask; entries[at * 2 + 1] !== 0; at = (at + 1) & mask) {
    const wanted = hashOf(entries[at * 2]!) & mask;
    // An entry whose own place lies behind the gap would not be found any more if it moved up.
    if (((at - wanted) & mask) < ((at - free) & mask)) continue;
    entries[free * 2] = entries[at * 2]!;
    entries[free * 2 + 1] = entries[at * 2 + 1]!;
    free = at;
  }
  entries[free * 2] = 0;
  entries[free * 2 + 1] = 0;
}
