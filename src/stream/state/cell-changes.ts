/** What has changed in a cell table between two cuts: see cell-table.ts for the rules. */

import type { Cell, CellBucket } from './cell.js';

export interface CellChanges {
  /** Cells that were made or written to. Those that were deleted since have `seen` `GONE`. */
  readonly written: WrittenCells[];
  /** Namespaces of buckets that were dropped. */
  readonly dropped: number[];
  readonly deleted: DeletedCell[];
}

export interface WrittenCells {
  readonly bucket: CellBucket;
  readonly namespace: number | undefined;
  readonly cells: readonly Cell[];
}

export interface DeletedCell {
  readonly namespace: number;
  readonly group: number;
  readonly key: unknown;
}

export function noChanges(): CellChanges {
  return { written: [], dropped: [], deleted: [] };
}

/** Joins two sets of changes. The result may hold a cell twice; the capture marks a cell that it has saved. */
export function mergeChanges(older: CellChanges, newer: CellChanges): CellChanges {
  return {
    written: [...older.written.filter(({ bucket }) => !bucket.isDropped), ...newer.written],
    dropped: [...older.dropped, ...newer.dropped],
    deleted: [...older.deleted, ...newer.deleted],
  };
}

/** The number of entries: each has its cost in memory. */
export function sizeOfChanges({ written, dropped, deleted }: CellChanges): number {
  let size = dropped.length + deleted.length;
  for (const { cells } of written) size += cells.length;
  return size;
}
