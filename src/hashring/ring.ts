/**
 * A hash ring. Every member has several points on a circle of 2³² places. A group looks for its owner clockwise
 * from its own place.
 *
 * Invariants
 *   R1  A member's points depend on its own id and weight alone, not on the other members, nor on
 *       their order. So a member that comes or goes leaves the order of all other points as it was.
 *   R2  Points are sorted by place, then by the member's id, so the order of members does not matter where
 *       places are equal.
 */

import { murmur3Number, murmur3Utf16 } from './murmur3.js';

export interface RingMember {
  readonly id: string;
  /** Relative capacity; 1 by default. */
  readonly weight?: number | undefined;
}

export interface Ring {
  /** The places of the points, ascending. */
  readonly places: Uint32Array;
  /** For each point, the index of its member in the list from which the ring was built. */
  readonly owners: Uint16Array;
}

/**
 * @param members with different ids, at most 65 536; sorted by id (R2)
 * @param virtualNodes number of points of a member of weight 1
 */
export function buildRing(members: readonly RingMember[], virtualNodes: number): Ring {
  const points: { place: number; owner: number }[] = [];
  members.forEach(({ id, weight = 1 }, owner) => {
    const seed = murmur3Utf16(id);
    const count = Math.max(1, Math.round(virtualNodes * weight));
    for (let i = 0; i < count; i += 1) points.push({ place: murmur3Number(i, seed), owner });
  });
  points.sort((a, b) => a.place - b.place || a.owner - b.owner);
  return {
    places: Uint32Array.from(points, (point) => point.place),
    owners: Uint16Array.from(points, (point) => point.owner),
  };
}

/** Index of the first point at or after a place, going round at the end. */
export function pointAfter(ring: Ring, place: number): number {
  const { places } = ring;
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (places[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low === places.length ? 0 : low;
}
