/** The state of one slice of time over all of an instance's keys, and the stores that keep it. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import type { StateDescription } from '../state/state-layout.js';
import type { Slice } from '../windows/assigner.js';
import type { KeyRun } from './key-run.js';

export interface Pane<S> extends Slice {
  /** The watermark has passed the end of its first window: rows with what it holds have been emitted. */
  fired: boolean;
  /**
   * The end of the first window that is to fire with it; infinite when there is none, or when windows know of
   * the pane already (window-merge.ts, M1).
   */
  dueEnd: number;
  /** The state of each key. */
  readonly slots: Map<PrimitiveKey, S>;
}

/** Keeps the state of panes; a slot (row number, cell) is the state of one key in one pane. */
export interface PaneStore<S> {
  readonly state: StateDescription;
  open(context: OperatorContext): void;
  /** Finds the state of a pane's keys; used by a new pane. */
  newSlots(stored: number): Map<PrimitiveKey, S>;
  /** Adds the record to its key's state. @returns the slot */
  add(
    pane: Pane<S>,
    canonical: PrimitiveKey,
    key: unknown,
    group: number,
    record: unknown,
    timestamp: number,
  ): S;
  /** The slot's key group. */
  groupOf(slot: S): number;
  keyOf(canonical: PrimitiveKey, slot: S): unknown;
  /** A merge of the slots of one key, empty. Only of stores whose aggregations can be merged. */
  newRun(canonical: PrimitiveKey, key: unknown): KeyRun<S>;
  /** The row that is emitted for a key. */
  row(pane: Pane<S>, canonical: PrimitiveKey, slot: S): unknown;
  /**
   * The key's state is not needed any more, and in no snapshot from now on. The pane's slots are dropped
   * as a whole later.
   */
  release(slot: S, pane: Pane<S>): void;
  drop(pane: Pane<S>): void;
  capture(checkpoint: number, base: number | undefined): Capture;
  /** @param paneOf finds or makes the pane that snapshots call so */
  restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
    paneOf: (stored: number) => Pane<S>,
  ): void;
}
