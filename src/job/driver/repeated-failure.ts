/**
 * Tells whether a region fails for the same reason each time, one that does not pass: pure. A callback that throws the
 * same error for the same record three times in a row will throw it a fourth time, and no back-off helps.
 *
 *  F1  Only failures of user code count, and a sink's word that a record is unfit for it; and only the same in
 *      operator, name, code, message and record. A thread that dies or hangs, or a store, sink or source that is
 *      out of reach, may be there again later: such failures have the whole budget.
 *  F2  In a row means: with no other failure of the region, and no progress, between them.
 *  F3  Also a user's own source that breaks its contract counts, whichever split it was asked for; and a file or folder
 *      that is gone, whoever misses it and says so in whatever words. What is gone may come back, mounted again or
 *      moved into its place, so it has GONE_MS for that.
 */

import { type Failure, GONE, MISUSE, UNFIT_RECORD } from '../../base/failure.js';

export const EQUAL_FAILURES_MAX = 3;
/** So long a file or folder may be away. */
export const GONE_MS = 2_000;

export class RepeatedFailure {
  #last: string | undefined;
  #count = 0;
  /** When the first of them was heard of. */
  #sinceMs = 0;

  /**
   * @returns how many equal failures there have been in a row, this one included; 0 if it does not count (F1, F3). Less
   *   than EQUAL_FAILURES_MAX while what is gone may still come back.
   */
  heard(failure: Failure, nowMs: number): number {
    const identity = identityOf(failure);
    if (identity === undefined || identity !== this.#last) {
      this.#count = 0;
      this.#sinceMs = nowMs;
    }
    this.#last = identity;
    if (identity !== undefined) this.#count += 1;
    const mayPass = isGone(failure) && nowMs - this.#sinceMs < GONE_MS;
    return mayPass ? Math.min(this.#count, EQUAL_FAILURES_MAX - 1) : this.#count;
  }

  /** There was progress: the count begins anew (F2). */
  forget(): void {
    this.#last = undefined;
    this.#count = 0;
  }
}

function identityOf(failure: Failure): string | undefined {
  const { kind, operator, name, code, message, record, position, details } = failure;
  if (isGone(failure)) return JSON.stringify([GONE, details?.[GONE]]);
  if (details?.[MISUSE] === true) return JSON.stringify([MISUSE, operator, message]);
  if (kind !== 'user-code' && details?.[UNFIT_RECORD] !== true) return undefined;
  return JSON.stringify([operator, name, code, message, record ?? position]);
}

function isGone({ details }: Failure): boolean {
  return typeof details?.[GONE] === 'string';
}
