/**
 * Which node an actor lives on. The first part of its path decides, up to the first '/': so children and groups live
 * where their parent does. That part is hashed to one of m groups, and a table says which node has that group. The
 * same path has the same home on every thread, and in every run with as many nodes.
 */

import { keyGroupOf } from '../hashring/key-group.js';

/** The node number of what is outside of all nodes: in the address of an ask, and of a lane. */
export const OUTSIDE = -1;

/** Paths whose home is kept; when there are more, all are forgotten. */
const KEPT_MAX = 8_192;

/**
 * @param table owner of group g (1…m) at g − 1: what `placementTable` makes
 * @returns the node, 0…p − 1, of an actor's path
 */
export function homesBy(table: ArrayLike<number>): (path: string) => number {
  const groups = table.length;
  const first = table[0]!;
  if (Array.prototype.every.call(table, (owner) => owner === first)) return () => first;
  const kept = new Map<string, number>();
  return (path) => {
    let home = kept.get(path);
    if (home !== undefined) return home;
    home = table[keyGroupOf(firstPart(path), groups) - 1]!;
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(path, home);
    return home;
  };
}

function firstPart(path: string): string {
  const end = path.indexOf('/');
  return end < 0 ? path : path.slice(0, end);
}
