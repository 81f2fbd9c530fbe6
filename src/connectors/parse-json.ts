/**
 * Parses JSON without silent loss: a number that a double cannot hold is an error, or a bigint.
 *
 * A double holds a number beyond 2^53 if it has the same digits in its shortest text, so that JSON.parse and
 * JSON.stringify bring the number back. It does not matter how the number is written: 9007199254740993.0 is as lost as
 * 9007199254740993. Smaller numbers with a fraction are rounded to the nearest double, as everywhere,
 * unless that is 0.
 *
 * Hardly any text holds a number that could be lost, and the parsed value shows it: such a number has become
 * one beyond 2^53, or 0. Only then the text is searched number by number, because a search of every text would
 * take several times as long.
 */

import { clipped } from '../base/clipped.js';
import { integerOf, isHeld } from './exact-number.js';

const SHOWN_CHARACTERS = 60;

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
      throw new InexactNumber(
        `the number ${clipped(token, SHOWN_CHARACTERS)} is beyond what a double can hold`,
      );
    }
    large.add(token);
  }
  return large.size === 0 ? value : parseWithBigints(text, value, large);
}

/** Looks in a value for a number that a lost one may have become. */
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
  // The value was just parsed, so all its properties are its own.
  for (const name in value) {
    const inside = extremeIn((value as Record<string, unknown>)[name]);
    if (inside === 'large') return inside;
    if (inside === 'zero') found = inside;
  }
  return found;
}

/** Does the number become a bigint? 1e400 does not: such a text means no exact digits, and 1e999999999 has too many. */
function isInteger(token: string): boolean {
  if (INTEGER.test(token)) return true;
  return Number.isFinite(Number(token)) && integerOf(token) !== undefined;
}

/** Parses the text again with large numbers as texts, which have a mark that no text of the value holds. */
function parseWithBigints(text: string, value: unknown, large: ReadonlySet<string>): unknown {
  // The mark is looked for in the value, because in the text itself escapes could hide it.
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
