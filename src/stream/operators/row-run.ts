/** A run of rows of numbers: accumulators in one array, the back's before those of the front. */

import { assert } from '../../base/assert.js';
import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from '../state/row-layout.js';
import type { RowTable } from '../state/row-table.js';
import { KeyRun } from './key-run.js';
import type { NumericFunctions } from './row-shape.js';

export interface RowsOfRun {
  readonly table: Pick<RowTable, 'segments' | 'stride'>;
  /** Words of a row before its accumulators. */
  readonly lead: number;
  readonly functions: NumericFunctions;
}

export class RowRun extends KeyRun<number> {
  readonly #rows: RowsOfRun;
  readonly #numbers: number[] = [];

  constructor(canonical: PrimitiveKey, key: unknown, rows: RowsOfRun) {
    super(canonical, key);
    assert(rows.functions.merge !== undefined, 'what is merged has a way to merge');
    this.#rows = rows;
  }

  protected override addFront(row: number, place: number): void {
    const { words, merge } = this.#rows.functions;
    const numbers = this.#numbers;
    this.#copyRow(row, place * words);
    if (place > 1) merge!(numbers, place * words, numbers, (place - 1) * words);
  }

  protected override addBack(row: number, isFirst: boolean): void {
    if (isFirst) {
      this.#copyRow(row, 0);
      return;
    }
    const { table, lead, functions } = this.#rows;
    const segment = table.segments[row >> SEGMENT_SHIFT]!;
    functions.merge!(this.#numbers, 0, segment, (row & SEGMENT_MASK) * table.stride + lead);
  }

  protected override rowOf(front: number, hasBack: boolean, start: number, end: number): unknown {
    const { words, merge, row, scratch } = this.#rows.functions;
    const numbers = this.#numbers;
    const at = front > 0 ? front * words : 0;
    for (let word = 0; word < words; word += 1) scratch[word] = numbers[at + word]!;
    if (front > 0 && hasBack) merge!(scratch, 0, numbers, 0);
    return row(scratch, 0, this.key, start, end);
  }

  #copyRow(row: number, to: number): void {
    const { table, lead, functions } = this.#rows;
    const segment = table.segments[row >> SEGMENT_SHIFT]!;
    const from = (row & SEGMENT_MASK) * table.stride + lead;
    const numbers = this.#numbers;
    // Not beyond its end: an array with holes is slow for ever.
    while (numbers.length < to) numbers.push(0);
    for (let word = 0; word < functions.words; word += 1)
      numbers[to + word] = segment[from + word]!;
  }
}
