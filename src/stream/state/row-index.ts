/** Finds rows by key: one Map per owned key group, keyed by the canonical key. */

import { assert } from '../../base/assert.js';
import { canonicalKey } from '../../hashring/canonical-key.js';
import type { PrimitiveKey } from './primitive-key.js';
import type { RowTable } from './row-table.js';

export class RowIndex {
  readonly #table: RowTable;
  /** By key group; undefined for groups of other instances. Small Maps also grow in small steps. */
  readonly #groups: (Map<PrimitiveKey, number> | undefined)[];

  constructor(table: RowTable, keyGroups: number, owns: (group: number) => boolean) {
    this.#table = table;
    this.#groups = Array.from({ length: keyGroups + 1 }, (_, group) =>
      group > 0 && owns(group) ? new Map() : undefined,
    );
  }

  /** @returns the row, or undefined for a key that has none yet */
  find(group: number, canonical: PrimitiveKey): number | undefined {
    return this.#groups[group]?.get(canonical);
  }

  /** A new row for a key that has none. */
  create(group: number, key: unknown): number {
    const index = this.#groups[group];
    assert(index !== undefined, `a record of key group ${group} reached an instance without it`);
    const row = this.#table.create(group, key);
    // The key may be a piece of a whole frame's text; the key read back from the table stands for itself.
    index.set(canonicalKey(this.#table.keyOf(row)), row);
    return row;
  }

  /** Takes back what `create` has made. */
  remove(group: number, canonical: PrimitiveKey, row: number): void {
    this.#groups[group]!.delete(canonical);
    this.#table.release(row);
  }

  /** For restores: the row exists already. */
  add(group: number, key: unknown, row: number): void {
    this.#groups[group]!.set(canonicalKey(key), row);
  }
}
