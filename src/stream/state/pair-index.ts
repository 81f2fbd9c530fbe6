/**
 * Numbers of rows, say, by pairs of integers of 32 bits, in the way of integer-index.ts: open addressing with linear
 * probing.
 *
 *     [first, second, row + 1] [first, second, row + 1] [0, 0, 0] …        row + 1 = 0: the place is free
 *
 *  P1  It is divided by hash into many small indexes, so that they grow in small steps, also where all pairs have the
 *      same first half, and no record waits for a large one to be built anew.
 *  P2  Pairs are never taken out.
 */

import { SALT } from './integer-index.js';

const PARTS_BITS = 6;
const PLACES_MIN = 16;
const PLACE_WORDS = 3;

export class PairIndex {
  /** By the first bits of the hash; places are by its last ones. */
  readonly #parts: readonly Part[] = Array.from({ length: 2 ** PARTS_BITS }, () => new Part());

  /** @returns the row; −1 for a pair that has none */
  get(first: number, second: number): number {
    const hashed = hash(first, second);
    return this.#parts[hashed >>> (32 - PARTS_BITS)]!.get(first, second, hashed);
  }

  /** @param row of 0…2^31 − 2 */
  set(first: number, second: number, row: number): void {
    const hashed = hash(first, second);
    this.#parts[hashed >>> (32 - PARTS_BITS)]!.set(first, second, row, hashed);
  }
}

class Part {
  #places = new Int32Array(PLACES_MIN * PLACE_WORDS);
  #mask = PLACES_MIN - 1;
  #size = 0;

  get(first: number, second: number, hashed: number): number {
    const places = this.#places;
    const mask = this.#mask;
    for (let place = hashed & mask; ; place = (place + 1) & mask) {
      const at = place * PLACE_WORDS;
      const row = places[at + 2]! - 1;
      if (row < 0 || (places[at] === first && places[at + 1] === second)) return row;
    }
  }

  set(first: number, second: number, row: number, hashed: number): void {
    if (!put(this.#places, this.#mask, first, second, row + 1, hashed)) return;
    this.#size += 1;
    if (this.#size * 3 > (this.#mask + 1) * 2) this.#grow();
  }

  #grow(): void {
    const before = this.#places;
    const places = (this.#mask + 1) * 2;
    this.#places = new Int32Array(places * PLACE_WORDS);
    this.#mask = places - 1;
    for (let at = 0; at < before.length; at += PLACE_WORDS) {
      const [first, second, taken] = [before[at]!, before[at + 1]!, before[at + 2]!];
      if (taken !== 0) {
        put(this.#places, this.#mask, first, second, taken, hash(first, second));
      }
    }
  }
}

/** @returns whether the pair is new */
function put(
  places: Int32Array,
  mask: number,
  first: number,
  second: number,
  taken: number,
  hashed: number,
): boolean {
  for (let place = hashed & mask; ; place = (place + 1) & mask) {
    const at = place * PLACE_WORDS;
    const isFree = places[at + 2] === 0;
    if (!isFree && (places[at] !== first || places[at + 1] !== second)) continue;
    places[at] = first;
    places[at + 1] = second;
    places[at + 2] = taken;
    return isFree;
  }
}

function hash(first: number, second: number): number {
  const one = Math.imul(first ^ SALT, 0x9e3779b1);
  const two = Math.imul(one ^ (one >>> 15) ^ second, 0x85ebca6b);
  const three = Math.imul(two ^ (two >>> 13), 0xc2b2ae35);
  return three ^ (three >>> 16);
}
