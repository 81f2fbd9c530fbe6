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
  /** Another number than `index`: the slice is a part of that one, for records that are late for its first windows. */
  readonly whole: number;
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
   * The number of the slice into which the time falls. That number + j is a part of the slice, which is not in the
   * first j of its windows.
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
  /** Where the merge of a window's slices is put together (window-merge.ts, M2): from its start to less than the end. */
  pivotOf(start: number): number;
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

/**
 * Numbers of slices are exact up to this. A slice has as many numbers as it has windows, so with many windows the
 * far future is out of reach.
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE
 */
export function requireExact(index: number, timeMs: number): number {
  if (Number.isSafeInteger(index)) return index;
  throw new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `a record's event time, ${timeMs} ms, is too far away for windows that overlap so often. Take a larger ` +
      'slide or step, or keep such times out with withTimestamps(…, { maxFutureMs }).',
  );
}
