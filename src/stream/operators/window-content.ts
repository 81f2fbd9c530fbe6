/**
 * What the records of a key's window come to, as the state of the key keeps it, and what is emitted of it: the row of a
 * fold, or whatever the callback of `process` emits.
 */

import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import type { WindowBounds } from '../api/windows.js';
import type { OperatorContext } from '../operator.js';
import { detachedKey } from '../state/detached.js';
import type { StateDescription } from '../state/state-layout.js';
import type { CallbackOutput } from './callback-output.js';
import type { CellFold } from './cell-fold.js';
import type { EvolveValue } from './state-evolution.js';

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

/** One value, and one row. */
export class FoldedContent implements WindowContent {
  readonly isNumeric: boolean;
  readonly #fold: CellFold;
  #keeper: RecordKeeper | undefined;

  constructor(fold: CellFold) {
    this.isNumeric = fold.isNumeric;
    this.#fold = fold;
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
    if (replaces !== undefined && !this.#fold.isUsers) {
      (row as { replaces?: readonly WindowBounds[] }).replaces = replaces;
    }
    out.put(row);
  }

  #kept(value: unknown): unknown {
    return this.#keeper === undefined ? value : this.#keeper.keep(value);
  }
}
