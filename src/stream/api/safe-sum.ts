/**
 * Keeps sums of integers from being rounded in silence.
 *
 * Within ±(2^53 − 1) a sum of integers is exact, whatever the order. Beyond that it would be rounded, so the number that would
 * bring it there is refused. A sum that shows a fraction, or is beyond 2^53, is rounded anyhow, and so is one to which such a
 * number is added: these go on as any sum of floating-point numbers does. Only the two numbers themselves tell, and nothing
 * that a thread remembers: that would be gone after a restart, and be another one's at another parallelism. So a sum that
 * held fractions, and is an integer now (from 2^52 on it always is), is taken for a sum of integers.
 */

import { HoldfastError } from '../../base/errors.js';

/** Sums whose magnitude is not above this need no look: 2^49, a sixteenth of the limit. */
export const WATCHED_FROM = 2 ** 49;

/**
 * Asked before two numbers are added whose sum is beyond WATCHED_FROM.
 * @throws HoldfastError ERR_HOLDFAST_SUM_OVERFLOW
 */
export function checkSum(sum: number, value: number): void {
  if (!Number.isSafeInteger(sum) || !Number.isSafeInteger(value)) return;
  if (Number.isSafeInteger(sum + value)) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_SUM_OVERFLOW',
    `a sum of integers is ${sum}, and with ${value} it would be beyond ±${Number.MAX_SAFE_INTEGER} ` +
      '(Number.MAX_SAFE_INTEGER), where it would be rounded. Sum bigints: sumBigInt((record) => BigInt(…)) is exact at ' +
      'any size. Or sum a larger unit, or put such records aside with .onError(…).',
    { details: { aggregation: 'sum', sum, value } },
  );
}
