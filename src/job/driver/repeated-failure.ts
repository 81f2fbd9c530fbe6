/**
 * Tells whether a region fails for the same reason each time, one that does not pass: pure. A callback that throws the
 * same error for the same record three times in a row will throw it a fourth time, and no back-off helps.
 *
 *  F1  Only failures of user code count, and a sink's word that a record is unfit for it; and only the same in
 *      operator, name, code, message and record. A thread that dies or hangs, or a store, sink or source that is
 *      out of reach, may be there again later: such failures have the whole budget.
 *  F2  In a row means: with no other failure of the region, and no progress, between them.
 *  F3  Also a file or folder that is gone counts, whoever misses it and says so in whatever words; and a user's own
 *      source that breaks its contract, whichever split it was asked for.
 */

import { type Failure, GONE, MISUSE, UNFIT_RECORD } from '../../base/failure.js';

export const EQUAL_FAILURES_MAX = 3;

export class RepeatedFailure {
  #last: string | undefined;
  #count = 0;

  /** @returns how many equal failures there have been in a row, this one included; 0 if it does not count (F1, F3) */
  heard(failure: Failure): number {
    const identity = identityOf(failure);
    this.#count = identity === undefined || identity !== this.#last ? 0 : this.#count;
    this.#last = identity;
    if (identity !== undefined) this.#count += 1;
    return this.#count;
  }

  /** There was progress: the count begins anew (F2). */
  forget(): void {
    this.#last = undefined;
    this.#count = 0;
  }
}

function identityOf(failure: Failure): string | undefined {
  const { kind, operator, name, code, message, record, position, details } = failure;
  if (typeof details?.[GONE] === 'string') return JSON.stringify([GONE, details[GONE]]);
  if (details?.[MISUSE] === true) return JSON.stringify([MISUSE, operator, message]);
  if (kind !== 'user-code' && details?.[UNFIT_RECORD] !== true) return undefined;
  return JSON.stringify([operator, name, code, message, record ?? position]);
}
