/** Sizes of numeric state: how rows are grouped. */

/** Rows per segment of shared memory: segments are added, never moved. */
export const SEGMENT_SHIFT = 14;
export const SEGMENT_ROWS = 2 ** SEGMENT_SHIFT;
export const SEGMENT_MASK = SEGMENT_ROWS - 1;

/** Rows per page: what a snapshot copies at a time. */
export const PAGE_SHIFT = 10;
export const PAGE_ROWS = 2 ** PAGE_SHIFT;
