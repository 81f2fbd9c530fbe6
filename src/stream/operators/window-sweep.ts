/** A run over the keys of a pane or window that is due: half-done while the task pauses. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { FiredKeys } from './half-fired.js';
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
export interface WindowSweep {
  readonly pane: undefined;
}

export type Sweep<S> = PaneSweep<S> | WindowSweep;

/** The keys that have fired, where they stay. @param merge of windows of several slices */
export function firedKeys<S>(
  sweep: Sweep<S>,
  store: Pick<PaneStore<S>, 'keyOf'>,
  merge: WindowMerge<S> | undefined,
): FiredKeys | undefined {
  if (sweep.pane === undefined) return { end: merge!.window.end, keys: merge!.firedKeys };
  if (sweep.frees || !sweep.emits) return undefined;
  const keys: unknown[] = [];
  for (const [canonical, slot] of sweep.pane.slots) {
    if (keys.length === sweep.count) break;
    keys.push(store.keyOf(canonical, slot));
  }
  return { end: sweep.pane.end, keys };
}
