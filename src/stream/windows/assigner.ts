/**
 * Which windows an event time belongs to, for windows that are the same for all keys.
 *
 * State is kept by *slice*: a stretch of time that no window's start or end divides, so that all its records are in
 * the same windows. A window is the merge of its slices. Windows that do not overlap have one slice each:
 *
 *     tumbling           |  0  |  1  |  2  |          a slice is a window
 *
 *     windows            [──────────────)             sliding, size 3, slide 1: each slice is in three windows,
 *     that overlap          [──────────────)          which end one after another
 *     slices             |  0 |  1 |  2 |  3 |
 *
 * Slices have numbers that grow with time. All times are whole ms of event time.
 */

import { HoldfastError } from '../../base/errors.js';

export interface Slice {
  /** The slice's number; greater for a later one. */
  readonly index: number;
  /** [start, end) */
  readonly start: number;
  readonly end: number;
  /** Where the first and the last of its windows end. Greater than `lastEnd`: the slice is in no window. */
  readonly firstEnd: number;
  readonly lastEnd: number;
  /** What the slice is called in snapshots: `indexOf(stored)` gives its number again. */
  readonly stored: number;
}

export interface WindowAssigner {
  /** Windows overlap: a slice may be in several. */
  readonly overlaps: boolean;
  /**
   * The number of the slice into which the time falls.
   * @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP
   */
  indexAt(timeMs: number): number;
  /** The number of the slice that snapshots call so. */
  indexOf(stored: number): number;
  slice(index: number): Slice;
  /** Where the window begins that ends there. */
  startOf(end: number): number;
  /** Where the next window ends. */
  nextEnd(end: number): number;
}

/** For assigners that cannot do without a time. @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP */
export function requireTime(timeMs: number): void {
  if (Number.isFinite(timeMs)) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    'a record without an event time reached a window. Give records their times with ' +
      '.withTimestamps(…) before keyBy, or read from a source that knows them.',
  );
}
