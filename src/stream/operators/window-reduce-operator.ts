import type { KeySelector } from '../key-selector.js';
import type { Operator } from '../operator.js';
import type { WindowDefinition } from '../windows.js';
import { reduceFold } from './cell-fold.js';
import { CellPanes } from './cell-panes.js';
import { WindowOperator, type WindowOptions, windowLayout } from './window-operator.js';

/** Folds the records of each key and window into one, and emits it when the window fires. */
export function windowReduceOperator(
  key: KeySelector,
  window: WindowDefinition,
  options: WindowOptions,
  fn: (previous: never, record: never) => unknown,
): () => Operator {
  const fold = reduceFold(fn);
  const layout = windowLayout(window, fold.layout);
  return () => new WindowOperator(key, window, options, new CellPanes(fold, layout));
}
