/** A run over the keys of a pane or window that is due: half-done while the task pauses. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { FiredKeys } from './half-fired.js';
import type { KeyRun } from './key-run.js';
import type { Pane, PaneStore } from './pane.js';
import type { WindowMerge } from './window-merge.js';

/** A run over one pane's keys. */
export interface PaneSweep<S> {
  readonly pane: Pane<S>;
  readonly entries: Iterator<[PrimitiveKey, S]>;
  readonly emits: boolean;
  readonly frees: boolean;
  /** Keys that were swept. */
  count: number;
}

/** A run over the keys of a window of several slices. */
export interface WindowSweep<S> {
  readonly pane: undefined;
  readonly entries: Iterator<KeyRun<S>>;
  /** Runs that have fired. They are the first ones of all that are left. */
  count: number;
}

export type Sweep<S> = PaneSweep<S> | WindowSweep<S>;

/** The keys that have fired, where they stay. @param merge of windows of several slices */
export function firedKeys<S>(
  sweep: Sweep<S>,
  store: Pick<PaneStore<S>, 'keyOf'>,
  merge: WindowMerge<S> | undefined,
): FiredKeys | undefined {
  const keys: unknown[] = [];
  if (sweep.pane === undefined) {
    for (const run of merge!.runs) {
      if (keys.length === sweep.count) break;
      keys.push(run.key);
    }
    return { end: merge!.window.end, keys };
  }
  if (sweep.frees || !sweep.emits) return undefined;
  for (const [canonical, slot] of sweep.pane.slots) {
    if (keys.length === sweep.count) break;
    keys.push(store.keyOf(canonical, slot));
  }
  return { end: sweep.pane.end, keys };
}
