/** A value of state and what is known of its writes: see cell-table.ts for the invariants. */

import type { PrimitiveKey } from './primitive-key.js';

/** Writes that held-frames.ts counts together (F1 there). */
export interface WriteBlock {
  /** Cells whose last write this is. */
  live: number;
}

export interface Cell {
  readonly group: number;
  /** The key as the user gave it, as a value of its own. */
  readonly key: unknown;
  value: unknown;
  /** See V1; +Infinity for a cell that is deleted. */
  seen: number;
  /** For held-frames.ts. */
  block: WriteBlock;
}

export interface CellBucket {
  readonly namespace: number;
  readonly cells: Map<PrimitiveKey, Cell>;
  /** Written to since the last cut, if that is tracked (V7). */
  changed: Cell[];
  /** It is not in the table any more. */
  isDropped: boolean;
}
