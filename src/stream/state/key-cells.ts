/**
 * The cells of an operator by key, each at a place of its own. Integers of 32 bits, as most numeric keys are, are found as
 * rows are (integer-index.ts), at half the price of a Map. So are tuples of numbers, for which a Map would need a text
 * (number-tuple-index.ts). All other keys are in Maps by their canonical form.
 *
 *     key ──▶ place ──▶ cell         places that are free are used again
 *                  └──▶ number       where the cell's value is one (number-column.ts)
 *
 * What finds places is divided into many small parts, and cells lie in segments. So all of it grows in small steps, and
 * no record waits for a large one to be built anew.
 */

import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Cell, Cells } from './cell.js';
import { IntegerIndex } from './integer-index.js';
import { NumberColumn } from './number-column.js';
import { isNumberTuple, type NumberTuple, NumberTupleIndex } from './number-tuple-index.js';
import { PLACES_MASK, PLACES_SHIFT } from './place-layout.js';
import { isInteger } from './value-numbers.js';

/** A power of two. So few stay in the processor's cache, unlike the keys. */
const PARTS = 64;

export class KeyCells implements Cells {
  /** By key group modulo PARTS; undefined until a key of that kind comes. */
  readonly #integers: (IntegerIndex | undefined)[] = new Array(PARTS).fill(undefined);
  readonly #tuples: (NumberTupleIndex | undefined)[] = new Array(PARTS).fill(undefined);
  readonly #others: (Map<PrimitiveKey, number> | undefined)[] = new Array(PARTS).fill(undefined);
  #segments: (Cell | undefined)[][] = [];
  #places = 0;
  #free: number[] = [];
  readonly numbers = new NumberColumn();

  get size(): number {
    return this.#places - this.#free.length;
  }

  /**
   * @param canonical the key's canonical form, if it is known
   * @returns −1 for a key that has no cell
   */
  placeOf(key: unknown, group: number, canonical?: PrimitiveKey): number {
    const part = group & (PARTS - 1);
    if (isInteger(key)) return this.#integers[part]?.get(key) ?? -1;
    if (isNumberTuple(key)) return this.#tuples[part]?.get(key) ?? -1;
    return this.#others[part]?.get(canonical ?? canonicalKey(key)) ?? -1;
  }

  /** The cell at a place that is taken. */
  at(place: number): Cell {
    return this.#segments[place >> PLACES_SHIFT]![place & PLACES_MASK]!;
  }

  find(key: unknown, group: number, canonical?: PrimitiveKey): Cell | undefined {
    const place = this.placeOf(key, group, canonical);
    return place < 0 ? undefined : this.at(place);
  }

  add(cell: Cell): void {
    const place = this.#free.pop() ?? this.#places;
    if (place === this.#places) this.#places += 1;
    const segment = place >> PLACES_SHIFT;
    this.#segments[segment] ??= [];
    this.#segments[segment][place & PLACES_MASK] = cell;
    const { key, group } = cell;
    const part = group & (PARTS - 1);
    if (isInteger(key)) {
      this.#integers[part] ??= new IntegerIndex();
      this.#integers[part].set(key, place);
    } else if (isNumberTuple(key)) {
      this.#tuples[part] ??= new NumberTupleIndex((at) => this.at(at).key as NumberTuple);
      this.#tuples[part].set(key, place);
    } else {
      this.#others[part] ??= new Map();
      this.#others[part].set(canonicalKey(key), place);
    }
  }

  remove({ key, group }: Cell): void {
    const part = group & (PARTS - 1);
    const place = this.placeOf(key, group);
    if (isInteger(key)) this.#integers[part]!.delete(key);
    else if (isNumberTuple(key)) this.#tuples[part]!.delete(key);
    else this.#others[part]!.delete(canonicalKey(key));
    this.numbers.remove(place);
    this.#segments[place >> PLACES_SHIFT]![place & PLACES_MASK] = undefined;
    this.#free.push(place);
    if (this.#free.length < this.#places) return;
    this.#segments = [];
    this.#places = 0;
    this.#free = [];
  }

  *values(): Generator<Cell> {
    for (let place = 0; place < this.#places; place += 1) {
      const cell = this.#segments[place >> PLACES_SHIFT]![place & PLACES_MASK];
      if (cell !== undefined) yield cell;
    }
  }
}
