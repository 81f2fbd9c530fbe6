/**
 * Decodes the values of a data page from any place on. Where the encoding allows it, values before that place are not
 * decoded: a page may hold all rows of a row group, and a restored reader may need the last thousand.
 */

import { LevelRuns } from './level-runs.js';
import type { ParquetElement, ParquetLibrary } from './parquet-library.js';
import type { LeafType } from './parquet-values.js';

/** The values that are there (no nulls), in order. */
export interface PageValues {
  skip(count: number): void;
  /** Adds the next `count` values to the output. If one of them is unfit, the values before it have been added. */
  read(output: unknown[], count: number): void;
}

/** Gives a value by its number, in data pages and dictionaries alike. */
export type ValueAt = (index: number) => unknown;

export interface ValuesRequest {
  readonly library: ParquetLibrary;
  readonly element: ParquetElement;
  readonly leaf: LeafType;
  readonly bytes: Buffer;
  /** Offset of the first value. */
  readonly offset: number;
  readonly count: number;
}

export class PlainValues implements PageValues {
  readonly #at: ValueAt;
  readonly #count: number;
  #next = 0;

  constructor(at: ValueAt, count: number) {
    this.#at = at;
    this.#count = count;
  }

  skip(count: number): void {
    this.#next += count;
  }

  read(output: unknown[], count: number): void {
    const at = this.#at;
    const from = this.#next;
    if (from + count > this.#count) throw new Error('a page ends before its values do');
    for (let i = 0; i < count; i += 1) output.push(at(from + i));
    this.#next = from + count;
  }
}

export interface Dictionary {
  readonly at: ValueAt;
  readonly count: number;
  /** Values that were converted already; undefined for leaves whose values are made anew for each row. */
  readonly known: unknown[] | undefined;
}

export class DictionaryValues implements PageValues {
  readonly #dictionary: Dictionary;
  readonly #indexes: LevelRuns;
  #scratch = new Uint32Array(0);

  constructor(dictionary: Dictionary, { bytes, offset }: ValuesRequest) {
    this.#dictionary = dictionary;
    this.#indexes = new LevelRuns(bytes, offset + 1, bytes.length, bytes[offset] ?? 33);
  }

  skip(count: number): void {
    this.#indexes.skip(count);
  }

  read(output: unknown[], count: number): void {
    const { at, known, count: size } = this.#dictionary;
    if (this.#scratch.length < count) this.#scratch = new Uint32Array(count);
    const indexes = this.#scratch;
    this.#indexes.read(indexes, 0, count);
    for (let i = 0; i < count; i += 1) {
      const index = indexes[i]!;
      if (index >= size) throw new Error(`a dictionary of ${size} values has none for ${index}`);
      if (known === undefined) {
        output.push(at(index));
      } else {
        let value = known[index];
        if (value === undefined) {
          value = at(index);
          known[index] = value;
        }
        output.push(value);
      }
    }
  }
}

/** The values of a data page without a dictionary. */
export function decodeValues(encoding: string, request: ValuesRequest): PageValues {
  const { library, element, leaf, bytes, offset, count } = request;
  if (count === 0) return new PlainValues(() => null, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cursor = { view, offset };
  const type = element.type!;
  switch (encoding) {
    case 'PLAIN':
      return new PlainValues(plainValues(request), count);
    case 'RLE': {
      if (type !== 'BOOLEAN') break;
      const length = bytes.readUInt32LE(offset);
      const levels = new Uint8Array(count);
      new LevelRuns(bytes, offset + 4, offset + 4 + length, 1).read(levels, 0, count);
      return new PlainValues((i) => levels[i] === 1, count);
    }
    case 'DELTA_BINARY_PACKED': {
      // DuckDB encodes unsigned integers of 32 bits as if they had 64.
      const short = type === 'INT32' && element.converted_type !== 'UINT_32';
      const values = short ? new Int32Array(count) : new BigInt64Array(count);
      library.deltaIntegers(cursor, count, values);
      return new PlainValues(numbers(values, leaf), count);
    }
    case 'DELTA_LENGTH_BYTE_ARRAY':
    case 'DELTA_BYTE_ARRAY': {
      const values: Uint8Array[] = new Array(count);
      if (encoding === 'DELTA_BYTE_ARRAY') library.deltaByteArrays(cursor, count, values);
      else library.deltaLengthByteArrays(cursor, count, values);
      return new PlainValues(byteArrays(values, leaf), count);
    }
    case 'BYTE_STREAM_SPLIT': {
      const values = library.byteStreamSplit(cursor, count, type, element.type_length);
      const at =
        type === 'FIXED_LEN_BYTE_ARRAY'
          ? byteArrays(values as ArrayLike<Uint8Array>, leaf)
          : numbers(values as Numbers, leaf);
      return new PlainValues(at, count);
    }
  }
  throw new Error(`encoding ${encoding} of ${type} is not supported`);
}

type Numbers = Int32Array | BigInt64Array | Float32Array | Float64Array;

/** Values in plain encoding, which dictionaries have as well. */
export function plainValues(request: ValuesRequest): ValueAt {
  const { element, leaf, bytes, offset, count } = request;
  const room = bytes.length - offset;
  const need = (size: number): void => {
    if (room < size) throw new Error(`${count} values need ${size} bytes and have ${room}`);
  };
  switch (element.type) {
    case 'BOOLEAN':
      need(Math.ceil(count / 8));
      return (i) => ((bytes[offset + (i >>> 3)]! >>> (i & 7)) & 1) === 1;
    case 'INT32':
    case 'FLOAT': {
      need(count * 4);
      const at = bytes.byteOffset + offset;
      const words = bytes.buffer.slice(at, at + count * 4);
      return numbers(
        element.type === 'INT32' ? new Int32Array(words) : new Float32Array(words),
        leaf,
      );
    }
    case 'INT64':
    case 'DOUBLE': {
      need(count * 8);
      const at = bytes.byteOffset + offset;
      const words = bytes.buffer.slice(at, at + count * 8);
      return numbers(
        element.type === 'INT64' ? new BigInt64Array(words) : new Float64Array(words),
        leaf,
      );
    }
    case 'INT96':
      need(count * 12);
      return (i) => leaf.fromNumber!(int96Nanos(bytes, offset + i * 12));
    case 'FIXED_LEN_BYTE_ARRAY': {
      const length = element.type_length ?? 0;
      need(count * length);
      const convert = leaf.fromBytes!;
      return (i) => convert(bytes, offset + i * length, offset + (i + 1) * length);
    }
    case 'BYTE_ARRAY': {
      const ends = endsOfByteArrays(bytes, offset, count);
      const convert = leaf.fromBytes!;
      return (i) => convert(bytes, i === 0 ? offset + 4 : ends[i - 1]! + 4, ends[i]!);
    }
    default:
      throw new Error(`type ${element.type} is not supported`);
  }
}

function endsOfByteArrays(bytes: Buffer, offset: number, count: number): Float64Array {
  const ends = new Float64Array(count);
  let at = offset;
  for (let i = 0; i < count; i += 1) {
    at += 4 + bytes.readUInt32LE(at);
    ends[i] = at;
  }
  if (at > bytes.length) throw new Error('a page ends before its values do');
  return ends;
}

function numbers(values: Numbers, { fromNumber }: LeafType): ValueAt {
  if (values instanceof BigInt64Array) {
    const integers = int64Values(values);
    return fromNumber === undefined ? integers : (i) => fromNumber(integers(i));
  }
  return fromNumber === undefined ? (i) => values[i] : (i) => fromNumber(values[i]!);
}

/** Gives numbers where these are exact. They are made of two words, because a bigint costs several times as much. */
function int64Values(values: BigInt64Array): (index: number) => number | bigint {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return (i) => {
    const number = words[2 * i + 1]! * 4_294_967_296 + (words[2 * i]! >>> 0);
    return Number.isSafeInteger(number) ? number : values[i]!;
  };
}

function byteArrays(values: ArrayLike<Uint8Array>, { fromBytes }: LeafType): ValueAt {
  return (i) => {
    const value = values[i]!;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return fromBytes!(bytes, 0, bytes.length);
  };
}

const JULIAN_DAY_OF_1970 = 2_440_588;

/** Nanoseconds since 1970, of a Julian day and the nanoseconds in that day. */
function int96Nanos(bytes: Buffer, offset: number): bigint {
  const nanos = bytes.readBigInt64LE(offset);
  const days = bytes.readInt32LE(offset + 8) - JULIAN_DAY_OF_1970;
  return BigInt(days) * 86_400_000_000_000n + nanos;
}
