/**
 * Places by tuples of numbers, in the way of integer-index.ts: open addressing with linear probing.
 *
 *     [hash, place + 1] [hash, place + 1] [0, 0] …        place + 1 = 0: free
 *
 *  T1  Tuples of the same hash are compared with the tuple at the place, which somebody else keeps.
 *  T2  Tuples are equal as keys are (canonical-key.ts): −0 is 0, and NaN is equal to itself.
 *  T3  A deletion closes the gap (integer-index.ts, I2), and the hash is salted (I3).
 */

import { assert } from '../../base/assert.js';
import { closeGap } from './close-gap.js';
import { SALT } from './integer-index.js';

const PLACES_MIN = 16;
const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

export type NumberTuple = readonly number[];

export function isNumberTuple(key: unknown): key is NumberTuple {
  if (!Array.isArray(key) || key.length === 0) return false;
  for (let i = 0; i < key.length; i += 1) {
    if (typeof key[i] !== 'number') return false;
  }
  return true;
}

export class NumberTupleIndex {
  readonly #tupleAt: (place: number) => NumberTuple;
  #entries = new Int32Array(PLACES_MIN * 2);
  #mask = PLACES_MIN - 1;
  #size = 0;

  /** @param tupleAt gives the tuple of a place that was set (T1) */
  constructor(tupleAt: (place: number) => NumberTuple) {
    this.#tupleAt = tupleAt;
  }

  /** @returns the place; −1 for a tuple that has none */
  get(tuple: NumberTuple): number {
    return this.#entries[this.#entryOf(tuple, hash(tuple)) * 2 + 1]! - 1;
  }

  /** @param tuple one that has no place yet @param place of 0…2^31 − 2 */
  set(tuple: NumberTuple, place: number): void {
    this.#put(hash(tuple), place + 1);
    this.#size += 1;
    if (this.#size * 3 > (this.#mask + 1) * 2) this.#grow();
  }

  /** Takes out a tuple that is there. */
  delete(tuple: NumberTuple): void {
    const entries = this.#entries;
    const gap = this.#entryOf(tuple, hash(tuple));
    assert(entries[gap * 2 + 1] !== 0, 'the tuple is in the index');
    closeGap(entries, this.#mask, gap, itself);
    this.#size -= 1;
  }

  /** Where the tuple is, or else the free entry behind those of its hash. */
  #entryOf(tuple: NumberTuple, hashed: number): number {
    const entries = this.#entries;
    const mask = this.#mask;
    for (let at = hashed & mask; ; at = (at + 1) & mask) {
      const taken = entries[at * 2 + 1]!;
      if (taken === 0) return at;
      if (entries[at * 2] === hashed && isEqual(this.#tupleAt(taken - 1), tuple)) return at;
    }
  }

  #put(hashed: number, taken: number): void {
    const entries = this.#entries;
    const mask = this.#mask;
    let at = hashed & mask;
    while (entries[at * 2 + 1] !== 0) at = (at + 1) & mask;
    entries[at * 2] = hashed;
    entries[at * 2 + 1] = taken;
  }

  #grow(): void {
    const before = this.#entries;
    const places = (this.#mask + 1) * 2;
    this.#entries = new Int32Array(places * 2);
    this.#mask = places - 1;
    for (let at = 0; at < before.length; at += 2) {
      if (before[at + 1] !== 0) this.#put(before[at]!, before[at + 1]!);
    }
  }
}

/** Hashes are kept. */
const itself = (hashed: number): number => hashed;

/** T2 */
function isEqual(one: NumberTuple, other: NumberTuple): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i += 1) {
    const [a, b] = [one[i]!, other[i]!];
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) return false;
  }
  return true;
}

function hash(tuple: NumberTuple): number {
  let mixed = SALT ^ tuple.length;
  for (let i = 0; i < tuple.length; i += 1) {
    const number = tuple[i]!;
    const integer = number | 0;
    if (integer === number) {
      mixed = mix(mixed, integer);
    } else {
      double[0] = Number.isNaN(number) ? Number.NaN : number;
      mixed = mix(mix(mixed, words[0]!), words[1]!);
    }
  }
  const last = Math.imul(mixed, 0xc2b2ae35);
  return last ^ (last >>> 16);
}

function mix(hashed: number, word: number): number {
  const one = Math.imul(hashed ^ word, 0x9e3779b1);
  const two = Math.imul(one ^ (one >>> 15), 0x85ebca6b);
  return two ^ (two >>> 13);
}
