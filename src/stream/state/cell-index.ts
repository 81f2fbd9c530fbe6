/**
 * Finds cells by integer keys of 32 bits, as most numeric keys are, at half the price of the Maps of their buckets
 * (integer-index.ts). For each such cell the bucket's Map has an entry as well: walks and restores go through that.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Cell } from './cell.js';
import { IntegerIndex } from './integer-index.js';

/** Number of indexes, a power of two: they grow in small steps, and no record waits for a large one. */
const PARTS = 64;

export class CellIndex {
  /** By key group modulo PARTS. */
  readonly #parts: readonly IntegerIndex[] = Array.from(
    { length: PARTS },
    () => new IntegerIndex(),
  );
  readonly #cells: (Cell | undefined)[] = [];
  /** Places in `#cells` that are free. */
  readonly #free: number[] = [];

  /** @returns undefined for a key that has none */
  find(group: number, key: number): Cell | undefined {
    const at = this.#partOf(group).get(key);
    return at < 0 ? undefined : this.#cells[at];
  }

  /** Notes a new cell, if its key is such an integer. */
  add(cell: Cell): void {
    const { group, key } = cell;
    if (!isInteger(key)) return;
    const at = this.#free.pop() ?? this.#cells.length;
    this.#cells[at] = cell;
    this.#partOf(group).set(key, at);
  }

  /** The cell is gone from its bucket. */
  remove({ group, key }: Cell): void {
    if (!isInteger(key)) return;
    const part = this.#partOf(group);
    const at = part.get(key);
    part.delete(key);
    this.#cells[at] = undefined;
    this.#free.push(at);
  }

  #partOf(group: number): IntegerIndex {
    return this.#parts[group & (PARTS - 1)]!;
  }
}

export function isInteger(key: unknown): key is number & PrimitiveKey {
  return typeof key === 'number' && (key | 0) === key;
}
