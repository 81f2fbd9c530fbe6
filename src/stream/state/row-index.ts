/**
 * Finds rows by key. Integers of 32 bits, as most numeric keys are, have an index of their own, and so have tuples of
 * numbers and texts; all other keys are in Maps, by their canonical form. All are divided into many small ones, so that they
 * grow in small steps and no record waits for a large one to be built anew.
 */

import { assert } from '../../base/assert.js';
import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { IntegerIndex } from './integer-index.js';
import { isNumberTuple } from './number-tuple-index.js';
import type { RowTable } from './row-table.js';
import { isPlainTuple, TupleIndex } from './tuple-index.js';
import { isInteger } from './value-numbers.js';

/** Number of indexes for integers, a power of two. So few of them stay in the processor's cache, unlike the keys. */
const INTEGER_PARTS = 64;

export class RowIndex {
  readonly #table: RowTable;
  /** Indexes by key group modulo INTEGER_PARTS. */
  readonly #integers: readonly IntegerIndex[] = Array.from(
    { length: INTEGER_PARTS },
    () => new IntegerIndex(),
  );
  readonly #tuples = new TupleIndex();
  /** Maps by key group; undefined for groups of other instances. */
  readonly #groups: (Map<PrimitiveKey, number> | undefined)[];

  constructor(table: RowTable, keyGroups: number, owns: (group: number) => boolean) {
    this.#table = table;
    this.#groups = Array.from({ length: keyGroups + 1 }, (_, group) =>
      group > 0 && owns(group) ? new Map() : undefined,
    );
  }

  /**
   * @returns the row, or −1 for a key that has none yet
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_KEY
   */
  find(group: number, key: unknown): number {
    if (isInteger(key)) return this.#integersOf(group).get(key);
    if (isPlainTuple(key)) return this.#tuples.get(group, key);
    return this.#groups[group]?.get(canonicalKey(key)) ?? -1;
  }

  /** A new row for a key that has none. */
  create(group: number, key: unknown): number {
    assert(
      this.#groups[group] !== undefined,
      `a record of key group ${group} reached an instance without it`,
    );
    const row = this.#table.create(group, key);
    // The key may be a piece of a whole frame's text, unlike a tuple of numbers; the key read back stands for itself.
    this.add(group, isNumberTuple(key) ? key : this.#table.keyOf(row), row);
    return row;
  }

  /** Takes back what `create` has made. */
  remove(group: number, key: unknown, row: number): void {
    if (isInteger(key)) this.#integersOf(group).delete(key);
    else if (isPlainTuple(key)) this.#tuples.delete(group, key);
    else this.#groups[group]!.delete(canonicalKey(key));
    this.#table.release(row);
  }

  /** For restores: the row exists already. */
  add(group: number, key: unknown, row: number): void {
    if (isInteger(key)) this.#integersOf(group).set(key, row);
    else if (isPlainTuple(key)) this.#tuples.set(group, key, row);
    else this.#groups[group]!.set(canonicalKey(key), row);
  }

  #integersOf(group: number): IntegerIndex {
    return this.#integers[group & (INTEGER_PARTS - 1)]!;
  }
}
