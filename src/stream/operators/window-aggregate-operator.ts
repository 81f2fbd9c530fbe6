import type { KeySelector } from '../key-selector.js';
import type { Operator } from '../operator.js';
import type { WindowDefinition } from '../windows.js';
import { mixedFold } from './cell-fold.js';
import { CellPanes } from './cell-panes.js';
import { RowPanes } from './row-panes.js';
import {
  type AggregationSpecData,
  isNumericSpec,
  layoutOf,
  numericFunctions,
  WINDOW_FIELDS,
} from './row-shape.js';
import { WindowOperator, type WindowOptions, windowLayout } from './window-operator.js';

/** Aggregates per key and window and emits `{ key, windowStart, windowEnd, …answers }`. */
export function windowAggregateOperator(
  key: KeySelector,
  window: WindowDefinition,
  options: WindowOptions,
  spec: AggregationSpecData,
): () => Operator {
  const layout = windowLayout(window, layoutOf(spec));
  if (!isNumericSpec(spec)) {
    const fold = mixedFold(spec, WINDOW_FIELDS);
    return () => new WindowOperator(key, window, options, new CellPanes(fold, layout));
  }
  return () => {
    const store = new RowPanes(numericFunctions(spec, WINDOW_FIELDS), layout);
    return new WindowOperator(key, window, options, store);
  };
}
