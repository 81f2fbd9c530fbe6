/**
 * Turns the stored numbers, 64-bit integers and bytes of a leaf column into values of JavaScript, by the column's
 * annotation and the user's options.
 *
 *  V1  A value comes out right or is refused: digits are never lost, and no text, time or number is
 *      replaced by another one.
 *  V2  An entry of a dictionary is converted once, and shared between rows, if it is immutable: a number,
 *      bigint, boolean or text. Any other value is `fresh`: made anew for each row. Instants are shared
 *      as milliseconds, and become Dates where rows are built.
 *  V3  No value is undefined.
 */

import { isUtf8 } from 'node:buffer';
import { exactDecimal } from '../exact-number.js';
import { parseJson } from '../parse-json.js';
import type { ParquetElement, ParquetLibrary } from './parquet-library.js';

export interface ValueOptions {
  readonly int64: 'number' | 'bigint';
  readonly decimal: 'number' | 'string' | 'bigint';
  readonly json: 'text' | 'parse';
  readonly geometry: 'wkb' | 'geojson';
}

/** The file is right, but the value cannot be given as the user wants it. */
export class UnfitValue extends Error {}

export interface LeafType {
  /** The values are ms since 1970, and become Dates; 'day' when they are whole days. */
  readonly instant?: 'day' | 'time';
  readonly fresh?: boolean;
  /** Converts integers, floats and booleans. A 64-bit integer comes as a number where that is exact. Default: none. */
  readonly fromNumber?: (value: number | bigint) => unknown;
  /** Converts a byte array: `bytes[start]` to `bytes[end - 1]`. */
  readonly fromBytes?: (bytes: Buffer, start: number, end: number) => unknown;
}

/** How values of this leaf are converted; undefined for a leaf that is not supported. */
export function leafType(
  element: ParquetElement,
  options: ValueOptions,
  library: ParquetLibrary,
): LeafType | undefined {
  const { type } = element;
  const meaning = meaningOf(element);
  switch (type) {
    case 'BOOLEAN':
      return { fromNumber: Boolean };
    case 'INT32':
      return int32Type(element, meaning, options);
    case 'INT64':
      return int64Type(element, meaning, options);
    case 'INT96':
      return { instant: 'time', fromNumber: (nanos) => instantFrom(nanos, 1_000_000, 'ns') };
    case 'FLOAT':
    case 'DOUBLE':
      return {};
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return bytesType(element, meaning, options, library);
    default:
      return undefined;
  }
}

/** The name of the annotation, the newer one where there are two. */
function meaningOf({ converted_type: converted, logical_type: logical }: ParquetElement): string {
  if (logical?.type !== undefined) {
    const { type, unit, isSigned, bitWidth } = logical;
    if (type === 'TIMESTAMP' || type === 'TIME') return `${type}_${unit}`;
    if (type === 'INTEGER') return isSigned === false ? `UINT_${bitWidth}` : 'INTEGER';
    return type;
  }
  return converted === 'UTF8' ? 'STRING' : (converted ?? '');
}

function int32Type(element: ParquetElement, meaning: string, options: ValueOptions): LeafType {
  switch (meaning) {
    case 'DECIMAL':
      return { fromNumber: decimalFrom(element, options) };
    case 'DATE':
      return { instant: 'day', fromNumber: (days) => instant(Number(days) * DAY_MS, days, 'days') };
    case 'UINT_32':
      return { fromNumber: (value) => Number(value) >>> 0 };
    default:
      return {};
  }
}

function int64Type(element: ParquetElement, meaning: string, options: ValueOptions): LeafType {
  switch (meaning) {
    case 'DECIMAL':
      return { fromNumber: decimalFrom(element, options) };
    case 'TIMESTAMP_MILLIS':
      return { instant: 'time', fromNumber: (value) => instantFrom(value, 1, 'ms') };
    case 'TIMESTAMP_MICROS':
      return { instant: 'time', fromNumber: (value) => instantFrom(value, 1_000, 'µs') };
    case 'TIMESTAMP_NANOS':
      return { instant: 'time', fromNumber: (value) => instantFrom(value, 1_000_000, 'ns') };
    case 'UINT_64':
      return {
        fromNumber: (value) => int64(value < 0 ? BigInt(value) + 2n ** 64n : value, options),
      };
    default:
      return { fromNumber: (value) => int64(value, options) };
  }
}

function bytesType(
  element: ParquetElement,
  meaning: string,
  options: ValueOptions,
  library: ParquetLibrary,
): LeafType | undefined {
  switch (meaning) {
    case 'STRING':
    case 'ENUM':
      return { fromBytes: text };
    case 'JSON':
      return options.json === 'text' ? { fromBytes: text } : { fresh: true, fromBytes: json };
    case 'DECIMAL': {
      const convert = decimalFrom(element, options);
      return { fromBytes: (bytes, start, end) => convert(signedInteger(bytes, start, end)) };
    }
    case 'UUID':
      return { fromBytes: uuid };
    case 'FLOAT16':
      return { fromBytes: (bytes, start) => float16(bytes.readUInt16LE(start)) };
    case 'INTERVAL':
      return { fresh: true, fromBytes: interval };
    case 'GEOMETRY':
    case 'GEOGRAPHY':
      return options.geometry === 'wkb'
        ? { fresh: true, fromBytes: copy }
        : { fresh: true, fromBytes: (bytes, start, end) => geoJson(library, bytes, start, end) };
    default:
      return { fresh: true, fromBytes: copy };
  }
}

const DAY_MS = 86_400_000;
const DATE_MS_MAX = 8.64e15;

/** Rounds down, so that an instant lies within its millisecond before 1970 as well. */
function instantFrom(value: number | bigint, perMs: number, unit: string): number {
  if (typeof value === 'number') return instant(Math.floor(value / perMs), value, unit);
  const divisor = BigInt(perMs);
  const quotient = value / divisor;
  const ms = value < 0n && quotient * divisor !== value ? quotient - 1n : quotient;
  return instant(Number(ms), value, unit);
}

function instant(ms: number, stored: number | bigint, unit: string): number {
  if (ms >= -DATE_MS_MAX && ms <= DATE_MS_MAX) return ms;
  throw new UnfitValue(
    `${stored} ${unit} since 1970 is a time that no Date can hold. ` +
      'Leave the column out with `columns`, or mend the file',
  );
}

function int64(value: number | bigint, { int64: wanted }: ValueOptions): number | bigint {
  if (wanted === 'bigint') return BigInt(value);
  if (typeof value === 'number') return value;
  throw new UnfitValue(
    `${value} is beyond 2^53 and no exact number. ` +
      "Read 64-bit integers as bigints: { int64: 'bigint' }",
  );
}

function decimalFrom(
  { scale: converted, logical_type: logical }: ParquetElement,
  { decimal }: ValueOptions,
): (unscaled: number | bigint) => unknown {
  const scale = converted ?? logical?.scale ?? 0;
  switch (decimal) {
    case 'bigint':
      return BigInt;
    case 'string':
      return (unscaled) => decimalText(unscaled, scale);
    case 'number':
      return (unscaled) => {
        const number = exactDecimal(unscaled, scale);
        if (number !== undefined) return number;
        throw new UnfitValue(
          `${decimalText(unscaled, scale)} has more digits than a number can hold. ` +
            "Read decimals as texts or as unscaled integers: { decimal: 'string' } or 'bigint'",
        );
      };
  }
}

/** The decimal with all digits of its scale: 1.50. */
function decimalText(unscaled: number | bigint, scale: number): string {
  const digits = String(unscaled)
    .replace('-', '')
    .padStart(scale + 1, '0');
  const sign = unscaled < 0 ? '-' : '';
  const whole = digits.slice(0, digits.length - scale);
  return scale === 0 ? `${sign}${digits}` : `${sign}${whole}.${digits.slice(-scale)}`;
}

/** An integer of bytes in two's complement, big-endian. Gives a number where that is exact. */
function signedInteger(bytes: Buffer, start: number, end: number): number | bigint {
  const length = end - start;
  if (length === 0) return 0;
  if (length <= 6) return bytes.readIntBE(start, length);
  const unsigned = BigInt(`0x${bytes.toString('hex', start, end)}`);
  const value = BigInt.asIntN(length * 8, unsigned);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function text(bytes: Buffer, start: number, end: number): string {
  let decoded: string;
  try {
    decoded = bytes.toString('utf8', start, end);
  } catch {
    throw new UnfitValue(
      `a text of ${end - start} bytes is longer than any string can be. ` +
        'Leave the column out with `columns`',
    );
  }
  // Bytes that are not UTF-8 are decoded to this character, which may stand in the text itself, too.
  if (decoded.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw new UnfitValue(
      'a text is not valid UTF-8. Leave the column out with `columns`, or mend the file',
    );
  }
  return decoded;
}

function json(bytes: Buffer, start: number, end: number): unknown {
  try {
    return parseJson(text(bytes, start, end));
  } catch (error) {
    if (error instanceof UnfitValue) throw error;
    throw new UnfitValue(`${(error as Error).message}. Read JSON as texts: { json: 'text' }`);
  }
}

function geoJson(library: ParquetLibrary, bytes: Buffer, start: number, end: number): unknown {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
    return library.geoJson({ view, offset: 0 });
  } catch (error) {
    throw new UnfitValue(
      `a geometry cannot be read: ${(error as Error).message}. ` +
        "Read geometries as bytes: { geometry: 'wkb' }",
    );
  }
}

/** Copies bytes, because a view would keep the whole page alive, and take it along to other threads. */
function copy(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

function uuid(bytes: Buffer, start: number, end: number): string {
  const hex = bytes.toString('hex', start, end);
  return [0, 8, 12, 16, 20].map((at, i, all) => hex.slice(at, all[i + 1])).join('-');
}

function float16(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function interval(bytes: Buffer, start: number): object {
  return {
    months: bytes.readUInt32LE(start),
    days: bytes.readUInt32LE(start + 4),
    milliseconds: bytes.readUInt32LE(start + 8),
  };
}
