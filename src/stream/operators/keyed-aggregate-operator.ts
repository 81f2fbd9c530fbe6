import type { KeySelector } from '../key-selector.js';
import type { Operator } from '../operator.js';
import { mixedFold } from './cell-fold.js';
import { KeyedCellsOperator } from './keyed-cells-operator.js';
import { KeyedRowsOperator } from './keyed-rows-operator.js';
import {
  type AggregationSpecData,
  isNumericSpec,
  KEYED_FIELDS,
  layoutOf,
  numericFunctions,
} from './row-shape.js';

/**
 * Aggregates per key and emits for each record: `{ key, …answers }`, or with `'value'` the answer of
 * the only aggregation.
 */
export function keyedAggregateOperator(
  key: KeySelector,
  spec: AggregationSpecData,
  emit: 'row' | 'value',
): () => Operator {
  const fields = emit === 'row' ? KEYED_FIELDS : [];
  if (!isNumericSpec(spec)) return () => new KeyedCellsOperator(key, mixedFold(spec, fields));
  return () => new KeyedRowsOperator(key, numericFunctions(spec, fields), layoutOf(spec));
}
