/**
 * `map` and `filter` over a changelog: what they say of a row, they say again when the row is taken back (changes.ts, C1).
 *
 *  M1  Of a -U and its +U, which come directly one behind the other (C2), one may be left out: by the filter, or because
 *      the callback fails on it where failures are put aside. Then the other goes on as -D or +I. So the -U waits for its
 *      +U. No snapshot falls between the two, since the operator that emits them has not done with its record.
 */

import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { Operator, OperatorContext } from '../operator.js';
import { ChangeOutput } from './change-output.js';
import { type ChangedRow, ofRow, type Row, requireRow } from './changes.js';
import { StatelessOperator } from './stateless-operator.js';

/** The row that goes on in its place; undefined: none. */
type Transform = (record: ChangedRow) => Row | undefined;

export function changeMapOperator(fn: (row: never) => unknown): () => Operator {
  const call = ofRow(fn);
  return changeRowsOperator((record) => {
    const row = call(record);
    if (isThenable(row)) throw asyncCallbackError('map');
    return requireRow(row, 'map');
  });
}

export function changeFilterOperator(fn: (row: never) => unknown): () => Operator {
  const call = ofRow(fn);
  return changeRowsOperator((record) => {
    const passes = call(record);
    if (isThenable(passes)) throw asyncCallbackError('filter');
    return passes ? record : undefined;
  });
}

function changeRowsOperator(transform: Transform): () => Operator {
  return () => new ChangeRowsOperator(transform);
}

class ChangeRowsOperator extends StatelessOperator {
  readonly #transform: Transform;
  #context!: OperatorContext;
  #changes!: ChangeOutput;
  /** What goes on in place of the -U that waits (M1); undefined: nothing. */
  #before: Row | undefined;

  constructor(transform: Transform) {
    super();
    this.#transform = transform;
  }

  override open(context: OperatorContext): void {
    super.open(context);
    this.#context = context;
    this.#changes = new ChangeOutput(context.output, context);
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const before = this.#before;
    this.#before = undefined;
    const row = this.#transformed(record as ChangedRow, timestamp);
    switch ((record as ChangedRow).change) {
      case '-U':
        this.#before = row;
        break;
      case '+U':
        this.#changes.emit(before, row, timestamp, behind);
        break;
      case '+I':
        this.#changes.emit(undefined, row, timestamp, behind);
        break;
      case '-D':
        this.#changes.emit(row, undefined, timestamp, behind);
        break;
    }
  }

  get suspended(): boolean {
    return this.#changes.suspended;
  }

  resume(): void {
    this.#changes.resume();
  }

  #transformed(record: ChangedRow, timestamp: number): Row | undefined {
    const transform = this.#transform;
    try {
      return transform(record);
    } catch (error) {
      const { undoes, reject } = this.#context;
      if (undoes !== true || reject === undefined) throw error;
      reject(record, timestamp, error);
      return undefined;
    }
  }
}
