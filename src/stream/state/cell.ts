/** A value of state, and what is known of the writes to it. V1, V7 are rules of cell-table.ts. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';

/** Writes that held-frames.ts counts together (held-frames.ts, F1). */
export interface WriteBlock {
  /** Number of cells whose last write lies in this block. */
  live: number;
}

export interface Cell {
  readonly group: number;
  /** The key as the user gave it, as a value of its own (detached.ts). */
  readonly key: unknown;
  value: unknown;
  /** See cell-table.ts, V1; +Infinity for a cell that is deleted. */
  seen: number;
  /** The block of the cell's last write, for held-frames.ts. */
  block: WriteBlock;
}

export interface CellBucket {
  readonly namespace: number;
  readonly cells: Map<PrimitiveKey, Cell>;
  /** Cells written to since the last cut, if changes are tracked (cell-table.ts, V7). */
  changed: Cell[];
  /** The bucket is not in the table any more. */
  isDropped: boolean;
}
