/**
 * Canonical keys: one primitive for every key, so that Maps can be keyed by it. Two keys are the same key exactly when
 * a Map takes their canonical forms for the same value.
 *
 * Invariants
 *   K1  Every key but a Date or a tuple is its own canonical form, with two exceptions: −0 is 0,
 *       and a string that starts with NUL is encoded, to make room for K2.
 *   K2  Dates and tuples have a text that starts with NUL; no string is its own canonical form and
 *       starts with NUL.
 *   K3  The text after the NUL is prefix-free, because every element says where it ends. So different
 *       tuples have different texts, however they are nested and whatever their strings hold.
 *   K4  1, 1n, '1', true and [1] are five different keys.
 *
 * The texts are part of the snapshot format, because keys are hashed by them (`murmur3.ts`).
 */

import { types } from 'node:util';
import { HoldfastError } from '../base/errors.js';
import { withArticle } from '../base/with-article.js';

/** A key: a primitive, a Date, or a tuple of these. */
export type Key = string | number | bigint | boolean | null | Date | readonly Key[];

/** The canonical form of a key, by which Maps are keyed. */
export type PrimitiveKey = string | number | bigint | boolean | null;

/** Deeper tuples are refused, because only cycles and mistakes go so deep. */
const DEPTH_MAX = 16;

/**
 * The primitive that stands for a key, the same one for equal keys.
 * @throws `ERR_HOLDFAST_UNSUPPORTED_KEY` for undefined, objects, functions, symbols, invalid Dates
 */
export function canonicalKey(key: unknown): PrimitiveKey {
  switch (typeof key) {
    case 'string':
      return key.charCodeAt(0) === 0 ? `\0${encode(key, 0, -1)}` : key;
    case 'number':
      return key === 0 ? 0 : key;
    case 'bigint':
    case 'boolean':
      return key;
    default:
      return key === null ? null : `\0${encode(key, 0, -1)}`;
  }
}

/**
 * The key as rows show it: of equal keys always the same, whichever a record came with. So what is shown does not
 * depend on who came first, or last. −0 is 0, and a tuple is a plain array of such keys.
 * @param key one that `canonicalKey` has taken
 */
export function shownKey(key: unknown): unknown {
  if (typeof key === 'number') return key + 0; // −0 + 0 is 0.
  if (typeof key !== 'object' || !Array.isArray(key)) return key;
  const shown: unknown[] = [];
  for (let i = 0; i < key.length; i += 1) shown.push(shownKey(key[i]));
  return shown;
}

/** @param element index of the encoded key in the outermost tuple; −1 outside of a tuple */
function encode(key: unknown, depth: number, element: number): string {
  switch (typeof key) {
    case 'string':
      return `s${key.length}:${key}`;
    case 'number':
      // This is the shortest text that reads back as the same number; −0 becomes '0'.
      return `n${key};`;
    case 'bigint':
      return `i${key};`;
    case 'boolean':
      return key ? 't' : 'f';
    default:
      break;
  }
  if (key === null) return '0';
  if (types.isDate(key)) {
    const ms = key.getTime();
    if (Number.isNaN(ms)) throw unsupported('an invalid Date', element);
    return `d${ms};`;
  }
  if (!Array.isArray(key)) throw unsupported(describe(key), element);
  if (depth === DEPTH_MAX) throw unsupported(`nested more than ${DEPTH_MAX} deep`, element);
  let text = `a${key.length}:`;
  for (let i = 0; i < key.length; i += 1) {
    text += encode(key[i], depth + 1, depth === 0 ? i : element);
  }
  return text;
}

function unsupported(given: string, element: number): HoldfastError {
  const where = element < 0 ? '' : ` (element ${element} of the tuple)`;
  return new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_KEY',
    `a key cannot be ${given}${where}. A key is a string, number, bigint, boolean, null, a valid ` +
      'Date, or an array of these: select a field that is one, or a tuple of such fields.',
    { details: element < 0 ? { given } : { given, element } },
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (typeof value !== 'object' || value === null) return withArticle(typeof value);
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an object of class ${name}`
    : 'an object';
}
