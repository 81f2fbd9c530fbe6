/**
 * Numbers for values that are no integers of 32 bits, by which indexes of integers find them (pair-index.ts). They are of
 * one table in memory, and in no snapshot. A value keeps its number for good.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';

/** A power of two: a Map has at most 2^24 entries. */
const PARTS = 64;

export class ValueNumbers {
  /** By key group modulo PARTS. */
  readonly #parts: readonly Map<PrimitiveKey, number>[] = Array.from(
    { length: PARTS },
    () => new Map<PrimitiveKey, number>(),
  );
  #count = 0;

  /** @returns −1 for a value that has none */
  find(group: number, value: PrimitiveKey): number {
    return this.#parts[group & (PARTS - 1)]!.get(value) ?? -1;
  }

  /** The value's number, a new one if it has none. @param value one that holds on to nothing else (detached.ts) */
  numberOf(group: number, value: PrimitiveKey): number {
    const part = this.#parts[group & (PARTS - 1)]!;
    let number = part.get(value);
    if (number === undefined) {
      number = this.#count;
      this.#count += 1;
      part.set(value, number);
    }
    return number;
  }
}

export function isInteger(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value;
}
