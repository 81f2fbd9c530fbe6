/**
 * Finds rows by tuples of numbers and texts, element by element, without making the text that stands for the tuple.
 *
 *     ['a', 7], ['a', 9]      root of pairs ──'a'──▶ node 0 ──7──▶ row 0
 *                                                          └──9──▶ row 1
 *
 *  T1  Tuples of each length begin at a root of their own, a negative number. So what a pair (node, element) leads to is
 *      either always a node or always a row.
 *  T2  An integer stands for itself, any other element for its number (value-numbers.ts). They lie in two indexes, since
 *      the one may equal the other.
 */

import { PairIndex } from './pair-index.js';
import { isInteger, ValueNumbers } from './value-numbers.js';

/** In the place of a row that was taken out. */
const GONE = 2 ** 31 - 2;

export type Tuple = readonly (number | string)[];

/** Is it a tuple of this kind? */
export function isPlainTuple(key: unknown): key is Tuple {
  if (!Array.isArray(key) || key.length === 0) return false;
  for (let i = 0; i < key.length; i += 1) {
    const type = typeof key[i];
    if (type !== 'number' && type !== 'string') return false;
  }
  return true;
}

export class TupleIndex {
  readonly #integers = new PairIndex();
  readonly #others = new PairIndex();
  readonly #numbers = new ValueNumbers();
  #nodes = 0;

  /** @returns the row; −1 for a tuple that has none */
  get(group: number, tuple: Tuple): number {
    let at = -tuple.length;
    for (let i = 0; i < tuple.length; i += 1) {
      const element = tuple[i]!;
      if (isInteger(element)) {
        at = this.#integers.get(at, element);
      } else {
        const number = this.#numbers.find(group, element);
        if (number < 0) return -1;
        at = this.#others.get(at, number);
      }
      if (at < 0) return -1;
    }
    return at === GONE ? -1 : at;
  }

  /** @param tuple one whose texts hold on to nothing else (detached.ts) @param row of 0…2^31 − 3 */
  set(group: number, tuple: Tuple, row: number): void {
    const last = tuple.length - 1;
    let at = -tuple.length;
    for (let i = 0; i < last; i += 1) at = this.#step(at, group, tuple[i]!);
    this.#put(at, group, tuple[last]!, row);
  }

  /** Takes out a tuple that is there. */
  delete(group: number, tuple: Tuple): void {
    this.set(group, tuple, GONE);
  }

  /** The node that an element leads to, a new one if it led to none. */
  #step(node: number, group: number, element: number | string): number {
    const known = isInteger(element)
      ? this.#integers.get(node, element)
      : this.#others.get(node, this.#numbers.numberOf(group, element));
    if (known >= 0) return known;
    const next = this.#nodes;
    this.#nodes += 1;
    this.#put(node, group, element, next);
    return next;
  }

  #put(node: number, group: number, element: number | string, to: number): void {
    if (isInteger(element)) this.#integers.set(node, element, to);
    else this.#others.set(node, this.#numbers.numberOf(group, element), to);
  }
}
