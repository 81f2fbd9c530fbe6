/**
 * The cells of a key group, by key. Integers of 32 bits, as most numeric keys are, are found as rows are
 * (integer-index.ts), at half the price of a Map. So are tuples of numbers, for which a Map would need a text (number-tuple-index.ts).
 * All other keys are in a Map by their canonical form.
 *
 *     integers, tuples ──▶ place ──▶ cell            places that are free are used again
 *     others ─────────────────────▶ cell
 */

import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Cell, Cells } from './cell.js';
import { IntegerIndex } from './integer-index.js';
import { isNumberTuple, type NumberTuple, NumberTupleIndex } from './number-tuple-index.js';
import { isInteger } from './value-numbers.js';

export class KeyCells implements Cells {
  /** Undefined until a key of that kind comes: there may be many key groups with few keys. */
  #integers: IntegerIndex | undefined;
  #tuples: NumberTupleIndex | undefined;
  readonly #others = new Map<PrimitiveKey, Cell>();
  /** Cells of integers and tuples. */
  #cells: (Cell | undefined)[] = [];
  #free: number[] = [];

  get size(): number {
    return this.#cells.length - this.#free.length + this.#others.size;
  }

  /** @param canonical the key's canonical form, if it is known */
  find(key: unknown, canonical?: PrimitiveKey): Cell | undefined {
    const index = this.#indexOf(key);
    if (index === undefined) return this.#others.get(canonical ?? canonicalKey(key));
    const place = index.get(key as never);
    return place < 0 ? undefined : this.#cells[place];
  }

  add(cell: Cell): void {
    const { key } = cell;
    const index = this.#indexOf(key);
    if (index === undefined) {
      this.#others.set(canonicalKey(key), cell);
      return;
    }
    const place = this.#free.pop() ?? this.#cells.length;
    this.#cells[place] = cell;
    index.set(key as never, place);
  }

  remove({ key }: Cell): void {
    const index = this.#indexOf(key);
    if (index === undefined) {
      this.#others.delete(canonicalKey(key));
      return;
    }
    const place = index.get(key as never);
    index.delete(key as never);
    this.#cells[place] = undefined;
    this.#free.push(place);
    if (this.#free.length < this.#cells.length) return;
    this.#cells = [];
    this.#free = [];
  }

  *values(): Generator<Cell> {
    const cells = this.#cells;
    for (let place = 0; place < cells.length; place += 1) {
      const cell = cells[place];
      if (cell !== undefined) yield cell;
    }
    yield* this.#others.values();
  }

  #indexOf(key: unknown): IntegerIndex | NumberTupleIndex | undefined {
    if (isInteger(key)) {
      this.#integers ??= new IntegerIndex();
      return this.#integers;
    }
    if (!isNumberTuple(key)) return undefined;
    this.#tuples ??= new NumberTupleIndex((place) => this.#cells[place]!.key as NumberTuple);
    return this.#tuples;
  }
}
