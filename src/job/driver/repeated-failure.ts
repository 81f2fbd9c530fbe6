/**
 * Whether a region fails on the same record each time: pure. A callback that throws the same thing for
 * the same record three times in a row will throw it a fourth time, and no back-off helps.
 *
 *  F1  Of user code only, and the same in operator, name, code, message and record. What dies, hangs,
 *      or is out of reach (a store, a sink, a source) may be there again later: it has the whole budget.
 *  F2  In a row: no other failure of the region, and no progress, between them.
 */

import type { Failure } from '../../base/failure.js';

export const EQUAL_FAILURES_MAX = 3;

export class RepeatedFailure {
  #last: string | undefined;
  #count = 0;

  /** @returns how many equal ones there have been in a row, this one included; 0 for what is none (F1) */
  heard(failure: Failure): number {
    const identity = identityOf(failure);
    this.#count = identity === undefined || identity !== this.#last ? 0 : this.#count;
    this.#last = identity;
    if (identity !== undefined) this.#count += 1;
    return this.#count;
  }

  /** There was progress (F2). */
  forget(): void {
    this.#last = undefined;
    this.#count = 0;
  }
}

function identityOf(failure: Failure): string | undefined {
  const { kind, operator, name, code, message, record, position } = failure;
  if (kind !== 'user-code') return undefined;
  return JSON.stringify([operator, name, code, message, record ?? position]);
}
