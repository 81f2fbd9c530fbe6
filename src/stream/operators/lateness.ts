/**
 * Decides which records are late. One rule holds for every moment of event time:
 *
 *   **A time that stands at t has passed every moment up to t, and t itself.**
 *
 * A watermark of t therefore fires the windows whose last moment (end − 1) is t or earlier, and a record of t
 * is behind it.
 *
 *  J1  A record is late when the time that its *own split* had just before it has passed its window's close:
 *      the window's last moment + the allowed lateness. So which records of a split are late follows from the
 *      split's records and their order alone: not from what else is read, by how many, or how fast.
 *  J2  A record is also late when the task's time has passed that close. The task's time is the least over all
 *      splits. So this adds nothing, unless a split was idle and has come back, or is read again from further
 *      back than others.
 *  J3  The time of J1 travels with the record as its *mark*, from where timestamps are given. Only a record
 *      that is behind its split's time can be late: any other has no mark.
 *  J4  A row that a window emits again for a record has that record's mark: so a window further on judges the row
 *      as it would judge the record.
 */

import { NOT_BEHIND } from '../../channels/element.js';

/** Has a time passed a moment? Both in ms of event time. */
export function hasPassed(timeMs: number, momentMs: number): boolean {
  return momentMs <= timeMs;
}

/**
 * The mark of a record (J3).
 * @param recordMs its timestamp
 * @param splitMs the time that its own split had just before it; −∞ for none
 */
export function markOf(recordMs: number, splitMs: number): number {
  return hasPassed(splitMs, recordMs) ? splitMs : NOT_BEHIND;
}

/**
 * Is a record late? (J1, J2)
 * @param closeMs its window's last moment + the allowed lateness
 * @param behind the record's mark
 * @param taskMs the task's time
 */
export function isLate(closeMs: number, behind: number, taskMs: number): boolean {
  return hasPassed(behind, closeMs) || hasPassed(taskMs, closeMs);
}
