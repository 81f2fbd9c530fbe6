/**
 * JSON without silent loss: a number that a double cannot hold is an error, or a bigint.
 *
 * Held are integers whose double has the same shortest text (JSON.parse and JSON.stringify bring
 * them back), and fractions that are neither too large nor too small; these are rounded to the
 * nearest double, as everywhere.
 *
 * Nearly no text holds a number that could be lost: one look for 16 digits or an exponent of three
 * tells, and only then the numbers are looked at one by one.
 */

import { isExactInteger } from './exact-number.js';

const SUSPICIOUS = /\d{16}|\d[eE][+-]?\d{3}/;
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const INTEGER = /^-?\d+$/;

/**
 * @param bigints integers that a double cannot hold become bigints
 * @throws SyntaxError for what is no JSON, RangeError for a number that a double cannot hold
 */
export function parseJson(text: string, bigints = false): unknown {
  const value: unknown = JSON.parse(text);
  if (!SUSPICIOUS.test(text)) return value;
  const large = new Set<string>();
  for (const [token] of text.matchAll(TOKENS)) {
    if (token.startsWith('"') || isHeld(token)) continue;
    if (!bigints || !INTEGER.test(token)) {
      throw new RangeError(`the number ${shorten(token)} is beyond what a double can hold`);
    }
    large.add(token);
  }
  return large.size === 0 ? value : parseWithBigints(text, value, large);
}

function isHeld(token: string): boolean {
  if (INTEGER.test(token)) return isExactInteger(token);
  const number = Number(token);
  if (number === 0) return /^-?[0.]+([eE]|$)/.test(token);
  return Number.isFinite(number);
}

/** The numbers go through as texts with a mark that no text of the value holds. */
function parseWithBigints(text: string, value: unknown, large: ReadonlySet<string>): unknown {
  // Not the text itself: there the mark could be hidden in escapes.
  const plain = JSON.stringify(value);
  let mark = 'bigint:';
  while (plain.includes(mark)) mark = `bigint:${mark}`;
  const marked = text.replace(TOKENS, (token) => (large.has(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

function shorten(token: string): string {
  return token.length > 60 ? `${token.slice(0, 60)}…` : token;
}
