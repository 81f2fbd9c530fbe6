import type { KeySelector } from '../api/key-selector.js';
import { reducedState, type StateVersion } from '../api/state-version.js';
import type { Operator } from '../operator.js';
import { reduceFold } from './cell-fold.js';
import { KeyedCellsOperator } from './keyed-cells-operator.js';
import type { Migrate } from './state-evolution.js';

/** Folds the records of each key into one; emits the new value for each record, the first one as it is. */
export function keyedReduceOperator(
  key: KeySelector,
  fn: (previous: never, record: never) => unknown,
  state: StateVersion<unknown> = {},
): () => Operator {
  const { description } = reducedState(state);
  const fold = reduceFold(fn, state.migrate as Migrate | undefined);
  return () => new KeyedCellsOperator(key, fold, description);
}
