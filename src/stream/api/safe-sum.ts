/**
 * Keeps sums of integers from being rounded in silence.
 *
 * Within ±(2^53 − 1) a sum of integers is exact, whatever the order. Beyond that it would be rounded, so the number that would
 * bring it there is refused. A sum that holds a fraction, or a number beyond 2^53, is rounded anyhow: it goes on as any
 * sum of floating-point numbers does. From 2^52 on the sum itself does not show any more that it holds fractions, as
 * all float64 numbers there are integers. So once a sum is large it is noted whether the selector has ever given one.
 */

import { HoldfastError } from '../../base/errors.js';

/** Sums whose magnitude is not above this need no look: 2^49, a sixteenth of the limit. */
export const WATCHED_FROM = 2 ** 49;

/** Of one selector, in one thread. */
export class SumGuard {
  #gaveFractions = false;

  /**
   * Asked before two numbers are added whose sum is beyond WATCHED_FROM.
   * @throws HoldfastError ERR_HOLDFAST_SUM_OVERFLOW
   */
  check(sum: number, value: number): void {
    if (hasFraction(sum) || hasFraction(value)) this.#gaveFractions = true;
    if (this.#gaveFractions || !Number.isSafeInteger(sum) || !Number.isSafeInteger(value)) return;
    if (Number.isSafeInteger(sum + value)) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_SUM_OVERFLOW',
      `a sum of integers is ${sum}, and with ${value} it would be beyond ±${Number.MAX_SAFE_INTEGER} ` +
        '(Number.MAX_SAFE_INTEGER), where it would be rounded. Sum bigints: sumBigInt((record) => BigInt(…)) is exact at ' +
        'any size. Or sum a larger unit, or put such records aside with .onError(…).',
      { details: { aggregation: 'sum', sum, value } },
    );
  }
}

function hasFraction(value: number): boolean {
  return Number.isFinite(value) && !Number.isInteger(value);
}
