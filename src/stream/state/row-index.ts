/**
 * Finds rows by key. Integers of 32 bits, as most numeric keys are, have an index of their own; all other keys are
 * in Maps, by their canonical form. Both are divided by key group into many small ones, so that they grow in
 * small steps and no record waits for a large one to be built anew.
 */

import { assert } from '../../base/assert.js';
import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { IntegerIndex } from './integer-index.js';
import type { RowTable } from './row-table.js';

/** Number of indexes for integers, a power of two. So few of them stay in the processor's cache, unlike the keys. */
const INTEGER_PARTS = 64;

export class RowIndex {
  readonly #table: RowTable;
  /** Indexes by key group modulo INTEGER_PARTS. */
  readonly #integers: readonly IntegerIndex[] = Array.from(
    { length: INTEGER_PARTS },
    () => new IntegerIndex(),
  );
  /** Maps by key group; undefined for groups of other instances. */
  readonly #groups: (Map<PrimitiveKey, number> | undefined)[];

  constructor(table: RowTable, keyGroups: number, owns: (group: number) => boolean) {
    this.#table = table;
    this.#groups = Array.from({ length: keyGroups + 1 }, (_, group) =>
      group > 0 && owns(group) ? new Map() : undefined,
    );
  }

  /** @returns the row, or −1 for a key that has none yet */
  find(group: number, canonical: PrimitiveKey): number {
    if (isInteger(canonical)) return this.#integersOf(group).get(canonical);
    return this.#groups[group]?.get(canonical) ?? -1;
  }

  /** A new row for a key that has none. */
  create(group: number, key: unknown): number {
    const index = this.#groups[group];
    assert(index !== undefined, `a record of key group ${group} reached an instance without it`);
    const row = this.#table.create(group, key);
    // The key may be a piece of a whole frame's text; the key read back from the table stands for itself.
    this.add(group, this.#table.keyOf(row), row);
    return row;
  }

  /** Takes back what `create` has made. */
  remove(group: number, canonical: PrimitiveKey, row: number): void {
    if (isInteger(canonical)) this.#integersOf(group).delete(canonical);
    else this.#groups[group]!.delete(canonical);
    this.#table.release(row);
  }

  /** For restores: the row exists already. */
  add(group: number, key: unknown, row: number): void {
    const canonical = canonicalKey(key);
    if (isInteger(canonical)) this.#integersOf(group).set(canonical, row);
    else this.#groups[group]!.set(canonical, row);
  }

  #integersOf(group: number): IntegerIndex {
    return this.#integers[group & (INTEGER_PARTS - 1)]!;
  }
}

function isInteger(key: PrimitiveKey): key is number {
  return typeof key === 'number' && (key | 0) === key;
}
