/**
 * What the records of a key's window come to, as the state of the key keeps it, and what is emitted of it: the row of a
 * fold, or whatever the callback of `process` emits.
 */

import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import type { NumericAggregation } from '../api/aggregations.js';
import type { WindowBounds } from '../api/windows.js';
import type { OperatorContext } from '../operator.js';
import { detachedKey } from '../state/detached.js';
import type { StateDescription } from '../state/state-layout.js';
import type { CallbackOutput } from './callback-output.js';
import { type CellFold, mixedFold } from './cell-fold.js';
import {
  type AggregationSpecData,
  isNumericSpec,
  type MixedState,
  type NumericFunctions,
  numericFunctions,
} from './row-shape.js';
import { type EvolveValue, mixedEvolution } from './state-evolution.js';

/** A window that fires. */
export interface Firing {
  readonly key: unknown;
  readonly start: number;
  readonly end: number;
  readonly value: unknown;
  readonly watermark: number;
  /** The windows of earlier rows of which this one takes the place; undefined where rows never do. */
  readonly replaces: readonly WindowBounds[] | undefined;
}

export interface WindowContent {
  /** The values are numbers alone. */
  readonly isNumeric: boolean;
  /** How many numbers, then. */
  readonly words?: number;
  /** As of a `CellFold`. */
  readonly keepsRecords: boolean;
  open(context: OperatorContext): void;
  /** The value of a window's first record. */
  first(record: unknown, timestamp: number): unknown;
  /** As in `CellFold`, and so are the next three. */
  add(value: unknown, record: unknown, timestamp: number): unknown;
  merge(before: unknown, after: unknown): unknown;
  copy(value: unknown): unknown;
  evolution(operator: string, before: string, now: StateDescription): EvolveValue;
  /** Emits what the window has come to. */
  fire(firing: Firing, out: CallbackOutput): void;
}

/** What an aggregate keeps. @param fields the row's own */
export function aggregatedContent(
  spec: AggregationSpecData,
  fields: readonly string[],
): () => WindowContent {
  if (isNumericSpec(spec)) return () => new NumericContent(spec, fields);
  const fold = mixedFold(spec, fields);
  return () => new FoldedContent(fold);
}

/** One row, of aggregations that are all numeric: their accumulators are in one array, which is dense and quick to copy. */
class NumericContent implements WindowContent {
  readonly isNumeric = true;
  readonly keepsRecords = false;
  readonly #aggregations: readonly NumericAggregation<never, unknown>[];
  readonly #functions: NumericFunctions;
  /** The accumulators of no records. */
  readonly #blank: readonly number[];

  /** @param fields the row's own */
  constructor(
    spec: Readonly<Record<string, NumericAggregation<never, unknown>>>,
    fields: readonly string[],
  ) {
    this.#aggregations = Object.values(spec);
    this.#functions = numericFunctions(spec, fields);
    const blank = new Float64Array(this.#functions.words);
    this.#functions.init(blank, 0);
    this.#blank = Array.from(blank);
  }

  get words(): number {
    return this.#functions.words;
  }

  open(): void {}

  first(record: unknown): unknown {
    const numbers = this.#blank.slice();
    this.#functions.add(numbers, 0, record);
    return numbers;
  }

  add(value: unknown, record: unknown): unknown {
    this.#functions.add(value as number[], 0, record);
    return value;
  }

  merge(before: unknown, after: unknown): unknown {
    // That all of them can be merged was asked when the graph was built.
    this.#functions.merge!(before as number[], 0, after as number[], 0);
    return before;
  }

  copy(value: unknown): unknown {
    return (value as number[]).slice();
  }

  evolution(operator: string, before: string, now: StateDescription): EvolveValue {
    const initial = () => ({ numbers: this.#blank.slice(), values: [] });
    const evolve = mixedEvolution(operator, before, now, this.#aggregations, initial);
    return (value, key) => {
      const mixed = { numbers: value as number[], values: [] };
      return (evolve(mixed, key) as MixedState).numbers;
    };
  }

  fire({ key, start, end, value, replaces }: Firing, out: CallbackOutput): void {
    const row = this.#functions.row(value as number[], 0, detachedKey(key), start, end);
    out.put(replacing(row, replaces));
  }
}

/** The row, which says what it takes the place of if rows do. */
function replacing(row: unknown, replaces: readonly WindowBounds[] | undefined): unknown {
  if (replaces !== undefined) {
    (row as { replaces?: readonly WindowBounds[] }).replaces = replaces;
  }
  return row;
}

/** One value, and one row. */
export class FoldedContent implements WindowContent {
  readonly isNumeric = false;
  readonly #fold: CellFold;
  #keeper: RecordKeeper | undefined;

  constructor(fold: CellFold) {
    this.#fold = fold;
  }

  get keepsRecords(): boolean {
    return this.#fold.keepsRecords;
  }

  open({ records }: OperatorContext): void {
    this.#keeper = this.#fold.isUsers ? recordKeeper(records, 'state') : undefined;
  }

  first(record: unknown, timestamp: number): unknown {
    return this.#kept(this.#fold.first(record, timestamp));
  }

  add(value: unknown, record: unknown, timestamp: number): unknown {
    return this.#kept(this.#fold.add(value, record, timestamp));
  }

  merge(before: unknown, after: unknown): unknown {
    // That all of them can be merged was asked when the graph was built.
    return this.#kept(this.#fold.merge!(before, after));
  }

  copy(value: unknown): unknown {
    return this.#fold.copy(value);
  }

  evolution(operator: string, before: string, now: StateDescription): EvolveValue {
    return this.#fold.evolution(operator, before, now);
  }

  fire({ key, start, end, value, replaces }: Firing, out: CallbackOutput): void {
    // Copies: the value may stay in state, and the key does.
    const row = this.#fold.row(this.#kept(value), detachedKey(key), start, end);
    out.put(this.#fold.isUsers ? row : replacing(row, replaces));
  }

  #kept(value: unknown): unknown {
    return this.#keeper === undefined ? value : this.#keeper.keep(value);
  }
}
