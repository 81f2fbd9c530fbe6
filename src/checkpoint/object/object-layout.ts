/**
 * Keys of an object store, relative to its prefix.
 *
 *     index.json                              what there is, who owns it, the greatest epoch: the truth
 *     manifests/0000000012-e3-….json          one per checkpoint; it counts once the index names it
 *     parts/c…-e…-….part                      state, named by manifests
 *     conditions.txt                          where conditional writes are tried when a store is acquired
 */

export const MANIFESTS = 'manifests/';
export const PARTS = 'parts/';
export const PROBE = 'conditions.txt';

/** @param unique hexadecimal digits never used before */
export function manifestObjectName(checkpoint: number, epoch: number, unique: string): string {
  return `${String(checkpoint).padStart(10, '0')}-e${epoch}-${unique}.json`;
}

/** What a manifest's name tells; undefined for objects of others. */
export function manifestOfObjectName(
  name: string,
): { readonly checkpoint: number; readonly epoch: number } | undefined {
  const match = /^(\d{10,16})-e(\d{1,16})-[0-9a-f]+\.json$/.exec(name);
  return match === null ? undefined : { checkpoint: Number(match[1]), epoch: Number(match[2]) };
}
