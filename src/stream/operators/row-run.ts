/**
 * A run of rows of numbers. Each row knows the one before it of its key, so a run has to know the last one only. What is
 * merged lies in one array: the back's accumulators, then those of each place in front, each behind a word for the number
 * of the slice.
 */

import { assert } from '../../base/assert.js';
import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from '../state/row-layout.js';
import type { RowTable } from '../state/row-table.js';
import { type Found, KeyRun } from './key-run.js';
import type { NumericFunctions } from './row-shape.js';

/** What is in front of a place's accumulators. */
const NUMBER_WORDS = 1;
const NO_ROW = -1;

/** What the runs of an operator have in common. */
export class RowsOfRuns {
  readonly table: Pick<RowTable, 'segments' | 'stride'>;
  /** Words of a row before its accumulators. */
  readonly lead: number;
  readonly functions: NumericFunctions;
  /** By row: the row before it in its run, and the number of the slice of that. A row that is gone is not asked for. */
  readonly before: number[] = [];
  readonly numbersBefore: number[] = [];
  /** For the moment, and all runs. */
  readonly found: Found<number> = { slots: [], numbers: [] };

  constructor(
    table: Pick<RowTable, 'segments' | 'stride'>,
    lead: number,
    functions: NumericFunctions,
  ) {
    assert(functions.merge !== undefined, 'what is merged has a way to merge');
    this.table = table;
    this.lead = lead;
    this.functions = functions;
  }
}

export class RowRun extends KeyRun<number> {
  readonly #rows: RowsOfRuns;
  #lastRow = NO_ROW;
  #numbers = NO_NUMBERS;

  constructor(canonical: PrimitiveKey, key: unknown, rows: RowsOfRuns) {
    super(canonical, key);
    this.#rows = rows;
  }

  protected override push(row: number): void {
    const { before, numbersBefore } = this.#rows;
    // Not beyond its end: an array with holes is slow for ever.
    while (before.length <= row) {
      before.push(NO_ROW);
      numbersBefore.push(0);
    }
    before[row] = this.#lastRow;
    numbersBefore[row] = this.last;
    this.#lastRow = row;
  }

  protected override forget(): void {
    this.#lastRow = NO_ROW;
  }

  protected override since(number: number): Found<number> {
    const { before, numbersBefore, found } = this.#rows;
    const { slots, numbers } = found;
    let count = 0;
    let row = this.#lastRow;
    let at = this.last;
    while (row !== NO_ROW && at >= number) {
      slots[count] = row;
      numbers[count] = at;
      count += 1;
      at = numbersBefore[row]!;
      row = before[row]!;
    }
    while (slots.length > count) {
      slots.pop();
      numbers.pop();
    }
    return found;
  }

  protected override addFront(row: number, number: number, place: number): void {
    const { words, merge } = this.#rows.functions;
    const at = this.#placeAt(place);
    this.#copyRow(row, at);
    const numbers = this.#numbers;
    numbers[at - NUMBER_WORDS] = number;
    if (place > 1) merge!(numbers, at, numbers, at - words - NUMBER_WORDS);
  }

  protected override frontNumber(place: number): number {
    return this.#numbers[this.#placeAt(place) - NUMBER_WORDS]!;
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
    const at = front > 0 ? this.#placeAt(front) : 0;
    for (let word = 0; word < words; word += 1) scratch[word] = numbers[at + word]!;
    if (front > 0 && hasBack) merge!(scratch, 0, numbers, 0);
    return row(scratch, 0, this.key, start, end);
  }

  protected override rowOfFew(
    last: number,
    before: number | undefined,
    start: number,
    end: number,
  ): unknown {
    const { table, lead, functions } = this.#rows;
    const { words, merge, row, scratch } = functions;
    const segment = table.segments[last >> SEGMENT_SHIFT]!;
    const at = (last & SEGMENT_MASK) * table.stride + lead;
    if (before === undefined) return row(segment, at, this.key, start, end);
    const earlier = table.segments[before >> SEGMENT_SHIFT]!;
    const from = (before & SEGMENT_MASK) * table.stride + lead;
    for (let word = 0; word < words; word += 1) scratch[word] = earlier[from + word]!;
    merge!(scratch, 0, segment, at);
    return row(scratch, 0, this.key, start, end);
  }

  /** Where the accumulators of a place begin. */
  #placeAt(place: number): number {
    return place * (this.#rows.functions.words + NUMBER_WORDS);
  }

  #copyRow(row: number, to: number): void {
    const { table, lead, functions } = this.#rows;
    const segment = table.segments[row >> SEGMENT_SHIFT]!;
    const from = (row & SEGMENT_MASK) * table.stride + lead;
    // Many keys are in so few slices that they never have any.
    if (this.#numbers === NO_NUMBERS) this.#numbers = [];
    const numbers = this.#numbers;
    // NaN makes it an array of fractions from the beginning.
    while (numbers.length < to + functions.words) numbers.push(Number.NaN);
    for (let word = 0; word < functions.words; word += 1)
      numbers[to + word] = segment[from + word]!;
  }
}

const NO_NUMBERS: number[] = [];
