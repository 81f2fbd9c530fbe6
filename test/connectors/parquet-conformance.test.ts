/**
 * What parquetFile reads is what DuckDB reads, over files that DuckDB and hyparquet-writer write: each
 * type, codec, encoding and nesting. Neither reader shares code with the other.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
} from '@duckdb/node-api';
import type { SchemaElement } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ParquetFileOptions, parquetFile } from '../../src/connectors/parquet/parquet.js';
import { type Columns, parquetBytes, root } from './parquet-kit.js';
import { readAll, readSplit } from './source-kit.js';

let directory: string;
let duck: DuckDBConnection;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'));
  duck = await (await DuckDBInstance.create(':memory:')).connect();
  await duck.run("set timezone = 'UTC'");
});
afterAll(async () => {
  duck.closeSync();
  await rm(directory, { recursive: true });
});

/** Nothing is lost in these forms, so that they can be compared. */
const exact: ParquetFileOptions = { int64: 'bigint', decimal: 'string', maps: 'entries' };

function floorDiv(value: bigint, by: bigint): number {
  return Number((value - (((value % by) + by) % by)) / by);
}

/** What parquetFile should give for a value of DuckDB's. */
function expected(value: unknown): unknown {
  if (value instanceof DuckDBDateValue) return new Date(value.days * 86_400_000);
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) {
    return new Date(floorDiv(value.micros, 1_000n));
  }
  if (value instanceof DuckDBTimestampMillisecondsValue) return new Date(Number(value.millis));
  if (value instanceof DuckDBTimestampNanosecondsValue) {
    return new Date(floorDiv(value.nanos, 1_000_000n));
  }
  if (value instanceof DuckDBTimeValue) return value.micros;
  if (value instanceof DuckDBIntervalValue) {
    const { months, days, micros } = value;
    return { months, days, milliseconds: Number(micros / 1_000n) };
  }
  if (value instanceof DuckDBDecimalValue || value instanceof DuckDBUUIDValue) {
    return value.toString();
  }
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
  if (value instanceof DuckDBListValue) return value.items.map(expected);
  if (value instanceof DuckDBMapValue) {
    return value.entries.map((entry) => [expected(entry.key), expected(entry.value)]);
  }
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(
      Object.entries(value.entries).map(([name, item]) => [name, expected(item)]),
    );
  }
  return value;
}

async function duckRows(path: string): Promise<object[]> {
  const result = await duck.runAndReadAll(`select * from read_parquet('${path}')`);
  return result.getRowObjects().map((row) => {
    const entries = Object.entries(row).map(([name, value]) => [name, expected(value)]);
    return Object.fromEntries(entries);
  });
}

/** One diff instead of thousands. */
function same(found: readonly object[], wanted: readonly object[], what: string): void {
  expect(found.length, what).toBe(wanted.length);
  const differs = wanted.findIndex((row, i) => !isDeepStrictEqual(found[i], row));
  if (differs >= 0)
    expect(found[differs], `${what}, row ${differs}`).toStrictEqual(wanted[differs]);
}

async function compare(path: string, what: string, rows?: readonly object[]): Promise<void> {
  const wanted = rows ?? (await duckRows(path));
  const source = parquetFile<object>(path, exact);
  same(await readAll(source), wanted, what);
  // And from places in the middle.
  const [split] = await source.splits();
  const last = split!['rows'] as number;
  for (const row of [1, Math.floor(last / 3), last - 1]) {
    const rest = await readSplit(source, split!, { row });
    same(rest, wanted.slice(row, last), `${what}, from row ${row}`);
  }
}

/** Of row `i`: values at the edges, many and few different ones. */
const FLAT: Readonly<Record<string, string>> = {
  bool: 'i % 3 = 0',
  tinyint: '(i % 256 - 128)::tinyint',
  smallint: '(i * 37 % 65536 - 32768)::smallint',
  int: '(i * 7919 - 2000000)::int',
  bigint: 'case i % 5 when 0 then -9223372036854775808 else i * 922337203685 end::bigint',
  utinyint: '(i % 256)::utinyint',
  usmallint: '(i * 37 % 65536)::usmallint',
  uinteger: '(4294967295 - i)::uinteger',
  ubigint: '(18446744073709551615 - i)::ubigint',
  float: "case i % 7 when 0 then 'nan' when 1 then '-inf' else (i / 3)::varchar end::float",
  double: "case i % 7 when 0 then '-0' when 1 then 'inf' else (i / 3)::varchar end::double",
  dec4: '((i % 9999 - 5000) / 100)::decimal(4, 2)',
  dec9: '(i * 1000 / 7)::decimal(9, 3)',
  dec18: '(i * 99999999 / 7)::decimal(18, 6)',
  dec38: "(i::varchar || '12345678901234567890.123456789')::decimal(38, 9) * (i % 2 * 2 - 1)",
  text: "case i % 4 when 0 then '' else 'größe 👍 ' || i end",
  few: "'city ' || (i % 5)",
  blob: "case i % 3 when 0 then ''::blob else ('\\xFF' || (i % 7))::blob end",
  uuid: "('00000000-0000-4000-8000-' || lpad(i::varchar, 12, '0'))::uuid",
  json: `('{"i": ' || i || '}')::json`,
  kind: "(case i % 2 when 0 then 'a' else 'b' end)::enum('a', 'b')",
  date: "(date '1969-12-01' + (i % 100)::int)",
  time: "(time '00:00:00' + to_microseconds(i * 13500000))",
  at: "(timestamp '1969-12-31 23:59:58' + to_microseconds(i * 999))",
  atTz: "(timestamptz '1900-01-01 00:00:00+02' + to_microseconds(i * 777777))",
  atMs: "(timestamp '1969-12-31 23:59:58' + to_milliseconds(i))::timestamp_ms",
  atNs: "(timestamp '1969-12-31 23:59:58' + to_microseconds(i))::timestamp_ns",
  span: 'to_months((i % 20)::int) + to_days((i % 7)::int) + to_milliseconds(i)',
};

const NESTED: Readonly<Record<string, string>> = {
  list: 'case i % 4 when 0 then null when 1 then [] else range(i % 6) end',
  holes: '[case i % 3 when 0 then null else i end, i, null]',
  lists:
    "case i % 5 when 0 then [] when 1 then [null, []] else [[i], [], null, ['7'::bigint, i]] end",
  struct:
    "case i % 3 when 0 then null else {'a': i, 'b': case i % 2 when 0 then null else 'x' || i end} end",
  structs:
    "{'s': {'t': case i % 3 when 0 then null else {'u': i} end}, 'd': date '2001-01-01' + (i % 9)::int}",
  inList:
    "case i % 3 when 0 then [] else [{'a': i, 'l': [i, null]}, null, {'a': null, 'l': null}] end",
  map: "case i % 4 when 0 then null when 1 then map {} else map {'k' || i: i, 'z': null} end",
  mapOfLists: "map {i: case i % 3 when 0 then null else ['x', 'y' || i] end}",
  byDay: "map {date '2020-02-28' + (i % 3)::int: {'n': i::decimal(12, 3)}}",
  listOfMaps: '[map {i: [i]}, null, map {}]',
  times:
    "[timestamp '1969-12-31 23:59:59.9999', null, timestamp '2020-01-01'::timestamp + to_microseconds(i)]",
};

function select(
  columns: Readonly<Record<string, string>>,
  nullable: boolean,
  rows: number,
): string {
  const list = Object.entries(columns).map(([name, value]) =>
    nullable
      ? `case when i % 11 = 3 then null else ${value} end as "${name}"`
      : `${value} as "${name}"`,
  );
  return `select ${list.join(', ')} from range(${rows}) t(i)`;
}

async function byDuck(query: string, options: string): Promise<string> {
  const path = join(directory, `${crypto.randomUUID()}.parquet`);
  await duck.run(`copy (${query}) to '${path}' (format parquet, row_group_size 2048, ${options})`);
  return path;
}

describe('as DuckDB writes', () => {
  for (const version of ['v1', 'v2']) {
    for (const nullable of [false, true]) {
      it(`all flat types, format ${version}${nullable ? ', with missing values' : ''}`, async () => {
        for (const dictionary of [1, 100_000]) {
          const options = `parquet_version ${version}, dictionary_size_limit ${dictionary}`;
          await compare(await byDuck(select(FLAT, nullable, 3_000), options), options);
        }
      });

      it(`all nestings, format ${version}${nullable ? ', with missing values' : ''}`, async () => {
        const options = `parquet_version ${version}`;
        await compare(await byDuck(select(NESTED, nullable, 3_000), options), options);
      });
    }
  }

  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli']) {
    it(`codec ${codec}`, async () => {
      const { int, text, few, dec38 } = FLAT as Record<string, string>;
      const { inList } = NESTED as Record<string, string>;
      const columns = { int: int!, text: text!, few: few!, dec38: dec38!, inList: inList! };
      await compare(await byDuck(select(columns, true, 2_500), `codec '${codec}'`), codec);
    });
  }

  it('many pages in a column', async () => {
    const query = select(
      { text: `repeat('x', 300) || i`, list: `[repeat('y', 200) || i, null]` },
      true,
      20_000,
    );
    const path = join(directory, 'pages.parquet');
    await duck.run(`copy (${query}) to '${path}' (format parquet, dictionary_size_limit 1)`);
    await compare(path, 'pages');
  });

  it('no rows, and missing values only', async () => {
    await compare(
      await byDuck(select(FLAT, true, 2_048).replace('i % 11 = 3', 'true'), 'codec snappy'),
      'first null',
    );
    const nulls = Object.fromEntries(
      Object.entries({ ...FLAT, ...NESTED }).map(([name, value]) => [
        name,
        `case when i < 0 then ${value} end`,
      ]),
    );
    await compare(await byDuck(select(nulls, false, 2_500), 'parquet_version v2'), 'nulls');
    const empty = await byDuck(`${select(FLAT, false, 1)} where false`, 'codec snappy');
    expect(await readAll(parquetFile(empty))).toEqual([]);
  });
});

describe('as hyparquet-writer writes: pages of the second version', () => {
  const index = Array.from({ length: 3_000 }, (_, i) => i);
  const opt = (i: number, value: unknown) => (i % 7 === 2 ? null : value);

  async function write(columns: Columns, schema?: SchemaElement[]): Promise<string> {
    const path = join(directory, `${crypto.randomUUID()}.parquet`);
    const options = { rowGroupSize: [1_700, 1_300], pageSize: 2_000, codec: 'SNAPPY' as const };
    await writeFile(path, parquetBytes(columns, { ...options, ...(schema && { schema }) }));
    return path;
  }

  const ints = index.map((i) => (i * 7_919) % 65_536);
  const cases: readonly (readonly [string, Columns[number]])[] = [
    ['PLAIN', { name: 'x', type: 'INT32', data: index.map((i) => opt(i, ints[i])) }],
    ['PLAIN', { name: 'x', type: 'BOOLEAN', data: index.map((i) => opt(i, i % 3 === 0)) }],
    ['RLE', { name: 'x', type: 'BOOLEAN', data: index.map((i) => opt(i, i % 3 === 0)) }],
    [
      'RLE_DICTIONARY',
      { name: 'x', type: 'STRING', data: index.map((i) => opt(i, `t${i % 600}`)) },
    ],
    ['RLE_DICTIONARY', { name: 'x', type: 'INT64', data: index.map((i) => opt(i, BigInt(i % 3))) }],
    ['DELTA_BINARY_PACKED', { name: 'x', type: 'INT32', data: index.map((i) => opt(i, ints[i])) }],
    [
      'DELTA_BINARY_PACKED',
      { name: 'x', type: 'INT64', data: index.map((i) => opt(i, BigInt(i) ** 5n)) },
    ],
    [
      'DELTA_LENGTH_BYTE_ARRAY',
      { name: 'x', type: 'STRING', data: index.map((i) => opt(i, 'z'.repeat(i % 9))) },
    ],
    [
      'DELTA_BYTE_ARRAY',
      { name: 'x', type: 'STRING', data: index.map((i) => opt(i, `prefix ${i}`)) },
    ],
    ['BYTE_STREAM_SPLIT', { name: 'x', type: 'FLOAT', data: index.map((i) => opt(i, i / 4)) }],
    ['BYTE_STREAM_SPLIT', { name: 'x', type: 'DOUBLE', data: index.map((i) => opt(i, i / 3)) }],
    ['BYTE_STREAM_SPLIT', { name: 'x', type: 'INT32', data: index.map((i) => opt(i, ints[i])) }],
    [
      'BYTE_STREAM_SPLIT',
      { name: 'x', type: 'INT64', data: index.map((i) => opt(i, BigInt(i) ** 4n)) },
    ],
  ];
  for (const [encoding, column] of cases) {
    it(`${column.type} as ${encoding}`, async () => {
      const path = await write([{ ...column, encoding: encoding as 'PLAIN' }]);
      // DuckDB reads floats only in this encoding, which the format has for integers as well.
      const alone = encoding === 'BYTE_STREAM_SPLIT' && column.type!.startsWith('INT');
      const rows = alone ? Array.from(column.data, (x) => ({ x })) : undefined;
      await compare(path, encoding, rows);
    });
  }

  it('decimals, UUIDs and small floats as fixed bytes', async () => {
    const schema: SchemaElement[] = [
      root(3),
      {
        name: 'd',
        type: 'FIXED_LEN_BYTE_ARRAY',
        type_length: 5,
        converted_type: 'DECIMAL',
        scale: 3,
        precision: 11,
        repetition_type: 'OPTIONAL',
      },
      {
        name: 'u',
        type: 'FIXED_LEN_BYTE_ARRAY',
        type_length: 16,
        logical_type: { type: 'UUID' },
        repetition_type: 'OPTIONAL',
      },
      {
        name: 'h',
        type: 'FIXED_LEN_BYTE_ARRAY',
        type_length: 2,
        logical_type: { type: 'FLOAT16' },
        repetition_type: 'OPTIONAL',
      },
    ];
    const halves = [
      0,
      -0,
      1,
      -1.5,
      65504,
      2 ** -24,
      -(2 ** -14),
      Infinity,
      -Infinity,
      NaN,
      0.333251953125,
    ];
    const columns: Columns = [
      { name: 'd', data: index.map((i) => opt(i, (i - 1_500) / 8)) },
      {
        name: 'u',
        data: index.map((i) => opt(i, `0f0e0d0c-0b0a-4908-8706-${String(i).padStart(12, '0')}`)),
      },
      { name: 'h', data: index.map((i) => opt(i, halves[i % halves.length])) },
    ];
    await compare(await write(columns, schema), 'fixed');
  });
});
