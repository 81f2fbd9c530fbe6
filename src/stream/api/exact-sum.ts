/**
 * Sums of float64 numbers without any rounding, so that what was added can be taken back.
 *
 * The sum is kept as several numbers that do not overlap, the least first (J. R. Shewchuk, Adaptive Precision
 * Floating-Point Arithmetic, 1997; as `math.fsum` of Python has it). Mostly that is one number, or two. So the answer,
 * rounded once, is the same in whatever order numbers come and go.
 */

import { HoldfastError } from '../../base/errors.js';

export interface ExactSum {
  /** Numbers counted. */
  readonly counted: number;
  /** How many of them are no integers, are NaN, +Infinity, −Infinity. */
  readonly fractions: number;
  readonly nans: number;
  readonly ups: number;
  readonly downs: number;
  /** The sum of the finite ones. */
  readonly parts: readonly number[];
}

export function exactSum(): ExactSum {
  return { counted: 0, fractions: 0, nans: 0, ups: 0, downs: 0, parts: [] };
}

/** @param by 1: the value is added; −1: it is taken back @throws HoldfastError ERR_HOLDFAST_INEXACT_SUM */
export function withValue(sum: ExactSum, value: number, by: 1 | -1): ExactSum {
  const counted = sum.counted + by;
  if (Number.isNaN(value)) return { ...sum, counted, nans: sum.nans + by };
  if (value === Number.POSITIVE_INFINITY) return { ...sum, counted, ups: sum.ups + by };
  if (value === Number.NEGATIVE_INFINITY) return { ...sum, counted, downs: sum.downs + by };
  const fractions = Number.isInteger(value) ? sum.fractions : sum.fractions + by;
  return { ...sum, counted, fractions, parts: grown(sum.parts, value * by) };
}

function grown(parts: readonly number[], value: number): readonly number[] {
  const next: number[] = [];
  let high = value;
  for (const part of parts) {
    const [more, less] = Math.abs(high) < Math.abs(part) ? [part, high] : [high, part];
    high = more + less;
    const low = less - (high - more);
    if (low !== 0) next.push(low);
  }
  if (!Number.isFinite(high)) {
    throw inexact('it is beyond the greatest number there is (1.8e308)');
  }
  if (high !== 0) next.push(high);
  return next;
}

/** null: nothing is counted. @throws HoldfastError ERR_HOLDFAST_INEXACT_SUM for integers that are rounded */
export function sumOf(sum: ExactSum): number | null {
  const known = notFinite(sum);
  if (known !== undefined) return known;
  const { value, isExact } = rounded(sum.parts);
  if (isExact || sum.fractions > 0) return value;
  throw inexact(
    `all its numbers are integers, and it is about ${value}, where not every integer is a number (2^53 is ` +
      '9007199254740992)',
  );
}

/** The sum rounded once, divided by how many there are. */
export function meanOf(sum: ExactSum): number | null {
  const known = notFinite(sum);
  return known === undefined ? rounded(sum.parts).value / sum.counted : known;
}

/** The answer where nothing is counted, or not everything is finite. */
function notFinite({ counted, nans, ups, downs }: ExactSum): number | null | undefined {
  if (counted === 0) return null;
  if (nans > 0 || (ups > 0 && downs > 0)) return Number.NaN;
  if (ups > 0) return Number.POSITIVE_INFINITY;
  return downs > 0 ? Number.NEGATIVE_INFINITY : undefined;
}

/** The nearest number; of two that are as near, the even one. */
function rounded(parts: readonly number[]): { readonly value: number; readonly isExact: boolean } {
  let at = parts.length - 1;
  let high = parts[at] ?? 0;
  let low = 0;
  while (at > 0 && low === 0) {
    at -= 1;
    const part = parts[at]!;
    const sum = high + part;
    low = part - (sum - high);
    high = sum;
  }
  // Half-way by the two greatest parts, what is below them decides.
  if (at > 0 && low !== 0 && Math.sign(low) === Math.sign(parts[at - 1]!)) {
    const more = high + low * 2;
    if (more - high === low * 2) high = more;
  }
  return { value: high, isExact: low === 0 };
}

function inexact(why: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_INEXACT_SUM',
    `a sum over a changelog cannot be shown exactly: ${why}. Sum bigints: sumBigInt((row) => BigInt(…)) is exact at any ` +
      'size. Or sum a larger unit, or a part of it.',
  );
}
