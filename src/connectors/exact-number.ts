/**
 * Decimal texts and the doubles that stand for them.
 *
 * A double stands for a decimal when its shortest text is that decimal: then nothing is lost on the
 * way there and back. Every decimal of up to 15 digits has such a double, within its range.
 */

const POWERS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** The double that stands for `unscaled` · 10^−`scale`; undefined when there is none. */
export function exactDecimal(unscaled: number | bigint, scale: number): number | undefined {
  const power = POWERS[scale];
  // Both are exact, so that the quotient is the nearest double.
  if (power !== undefined && typeof unscaled === 'number' && Math.abs(unscaled) < 1e15) {
    return unscaled / power;
  }
  const digits = String(unscaled);
  const number = Number(`${digits}e-${scale}`);
  const found = significant(number);
  const zeros = /0*$/.exec(digits)![0].length;
  const wanted = digits.slice(0, digits.length - zeros).replace('-', '');
  if (wanted === '') return 0;
  return found.digits === wanted && found.exponent === zeros - scale ? number : undefined;
}

/** Does the double that JSON.parse makes of an integer's text stand for it? */
export function isExactInteger(integer: string): boolean {
  const number = Number(integer);
  return Number.isSafeInteger(number) || exactDecimal(BigInt(integer), 0) !== undefined;
}

/** The number is ± digits · 10^exponent; the digits end with none of 0. */
function significant(number: number): { readonly digits: string; readonly exponent: number } {
  const [mantissa, exponent] = Math.abs(number).toExponential().split('e') as [string, string];
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  return { digits, exponent: Number(exponent) - (digits.length - 1) };
}
