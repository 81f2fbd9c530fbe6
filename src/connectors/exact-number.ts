/**
 * Decimal texts and the doubles that stand for them.
 *
 * A double stands for a decimal when its shortest text is that decimal. Then nothing is lost on the
 * way there and back. Every decimal of up to 15 digits within the range of doubles has such a double.
 */

/** A number as JSON writes it. */
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const POWERS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** The double that stands for `unscaled` · 10^−`scale`; undefined when there is none. */
export function exactDecimal(unscaled: number | bigint, scale: number): number | undefined {
  const power = POWERS[scale];
  // Both operands are exact, so the quotient is the nearest double.
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

/** Does the double that JSON.parse makes of a number's text stand for it? */
export function isExact(text: string): boolean {
  const number = Number(text);
  if (!Number.isFinite(number)) return false;
  const wanted = decimalOf(text);
  const found = significant(number);
  return found.digits === wanted.digits && found.exponent === wanted.exponent;
}

/**
 * Is a number's text not lost in a double? Beyond 2^53 it has to stand for it. Smaller ones with a fraction are rounded to
 * the nearest double, as everywhere, unless that is 0.
 */
export function isHeld(token: string): boolean {
  const number = Number(token);
  if (number === 0) return /^-?[0.]+([eE]|$)/.test(token);
  return Number.isSafeInteger(Math.trunc(number)) || isExact(token);
}

/** The integer that a number's text stands for; the text may have a fraction and an exponent. */
export function integerOf(text: string): bigint | undefined {
  const { digits, exponent } = decimalOf(text);
  if (exponent < 0) return undefined;
  const integer = BigInt(digits + '0'.repeat(exponent));
  return text.startsWith('-') ? -integer : integer;
}

/** The text is ± digits · 10^exponent; the digits neither begin nor end with 0, and are '0' for zero. */
function decimalOf(text: string): { readonly digits: string; readonly exponent: number } {
  const [, whole, fraction = '', power = '0'] = NUMBER.exec(text)!;
  const digits = (whole! + fraction).replace(/^0+/, '');
  const shown = digits.replace(/0+$/, '');
  if (shown === '') return { digits: '0', exponent: 0 };
  return {
    digits: shown,
    exponent: Number(power) - fraction.length + digits.length - shown.length,
  };
}

/** The number is ± digits · 10^exponent; the digits do not end with 0. */
function significant(number: number): { readonly digits: string; readonly exponent: number } {
  const [mantissa, exponent] = Math.abs(number).toExponential().split('e') as [string, string];
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  if (digits === '') return { digits: '0', exponent: 0 };
  return { digits, exponent: Number(exponent) - (digits.length - 1) };
}
