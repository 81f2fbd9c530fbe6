/**
 * What the callbacks of joins work with. Joins are callbacks of `process` on two connected streams
 * (operators/process-operator.ts) with state of a kind of their own. Protocol file: shapes only.
 */

import type { Timers } from '../api/process.js';

export type SideName = 'left' | 'right';

/**
 * A row that is kept: what was kept of the record; a moment up to which it is not there yet; has it found a partner?
 * and of a row of a changelog what has taken it back.
 */
export type JoinRow = [
  kept: unknown,
  afterMs: number,
  isMatched: boolean,
  takenBack?: readonly [timeMs: number, afterMs: number],
];

/** The rows of one input, of the current key. */
export interface JoinRows {
  /** @param afterMs the row is there for moments after this one; −∞ for all */
  add(timeMs: number, record: unknown, afterMs: number): JoinRow;
  /** The record, in a copy that the caller may give away. */
  record(row: JoinRow): unknown;
  /** The row has found a partner. */
  match(row: JoinRow): void;
  /** The row is taken back from that time on, for moments after `afterMs`; −∞ for all. Once for each row. */
  takeBack(row: JoinRow, timeMs: number, afterMs: number): void;
  /** By time, in no order; those of one time in the order in which they came. */
  all(): readonly (readonly [timeMs: number, rows: readonly JoinRow[]])[];
  /** From one time to another, both inclusive, in the order of time. */
  between(
    fromMs: number,
    toMs: number,
  ): readonly (readonly [timeMs: number, rows: readonly JoinRow[]])[];
  /** Lets go of the rows of that time. @param keepFrom those from this one on are kept; absent: none is */
  remove(timeMs: number, keepFrom?: number): void;
  /** Lets go of one of the rows of that time. */
  removeRow(timeMs: number, row: JoinRow): void;
}

export interface JoinContext {
  readonly key: unknown;
  /** Event time of the record or timer, in ms. @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP when it has none */
  readonly timestamp: number;
  /** The same; NaN for none. */
  readonly time: number;
  readonly watermark: number;
  /** The record's mark (lateness.ts, J3). */
  readonly behind: number;
  readonly left: JoinRows;
  readonly right: JoinRows;
  readonly timers: Timers;
  /** Is the record late (lateness.ts)? @param closeMs what it is for is over then */
  isLate(closeMs: number): boolean;
  /** Emits a row with a time of its own. It is behind its split's time when that is. */
  emitAt(record: unknown, timeMs: number): void;
  /**
   * Emits a row that a timer has brought about. Where failures are put aside, a row that cannot be made is put aside
   * alone: the others of the key do not wait for it.
   * @param what stands for the row in a dead letter
   */
  emitRow(make: () => unknown, what: () => unknown): void;
  sideOutput(tag: string, record: unknown): void;
  /** Adds one to a counter. */
  count(counter: string): void;
}
