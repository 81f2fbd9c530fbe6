/**
 * Decodes one column of a row group into plain values.
 *
 * Instants stay numbers (ms) in the column and become Dates row by row: a column of 300 000 Dates
 * would be 300 000 objects at once, and dictionary pages would share one Date between rows.
 */

import { isUtf8 } from 'node:buffer';
import { HoldfastError } from '../../base/errors.js';
import type { ParquetChunk, ParquetSchemaNode } from './parquet-library.js';

export interface ParquetColumn {
  readonly name: string;
  /** Values are ms since 1970, to be shown as Dates. */
  readonly instant: boolean;
  readonly values: ArrayLike<unknown>;
}

export interface ColumnRequest {
  readonly node: ParquetSchemaNode;
  readonly rows: number;
  readonly bigints: boolean;
  /** `flights.parquet column 'delay'`, for messages. */
  readonly place: string;
  /** Number in the file of the group's first row, 0-based. */
  readonly firstRow: number;
}

type Parsers = Readonly<Record<string, (value: never) => unknown>>;

const strictText = (bytes: Uint8Array | undefined): string | undefined => {
  if (bytes === undefined) return undefined;
  if (!isUtf8(bytes)) throw new Error('a text is not valid UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
};

const millisFromMicros = (micros: bigint): number => {
  const approximate = Number(micros);
  return Number.isSafeInteger(approximate)
    ? Math.trunc(approximate / 1_000)
    : Number(micros / 1_000n);
};

const nestedParsers: Parsers = { stringFromBytes: strictText };
const instantParsers: Parsers = {
  stringFromBytes: strictText,
  timestampFromMilliseconds: (millis: bigint) => Number(millis),
  timestampFromMicroseconds: millisFromMicros,
  timestampFromNanoseconds: (nanos: bigint) => Number(nanos / 1_000_000n),
  dateFromDays: (days: number) => days * 86_400_000,
};

export function parsersFor(node: ParquetSchemaNode): Parsers {
  return node.children.length === 0 ? instantParsers : nestedParsers;
}

/** The decoded pieces of a column as one run of `rows` values. */
export function makeColumn(
  chunks: readonly ParquetChunk[],
  { node, rows, bigints, place, firstRow }: ColumnRequest,
): ParquetColumn {
  const found = chunks.reduce((sum, { columnData }) => sum + columnData.length, 0);
  if (found !== rows) {
    throw new Error(`it holds ${found} values where its row group has ${rows} rows`);
  }
  const { element, children } = node;
  const instant = children.length === 0 && isInstant(element);
  const convert = converter(node, bigints, place);
  if (convert === undefined && chunks.length === 1) {
    return { name: element.name, instant, values: chunks[0]!.columnData };
  }
  const values: unknown[] = new Array(rows);
  let row = 0;
  for (const { columnData } of chunks) {
    for (let i = 0; i < columnData.length; i += 1, row += 1) {
      const value = columnData[i];
      values[row] = convert === undefined ? value : convert(value, firstRow + row);
    }
  }
  return { name: element.name, instant, values };
}

function isInstant(element: ParquetSchemaNode['element']): boolean {
  const { converted_type: converted, logical_type: logical, type } = element;
  return (
    converted === 'DATE' ||
    converted === 'TIMESTAMP_MILLIS' ||
    converted === 'TIMESTAMP_MICROS' ||
    (logical?.type === 'TIMESTAMP' && type === 'INT64') ||
    (logical?.type === 'DATE' && type === 'INT32') ||
    (type === 'INT96' && converted === undefined)
  );
}

type Convert = (value: unknown, row: number) => unknown;

/** What has to be done to each value of the column; undefined where nothing. */
function converter(node: ParquetSchemaNode, bigints: boolean, place: string): Convert | undefined {
  const toNumber: Convert = (value, row) =>
    typeof value === 'bigint' ? safeNumber(value, place, row) : value;
  if (node.children.length > 0) {
    return (value, row) => convertDeep(value, bigints ? undefined : toNumber, row);
  }
  switch (node.element.type) {
    case 'INT64':
      return bigints ? undefined : toNumber;
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      // Views into a page would keep the page alive, and be copied with it to another thread.
      return (value) => (value instanceof Uint8Array ? new Uint8Array(value) : value);
    default:
      return undefined;
  }
}

function convertDeep(value: unknown, toNumber: Convert | undefined, row: number): unknown {
  if (typeof value === 'bigint') return toNumber === undefined ? value : toNumber(value, row);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map((item) => convertDeep(item, toNumber, row));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, convertDeep(item, toNumber, row)]),
  );
}

function safeNumber(value: bigint, place: string, row: number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new HoldfastError(
    'ERR_HOLDFAST_MALFORMED_RECORD',
    `${place}, row ${row}: ${value} is beyond 2^53 and no exact number. ` +
      "Read 64-bit integers as bigints: { int64: 'bigint' }.",
    { details: { row, value: String(value) } },
  );
}
