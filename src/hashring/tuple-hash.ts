/**
 * Hashes tuples as murmur3.ts does (H4), without making their canonical text: its units are written to a scratch array.
 * Only tuples of strings and integers, as most are, of no great length; for the rest there is the text itself.
 */

/** Units of the longest text. */
const UNITS_MAX = 1_024;
/** Of an integer: as many digits as 2^53 has, and what stands around them. */
const INTEGER_UNITS_MAX = 20;

const NUL = 0;
const ZERO = 48;
const MINUS = 45;
const COLON = 58;
const SEMICOLON = 59;
const OF_ARRAY = 97;
const OF_NUMBER = 110;
const OF_STRING = 115;
/** So many digits fit into 32 bits. */
const PART = 1e9;

const units = new Uint16Array(UNITS_MAX);

/** The units of the last text. */
export const tupleUnits: Uint16Array = units;

/** @returns how many units the tuple's canonical text has; −1: it is not of this kind, and nothing was written */
export function writeTuple(tuple: readonly unknown[]): number {
  units[0] = NUL;
  units[1] = OF_ARRAY;
  let at = writeDigits(tuple.length, 2);
  units[at] = COLON;
  at += 1;
  for (let i = 0; i < tuple.length; i += 1) {
    if (at > UNITS_MAX - INTEGER_UNITS_MAX) return -1;
    const element = tuple[i];
    if (typeof element === 'number') {
      if (!Number.isSafeInteger(element)) return -1;
      units[at] = OF_NUMBER;
      at = writeInteger(element, at + 1);
      units[at] = SEMICOLON;
      at += 1;
    } else if (typeof element === 'string') {
      const { length } = element;
      if (at + length > UNITS_MAX - INTEGER_UNITS_MAX) return -1;
      units[at] = OF_STRING;
      at = writeDigits(length, at + 1);
      units[at] = COLON;
      at += 1;
      for (let unit = 0; unit < length; unit += 1) units[at + unit] = element.charCodeAt(unit);
      at += length;
    } else {
      return -1;
    }
  }
  return at;
}

/** @param integer a safe one; −0 is 0. @returns where the next unit stands */
function writeInteger(integer: number, at: number): number {
  if (integer >= 0) return writeWhole(integer, at);
  units[at] = MINUS;
  return writeWhole(-integer, at + 1);
}

function writeWhole(whole: number, at: number): number {
  if (whole < PART) return writeDigits(whole, at);
  const high = Math.floor(whole / PART);
  const next = writeDigits(high, at);
  let low = whole - high * PART;
  for (let digit = 8; digit >= 0; digit -= 1) {
    const rest = (low / 10) | 0;
    units[next + digit] = ZERO + low - rest * 10;
    low = rest;
  }
  return next + 9;
}

/** @param whole below 10^9 */
function writeDigits(whole: number, at: number): number {
  let end = at + 1;
  for (let bound = 10; whole >= bound; bound *= 10) end += 1;
  let left = whole | 0;
  for (let to = end - 1; to >= at; to -= 1) {
    const rest = (left / 10) | 0;
    units[to] = ZERO + left - rest * 10;
    left = rest;
  }
  return end;
}
