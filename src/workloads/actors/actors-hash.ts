/** By what threads, and snapshots, tell whether they have the same definitions. */

import { createHash } from 'node:crypto';

/** @param names of all definitions, in any order @returns 24 hexadecimal digits */
export function actorsHash(names: readonly string[]): string {
  const sorted = JSON.stringify([...names].sort());
  return createHash('sha256').update(sorted).digest('hex').slice(0, 24);
}
