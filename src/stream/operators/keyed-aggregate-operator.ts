import type { KeySelector } from '../api/key-selector.js';
import type { Operator } from '../operator.js';
import { mixedFold } from './cell-fold.js';
import { KeyedCellsOperator } from './keyed-cells-operator.js';
import { KeyedRowsOperator } from './keyed-rows-operator.js';
import {
  type AggregationSpecData,
  aggregatedState,
  isNumericSpec,
  KEYED_FIELDS,
  numericFunctions,
} from './row-shape.js';
import { rowEvolution } from './state-evolution.js';

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
  const state = aggregatedState(spec);
  if (!isNumericSpec(spec)) {
    return () => new KeyedCellsOperator(key, mixedFold(spec, fields), state);
  }
  const aggregations = Object.values(spec);
  return () =>
    new KeyedRowsOperator(key, numericFunctions(spec, fields), state, (operator, before, lead) =>
      rowEvolution(operator, before, state, aggregations, lead),
    );
}
