/**
 * Row numbers by integers of 32 bits: open addressing with linear probing in one typed array.
 *
 *     [key, row + 1] [key, row + 1] [0, 0] …        row + 1 = 0: the place is free
 *
 * A lookup reads one line of memory where a Map reads three, and there is nothing in it for the garbage collector
 * to walk. Measured with 50 000 keys: 11 ns against 23 in a loop; a keyed count as a whole got a quarter faster.
 *
 *  I1  At most two thirds of the places are taken, so that a search for what is missing ends soon.
 *  I2  A deletion closes the gap: each entry behind it that may stand nearer to its own place moves up. So there
 *      are no marks for deleted entries, which would make searches longer and longer.
 *      (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R.)
 *  I3  Each thread salts the hash, so that nobody can choose keys which all fall on one place.
 */

import { randomInt } from 'node:crypto';
import { assert } from '../../base/assert.js';
import { closeGap } from './close-gap.js';

const PLACES_MIN = 16;
/** See I3. */
export const SALT = randomInt(2 ** 32) | 0;

export class IntegerIndex {
  #places = new Int32Array(PLACES_MIN * 2);
  #mask = PLACES_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns the row; −1 for a key that has none */
  get(key: number): number {
    const places = this.#places;
    const mask = this.#mask;
    for (let at = hash(key) & mask; ; at = (at + 1) & mask) {
      const row = places[at * 2 + 1]! - 1;
      if (row < 0 || places[at * 2] === key) return row;
    }
  }

  /** @param row of 0…2^31 − 2 */
  set(key: number, row: number): void {
    const at = this.#placeOf(key);
    const places = this.#places;
    const isNew = places[at * 2 + 1] === 0;
    places[at * 2] = key;
    places[at * 2 + 1] = row + 1;
    if (!isNew) return;
    this.#size += 1;
    if (this.#size * 3 > (this.#mask + 1) * 2) this.#grow();
  }

  /** Takes out a key that is there. */
  delete(key: number): void {
    const places = this.#places;
    const gap = this.#placeOf(key);
    assert(places[gap * 2 + 1] !== 0, 'the key is in the index');
    closeGap(places, this.#mask, gap, hash);
    this.#size -= 1;
  }

  /** Where the key is, or else the free place where it belongs. */
  #placeOf(key: number): number {
    const places = this.#places;
    const mask = this.#mask;
    let at = hash(key) & mask;
    while (places[at * 2 + 1] !== 0 && places[at * 2] !== key) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const before = this.#places;
    const places = (this.#mask + 1) * 2;
    this.#places = new Int32Array(places * 2);
    this.#mask = places - 1;
    for (let at = 0; at < before.length; at += 2) {
      if (before[at + 1] === 0) continue;
      const free = this.#placeOf(before[at]!);
      this.#places[free * 2] = before[at]!;
      this.#places[free * 2 + 1] = before[at + 1]!;
    }
  }
}

function hash(key: number): number {
  const mixed = Math.imul(key ^ SALT, 0x9e3779b1);
  const hashed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  return hashed ^ (hashed >>> 16);
}
