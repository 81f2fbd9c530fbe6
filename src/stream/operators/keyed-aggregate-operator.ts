import type { KeySelector } from '../api/key-selector.js';
import type { Operator } from '../operator.js';
import { mixedFold } from './cell-fold.js';
import { KeyedCellsOperator } from './keyed-cells-operator.js';
import { KeyedRowsOperator } from './keyed-rows-operator.js';
import { type AggregationSpecData, KEYED_FIELDS } from './row-shape.js';
import { runningFunctions, runningState } from './running-shape.js';

/**
 * Aggregates per key, and emits for each record `{ key, …answers }`; with `'value'` it emits the answer of
 * the only aggregation.
 */
export function keyedAggregateOperator(
  key: KeySelector,
  spec: AggregationSpecData,
  emit: 'row' | 'value',
): () => Operator {
  const fields = emit === 'row' ? KEYED_FIELDS : [];
  const state = runningState(spec);
  const running = runningFunctions(spec, fields);
  if (running === undefined) {
    return () => new KeyedCellsOperator(key, mixedFold(spec, fields), state);
  }
  return () => new KeyedRowsOperator(key, running, state);
}
