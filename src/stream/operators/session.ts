/** A session of a key, as the key's state has it: one of a list in the order of time. */

import type { WindowBounds } from '../api/windows.js';

/** Part of the snapshot format, as a value. */
export interface Session {
  /** Time of the first record; +∞ when the session is not in the state any more. */
  start: number;
  /** Time of the last record + the gap. */
  end: number;
  /** What its records have come to. */
  value: unknown;
  /** The row of these records is out. */
  fired: boolean;
  /** Bounds of the rows that are out and hold some of these records, where lateness is allowed; undefined for none. */
  told: readonly WindowBounds[] | undefined;
}

/** The session is not in the state any more: what is known of it elsewhere does not count. */
export function leaves(session: Session): void {
  session.start = Number.POSITIVE_INFINITY;
}

export function isGone({ start }: Session): boolean {
  return start === Number.POSITIVE_INFINITY;
}
