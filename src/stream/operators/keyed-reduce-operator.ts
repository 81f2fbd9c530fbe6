import type { KeySelector } from '../key-selector.js';
import type { Operator } from '../operator.js';
import { reduceFold } from './cell-fold.js';
import { KeyedCellsOperator } from './keyed-cells-operator.js';

/** Folds the records of each key into one; emits the new value for each record, the first one as it is. */
export function keyedReduceOperator(
  key: KeySelector,
  fn: (previous: never, record: never) => unknown,
): () => Operator {
  return () => new KeyedCellsOperator(key, reduceFold(fn));
}
