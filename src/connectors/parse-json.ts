/**
 * JSON without silent loss: a number that a double cannot hold is an error, or a bigint.
 *
 * Held are numbers beyond 2^53 whose double has the same digits in its shortest text (JSON.parse and
 * JSON.stringify bring them back), however they are written: 9007199254740993.0 is as lost as
 * 9007199254740993. Smaller numbers with a fraction are rounded to the nearest double, as everywhere,
 * unless that is 0.
 *
 * Nearly no text holds a number that could be lost. What was parsed tells: such a number has become
 * one beyond 2^53, or 0. Only then the text is looked at, number by number: looking for long numbers in
 * every text would take several times as long.
 */

import { integerOf, isExact } from './exact-number.js';

const TINY = /[eE]-\d{3}|\.0{300}/;
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const INTEGER = /^-?\d+$/;

export class InexactNumber extends Error {}

/**
 * @param bigints integers that a double cannot hold become bigints
 * @throws SyntaxError for what is no JSON, InexactNumber for a number that a double cannot hold
 */
export function parseJson(text: string, bigints = false): unknown {
  const value: unknown = JSON.parse(text);
  const found = extremeIn(value);
  if (found === 'none' || (found === 'zero' && !TINY.test(text))) return value;
  const large = new Set<string>();
  for (const [token] of text.matchAll(TOKENS)) {
    if (token.startsWith('"') || isHeld(token)) continue;
    if (!bigints || !isInteger(token)) {
      throw new InexactNumber(`the number ${shorten(token)} is beyond what a double can hold`);
    }
    large.add(token);
  }
  return large.size === 0 ? value : parseWithBigints(text, value, large);
}

/** What a number that was lost may have become. */
function extremeIn(value: unknown): 'none' | 'zero' | 'large' {
  if (typeof value === 'number') {
    if (!(value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER)) return 'large';
    return value === 0 ? 'zero' : 'none';
  }
  if (typeof value !== 'object' || value === null) return 'none';
  let found: 'none' | 'zero' | 'large' = 'none';
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const inside = extremeIn(value[i]);
      if (inside === 'large') return inside;
      if (inside === 'zero') found = inside;
    }
    return found;
  }
  // It was just parsed: it has no properties but its own.
  for (const name in value) {
    const inside = extremeIn((value as Record<string, unknown>)[name]);
    if (inside === 'large') return inside;
    if (inside === 'zero') found = inside;
  }
  return found;
}

function isHeld(token: string): boolean {
  const number = Number(token);
  if (number === 0) return /^-?[0.]+([eE]|$)/.test(token);
  return Number.isSafeInteger(Math.trunc(number)) || isExact(token);
}

/** What is written as 1e400 is none: who writes so means no digits, and 1e999999999 has too many. */
function isInteger(token: string): boolean {
  if (INTEGER.test(token)) return true;
  return Number.isFinite(Number(token)) && integerOf(token) !== undefined;
}

/** The numbers go through as texts with a mark that no text of the value holds. */
function parseWithBigints(text: string, value: unknown, large: ReadonlySet<string>): unknown {
  // Not the text itself: there the mark could be hidden in escapes.
  const plain = JSON.stringify(value);
  let mark = 'bigint:';
  while (plain.includes(mark)) mark = `bigint:${mark}`;
  const marked = text.replace(TOKENS, (token) => (large.has(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark)
      ? integerOf(value.slice(mark.length))
      : value,
  );
}

function shorten(token: string): string {
  return token.length > 60 ? `${token.slice(0, 60)}…` : token;
}
