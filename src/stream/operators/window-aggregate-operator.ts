import type { KeySelector } from '../api/key-selector.js';
import type { EventTimeWindow } from '../api/windows.js';
import type { Operator } from '../operator.js';
import { windowedState } from '../windows/window-layout.js';
import { mixedFold } from './cell-fold.js';
import { CellPanes } from './cell-panes.js';
import { foldOfEnvelopes, numericOfEnvelopes } from './partials.js';
import { RowPanes } from './row-panes.js';
import {
  type AggregationSpecData,
  aggregatedState,
  isNumericSpec,
  numericFunctions,
  WINDOW_FIELDS,
} from './row-shape.js';
import { sessionOperator } from './session-operator.js';
import { rowEvolution } from './state-evolution.js';
import { aggregatedContent } from './window-content.js';
import { WindowOperator, type WindowOptions } from './window-operator.js';

/**
 * Aggregates per key and window and emits `{ key, windowStart, windowEnd, …answers }`.
 * @param fields the row's own: WINDOW_FIELDS or ALL_WINDOW_FIELDS
 */
export function windowAggregateOperator(
  key: KeySelector,
  window: EventTimeWindow,
  options: WindowOptions,
  spec: AggregationSpecData,
  fields: readonly string[] = WINDOW_FIELDS,
): () => Operator {
  const state = windowedState(window, aggregatedState(spec));
  if (window.kind === 'session') {
    return sessionOperator(key, window, options, aggregatedContent(spec, fields), state);
  }
  if (!isNumericSpec(spec)) {
    const records = mixedFold(spec, fields);
    const fold = options.takesPartials === true ? foldOfEnvelopes(records) : records;
    return () => new WindowOperator(key, window, options, new CellPanes(fold, state));
  }
  const aggregations = Object.values(spec);
  return () => {
    const records = numericFunctions(spec, fields);
    const functions = options.takesPartials === true ? numericOfEnvelopes(records) : records;
    const store = new RowPanes(functions, state, (operator, before, lead) =>
      rowEvolution(operator, before, state, aggregations, lead),
    );
    return new WindowOperator(key, window, options, store);
  };
}
