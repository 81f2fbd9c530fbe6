/**
 * The different values that distinct counts have met, beside the rows of numbers in which the counts stand (row-table.ts).
 *
 *     row of a key      … | bidders 2 | cheapBidders 1 | auctions 1 | …
 *
 *     value   owner     met by (a bit for each count)
 *     1001    the row   bidders, cheapBidders
 *     1002    the row   bidders
 *     77      the row   auctions
 *
 * A set of its own for each count would be written whole to each incremental snapshot that follows a new value. These are
 * rows like others: a snapshot may hold those alone that have changed, and a count has its answer at hand.
 *
 *  D1  An entry is of one key's row and one value, whichever counts have met that value. So counts of the same value
 *      under several conditions share it, and one search answers for all.
 *  D2  Entries are in the key group of their owner, and go wherever that goes. In another table the owner has another
 *      row: who restores tells which.
 *  D3  A value is in its canonical form (hashring/canonical-key.ts). Integers of 32 bits stand for themselves; all others
 *      have a number, by which they are found (value-numbers.ts).
 *  D4  Nothing is ever taken out: a running count forgets no value.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Capture, RestoredSection } from '../operator.js';
import { PairIndex } from './pair-index.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from './row-layout.js';
import { type RowCopier, RowTable } from './row-table.js';
import { isInteger, ValueNumbers } from './value-numbers.js';

/** Words of an entry: key reference, the owner's row, then bits. */
export const OWNER_WORD = 1;
export const BITS_WORD = 2;
/** Counts that have their bits in one word. */
export const BITS_PER_WORD = 32;

/** Name of the section. */
const SECTION = 'distinct';

export interface DistinctValuesOptions {
  /** How many counts there are. */
  readonly counts: number;
  /** As of the rows beside it. */
  readonly layout: string;
  /** As in the options of a row table: exchanges bits of former counts for those of today's. */
  readonly evolve: (before: string) => RowCopier;
}

export class DistinctValues {
  readonly #table: RowTable;
  readonly #words: number;
  readonly #integers = new PairIndex();
  /** By the numbers of values. */
  readonly #others = new PairIndex();
  readonly #numbers = new ValueNumbers();

  constructor({ counts, layout, evolve }: DistinctValuesOptions) {
    this.#words = Math.ceil(counts / BITS_PER_WORD);
    this.#table = new RowTable({ words: 1 + this.#words, layout, evolve });
  }

  /** As of a row table. */
  track(): void {
    this.#table.track();
  }

  /** As of a row table. */
  overlap(maxConcurrent: number): void {
    this.#table.overlap(maxConcurrent);
  }

  /**
   * Notes that counts have met a value. Never throws.
   * @param group the owner's
   * @param word which word of the bits is meant
   * @returns the bits of those that had not met it before
   */
  note(owner: number, group: number, value: PrimitiveKey, word: number, bits: number): number {
    const row = this.#find(owner, group, value);
    if (row < 0) {
      this.#create(owner, group, value, word, bits);
      return bits;
    }
    const table = this.#table;
    const segment = table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * table.stride + BITS_WORD + word;
    const before = segment[at]!;
    const fresh = bits & ~before;
    if (fresh === 0) return 0;
    if (row < table.guardRows) table.protect(row);
    segment[at] = before | bits;
    return fresh;
  }

  capture(checkpoint: number, base?: number): Capture {
    return this.#table.capture(SECTION, checkpoint, base);
  }

  /**
   * Adds the entries that were written with a section of rows.
   * @param restored all sections of the operator
   * @param rows the section of rows
   * @param placeOf where a row of that section is now
   * @param owns, alive as of a row table
   * @returns false when there are none
   * @throws HoldfastError as a row table does
   */
  restore(
    restored: readonly RestoredSection[],
    { instance }: Pick<RestoredSection, 'instance'>,
    placeOf: (row: number) => number,
    owns: (group: number) => boolean,
    alive: () => void,
  ): boolean {
    const section = restored.find((one) => one.name === SECTION && one.instance === instance);
    if (section === undefined) return false;
    const table = this.#table;
    table.restore(
      section,
      owns,
      (row, { group, key }) => {
        const segment = table.segments[row >> SEGMENT_SHIFT]!;
        const at = (row & SEGMENT_MASK) * table.stride;
        if (this.#isUnused(segment, at)) {
          table.release(row);
          return;
        }
        const owner = placeOf(segment[at + OWNER_WORD]!);
        segment[at + OWNER_WORD] = owner;
        this.#add(owner, group, key as PrimitiveKey, row);
      },
      alive,
    );
    return true;
  }

  /** The counts that had met it are gone. */
  #isUnused(segment: Float64Array, at: number): boolean {
    for (let word = 0; word < this.#words; word += 1) {
      if (segment[at + BITS_WORD + word] !== 0) return false;
    }
    return true;
  }

  #find(owner: number, group: number, value: PrimitiveKey): number {
    if (isInteger(value)) return this.#integers.get(owner, value);
    const number = this.#numbers.find(group, value);
    return number < 0 ? -1 : this.#others.get(owner, number);
  }

  #create(owner: number, group: number, value: PrimitiveKey, word: number, bits: number): void {
    const table = this.#table;
    const row = table.create(group, value);
    const segment = table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * table.stride;
    segment[at + OWNER_WORD] = owner;
    for (let other = 0; other < this.#words; other += 1) segment[at + BITS_WORD + other] = 0;
    segment[at + BITS_WORD + word] = bits;
    // A text may be a piece of a whole frame's; read back it stands for itself.
    this.#add(owner, group, isInteger(value) ? value : (table.keyOf(row) as PrimitiveKey), row);
  }

  #add(owner: number, group: number, value: PrimitiveKey, row: number): void {
    if (isInteger(value)) this.#integers.set(owner, value, row);
    else this.#others.set(owner, this.#numbers.numberOf(group, value), row);
  }
}
