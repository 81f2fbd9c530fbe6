import type { KeySelector } from '../api/key-selector.js';
import { reducedState, type StateVersion } from '../api/state-version.js';
import type { EventTimeWindow } from '../api/windows.js';
import type { Operator } from '../operator.js';
import { windowedState } from '../windows/window-layout.js';
import { reduceFold } from './cell-fold.js';
import { CellPanes } from './cell-panes.js';
import { foldOfEnvelopes } from './partials.js';
import { sessionOperator } from './session-operator.js';
import type { Migrate } from './state-evolution.js';
import { FoldedContent } from './window-content.js';
import { WindowOperator, type WindowOptions } from './window-operator.js';

/** Folds the records of each key and window into one, and emits it when the window fires. */
export function windowReduceOperator(
  key: KeySelector,
  window: EventTimeWindow,
  options: WindowOptions,
  fn: (previous: never, record: never) => unknown,
  version: StateVersion<unknown> = {},
): () => Operator {
  const records = reduceFold(fn, version.migrate as Migrate | undefined);
  const fold = options.takesPartials === true ? foldOfEnvelopes(records) : records;
  const state = windowedState(window, reducedState(version).description);
  if (window.kind === 'session') {
    return sessionOperator(key, window, options, () => new FoldedContent(fold), state);
  }
  return () => new WindowOperator(key, window, options, new CellPanes(fold, state));
}
