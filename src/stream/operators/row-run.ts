/** A run of rows of numbers (window-merge.ts, M2): accumulators in one array, the back's before those of the front. */

import { assert } from '../../base/assert.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from '../state/row-layout.js';
import type { RowTable } from '../state/row-table.js';
import type { KeyRun } from './pane.js';
import type { NumericFunctions } from './row-shape.js';

export class RowRun implements KeyRun<number> {
  readonly key: unknown;
  pivot = Number.NaN;
  readonly #table: Pick<RowTable, 'segments' | 'stride'>;
  readonly #lead: number;
  readonly #functions: NumericFunctions;
  readonly #numbers: number[] = [];
  /** Where the slices of the front begin, the latest first. */
  readonly #starts: number[] = [];
  #hasBack = false;

  /** @param lead words of a row before its accumulators */
  constructor(
    key: unknown,
    table: Pick<RowTable, 'segments' | 'stride'>,
    lead: number,
    functions: NumericFunctions,
  ) {
    assert(functions.merge !== undefined, 'what is merged has a way to merge');
    this.key = key;
    this.#table = table;
    this.#lead = lead;
    this.#functions = functions;
  }

  get isEmpty(): boolean {
    return !this.#hasBack && this.#starts.length === 0;
  }

  clear(): void {
    this.#hasBack = false;
    this.#starts.length = 0;
  }

  addFront(start: number, row: number): void {
    const { words, merge } = this.#functions;
    const before = this.#starts.length;
    this.#starts.push(start);
    const at = (before + 1) * words;
    this.#copyRow(row, at);
    if (before > 0) merge!(this.#numbers, at, this.#numbers, at - words);
  }

  dropFront(start: number): void {
    const starts = this.#starts;
    while (starts.length > 0 && starts[starts.length - 1]! < start) starts.pop();
  }

  addBack(row: number): void {
    if (this.#hasBack) {
      const segment = this.#table.segments[row >> SEGMENT_SHIFT]!;
      this.#functions.merge!(this.#numbers, 0, segment, this.#placeOf(row));
      return;
    }
    this.#copyRow(row, 0);
    this.#hasBack = true;
  }

  row(windowStart: number, windowEnd: number): unknown {
    const { words, merge, row, scratch } = this.#functions;
    const numbers = this.#numbers;
    const at = this.#starts.length * words;
    for (let word = 0; word < words; word += 1) scratch[word] = numbers[at + word]!;
    if (at > 0 && this.#hasBack) merge!(scratch, 0, numbers, 0);
    return row(scratch, 0, this.key, windowStart, windowEnd);
  }

  #copyRow(row: number, to: number): void {
    const segment = this.#table.segments[row >> SEGMENT_SHIFT]!;
    const from = this.#placeOf(row);
    const numbers = this.#numbers;
    const { words } = this.#functions;
    // Not beyond its end: an array with holes is slow for ever.
    while (numbers.length < to) numbers.push(0);
    for (let word = 0; word < words; word += 1) numbers[to + word] = segment[from + word]!;
  }

  #placeOf(row: number): number {
    return (row & SEGMENT_MASK) * this.#table.stride + this.#lead;
  }
}
