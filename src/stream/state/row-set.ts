/** A set of row numbers, one bit each: a million rows take 125 KB. */

const BITS_SHIFT = 5;
const BITS_MASK = 31;

export class RowSet {
  #words: Int32Array<ArrayBuffer>;
  #size = 0;

  /** @param rows numbers below it can be added at once */
  constructor(rows: number) {
    this.#words = new Int32Array(Math.ceil(rows / (BITS_MASK + 1)));
  }

  get size(): number {
    return this.#size;
  }

  /** Makes room for numbers below `rows`. */
  reserve(rows: number): void {
    const words = Math.ceil(rows / (BITS_MASK + 1));
    if (words <= this.#words.length) return;
    const larger = new Int32Array(Math.max(words, this.#words.length * 2));
    larger.set(this.#words);
    this.#words = larger;
  }

  /** @returns false when the row was in the set. There has to be room for it. */
  add(row: number): boolean {
    const word = this.#words[row >> BITS_SHIFT]!;
    const bit = 1 << (row & BITS_MASK);
    if ((word & bit) !== 0) return false;
    this.#words[row >> BITS_SHIFT] = word | bit;
    this.#size += 1;
    return true;
  }

  /** @returns false when the row was not in the set. */
  delete(row: number): boolean {
    const word = this.#words[row >> BITS_SHIFT];
    const bit = 1 << (row & BITS_MASK);
    if (word === undefined || (word & bit) === 0) return false;
    this.#words[row >> BITS_SHIFT] = word & ~bit;
    this.#size -= 1;
    return true;
  }

  /** The smallest number from `row` on, −1 when there is none. Looks at 32 rows at a time. */
  next(row: number): number {
    let at = row >> BITS_SHIFT;
    let word = (this.#words[at] ?? 0) & (-1 << (row & BITS_MASK));
    while (word === 0) {
      at += 1;
      if (at >= this.#words.length) return -1;
      word = this.#words[at]!;
    }
    return (at << BITS_SHIFT) + (BITS_MASK - Math.clz32(word & -word));
  }

  copy(): RowSet {
    const copy = new RowSet(0);
    copy.#words = this.#words.slice();
    copy.#size = this.#size;
    return copy;
  }

  /** A new set of what is in one or the other. */
  static union(one: RowSet, other: RowSet): RowSet {
    const [longer, shorter] = one.#words.length < other.#words.length ? [other, one] : [one, other];
    const union = longer.copy();
    for (let i = 0; i < shorter.#words.length; i += 1) {
      const more = shorter.#words[i]! & ~union.#words[i]!;
      if (more === 0) continue;
      union.#words[i] = union.#words[i]! | more;
      union.#size += ones(more);
    }
    return union;
  }
}

function ones(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count += 1;
  return count;
}
