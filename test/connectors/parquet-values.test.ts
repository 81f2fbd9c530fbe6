/** What values become in JavaScript, and what is refused: by column and row. */

import { constants } from 'node:buffer';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { SchemaElement } from 'hyparquet';
import { geojsonToWkb } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ParquetFileOptions, parquetFile } from '../../src/connectors/parquet/parquet.js';
import { loadParquetLibrary } from '../../src/connectors/parquet/parquet-library.js';
import { leafType } from '../../src/connectors/parquet/parquet-values.js';
import { parquetBytes, root, withChecksums, withFooter } from './parquet-kit.js';
import { failureOf, readAll, readSplit } from './source-kit.js';

let directory: string;
let duck: DuckDBConnection;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-values-'));
  duck = await (await DuckDBInstance.create(':memory:')).connect();
});
afterAll(async () => {
  duck.closeSync();
  await rm(directory, { recursive: true });
});

const newPath = () => join(directory, `${crypto.randomUUID()}.parquet`);

async function file(bytes: Uint8Array): Promise<string> {
  const path = newPath();
  await writeFile(path, bytes);
  return path;
}

/** @param values expressions of SQL: one row each */
async function column(values: readonly string[], copy = 'codec snappy'): Promise<string> {
  const path = newPath();
  const rows = values.map((value) => `(${value})`).join(', ');
  await duck.run(
    `copy (select * from (values ${rows}) t(x)) to '${path}' (format parquet, ${copy})`,
  );
  return path;
}

async function read(path: string, options?: ParquetFileOptions): Promise<unknown[]> {
  const rows = await readAll(parquetFile<Record<string, unknown>>(path, options));
  return rows.map((row) => row['x']);
}

async function refused(path: string, options?: ParquetFileOptions) {
  const error = await failureOf(() => read(path, options));
  return { code: error.code, message: error.message };
}

describe('decimals', () => {
  it('are the nearest numbers', async () => {
    const texts = ['0.35', '-1.10', '0.07', '123456789012.34', '0.00', '-0.01', '1.00'];
    const wanted = texts.map(Number).map((value) => value + 0);
    for (const type of ['decimal(18, 2)', 'decimal(38, 2)']) {
      const path = await column(texts.map((text) => `'${text}'::${type}`));
      expect(await read(path)).toEqual(wanted);
    }
    const small = ['0.35', '-9.99'].map((text) => `'${text}'::decimal(3, 2)`);
    expect(await read(await column(small))).toEqual([0.35, -9.99]);
  });

  it('are numbers inside lists, structs and maps as well', async () => {
    const path = await column([
      "{'l': [0.35::decimal(18, 2), null], 'm': map {0.35::decimal(18, 2): 0.07::decimal(18, 2)}}",
    ]);
    expect(await read(path)).toEqual([{ l: [0.35, null], m: { '0.35': 0.07 } }]);
  });

  it('are refused where digits would be lost, with column and row', async () => {
    const cases = [
      ['9007199254740993', 'decimal(18, 0)'],
      ['0.123456789012345678', 'decimal(38, 18)'],
      ['12345678901234567890123456789012345678', 'decimal(38, 0)'],
    ] as const;
    for (const [text, type] of cases) {
      const path = await column([`'1'::${type}`.replace('38)', '38)'), `'${text}'::${type}`]);
      const { code, message } = await refused(path);
      expect(code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(message).toContain(`${path} column 'x', row 1: ${text} has more digits`);
      expect(message).toContain("decimal: 'string'");
    }
    const held = ['9007199254740992', '90071992547409920', '1000000000000000000'];
    const path = await column(held.map((text) => `'${text}'::decimal(19, 0)`));
    expect(await read(path)).toEqual(held.map(Number));
  });

  it('are texts or unscaled integers when asked', async () => {
    const path = await column([
      "'0.350'::decimal(38, 3)",
      "'-1234567890123456789012345.001'::decimal(38, 3)",
      'null',
    ]);
    const decimal = { decimal: 'string' } as const;
    expect(await read(path, decimal)).toEqual(['0.350', '-1234567890123456789012345.001', null]);
    const unscaled = [350n, -1234567890123456789012345001n, null];
    expect(await read(path, { decimal: 'bigint' })).toEqual(unscaled);
  });
});

describe('what is missing', () => {
  it('is null: a list, a struct, a map, at any depth', async () => {
    const path = newPath();
    await duck.run(`copy (select null::int[] l, null::struct(a int) s, null::map(varchar, int) m,
      {'l': null::int[], 's': null::struct(b int), 'm': null::map(int, int)} d, [null::int[], []] n)
      to '${path}' (format parquet)`);
    expect(await readAll(parquetFile(path))).toStrictEqual([
      { l: null, s: null, m: null, d: { l: null, s: null, m: null }, n: [null, []] },
    ]);
  });

  it('is [] for a repeated field without a list around it', async () => {
    const schema: SchemaElement[] = [
      root(1),
      { name: 'x', num_children: 1, converted_type: 'LIST', repetition_type: 'REQUIRED' },
      { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'element', type: 'INT32', repetition_type: 'REQUIRED' },
    ];
    const bytes = parquetBytes([{ name: 'x', data: [[1, 2], [], [3]] }], { schema });
    const bare = withFooter(bytes, (metadata) => ({
      ...metadata,
      schema: [root(1), { name: 'x', type: 'INT32', repetition_type: 'REPEATED' }],
      row_groups: metadata.row_groups.map((group) => ({
        ...group,
        columns: group.columns.map((chunk) => ({
          ...chunk,
          meta_data: { ...chunk.meta_data!, path_in_schema: ['x'] },
        })),
      })),
    }));
    expect(await read(await file(bytes))).toEqual([[1, 2], [], [3]]);
    expect(await read(await file(bare))).toEqual([[1, 2], [], [3]]);
  });
});

describe('names that are special in JavaScript', () => {
  const own = (value: unknown) => Object.entries(value as object);

  it('are keys of maps and fields of structs like others', async () => {
    const names = ['__proto__', 'constructor', 'prototype', 'toString', "a'b"];
    const pairs = names.map((name, i) => `'${name.replace("'", "''")}': ${i}`).join(', ');
    const [map] = await read(await column([`map {${pairs}}`]));
    const [struct] = await read(await column([`{${pairs}}`]));
    for (const found of [map, struct]) {
      expect(own(found)).toEqual(names.map((name, i) => [name, i]));
      expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    }
  });
});

describe('times', () => {
  it('that no Date can hold are refused, with column and row', async () => {
    const cases = [
      ["timestamp '2020-01-01'", "'infinity'::timestamp", 'µs since 1970'],
      ["date '2020-01-01'", "'-infinity'::date", 'days since 1970'],
      ["timestamp '2020-01-01'", "timestamp '290000-01-01'", 'µs since 1970'],
    ] as const;
    for (const [good, bad, unit] of cases) {
      const path = await column([good, good, bad]);
      expect(await read(await column([good]))).toEqual([new Date('2020-01-01')]);
      const { code, message } = await refused(path);
      expect(code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(message).toContain(`${path} column 'x', row 2: `);
      expect(message).toContain(unit);
    }
    const nested = await column(["[timestamp '2020-01-01']", "[null, 'infinity'::timestamp]"]);
    expect((await refused(nested)).message).toContain("column 'x', row 1: ");
  });

  it('before 1970 lie within their millisecond and their day', async () => {
    const path = await column(["timestamp '1969-12-31 23:59:59.9999'", "timestamp '1970-01-01'"]);
    expect(await read(path)).toEqual([new Date(-1), new Date(0)]);
  });

  it('tell the least one of a row group, where the file notes it', async () => {
    const path = newPath();
    const times = "timestamp '1969-12-31 23:59:59.9995' + to_seconds(i) x, i n";
    const query = `select ${times} from range(5000) t(i)`;
    await duck.run(`copy (${query}) to '${path}' (format parquet, row_group_size 2048)`);
    const source = parquetFile<{ x: Date }>(path, { eventTime: 'x' });
    const splits = await source.splits();
    expect(splits).toHaveLength(3);
    for (const split of splits) {
      const rows = await readSplit(source, split);
      const least = Math.min(...rows.map(({ x }) => x.getTime()));
      expect(split['earliestMs']).toBeLessThanOrEqual(least);
      expect(split['earliestMs']).toBeGreaterThanOrEqual(least - 2);
    }
    const silent = await file(parquetBytes([{ name: 'x', data: [new Date(5)] }]));
    const [only] = await parquetFile(silent, { eventTime: 'x' }).splits();
    expect(only).not.toHaveProperty('earliestMs');
    for (const column of ['n', 'none']) {
      const error = await failureOf(() => parquetFile(path, { eventTime: column }).splits());
      expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
      expect(error.message).toContain('parquetFile.eventTime');
    }
  });

  it('as keys of maps do not depend on the time zone of the process', async () => {
    const byDay = await column(["map {date '2020-02-29': 1, date '1969-12-31': 2}"]);
    const byTime = await column(["map {timestamp '2020-02-29 23:30:00': 1}"]);
    const before = process.env['TZ'];
    try {
      for (const zone of ['UTC', 'Asia/Tokyo', 'America/Los_Angeles']) {
        process.env['TZ'] = zone;
        expect(await read(byDay), zone).toEqual([{ '2020-02-29': 1, '1969-12-31': 2 }]);
        expect(await read(byTime), zone).toEqual([{ '2020-02-29T23:30:00.000Z': 1 }]);
      }
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });
});

describe('maps', () => {
  it('are lists of keys and values when asked', async () => {
    const path = await column(['map {2: [1], 1: null}', 'map {}', 'null']);
    expect(await read(path)).toEqual([{ 1: null, 2: [1] }, {}, null]);
    const entries = [
      [
        [2, [1]],
        [1, null],
      ],
      [],
      null,
    ];
    expect(await read(path, { maps: 'entries' })).toEqual(entries);
  });

  it('whose keys name no property are refused as objects, with column and row', async () => {
    const path = await column(['map {}', "map {{'a': 1}: 1}"]);
    const { code, message } = await refused(path);
    expect(code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
    expect(message).toContain(`${path} column 'x', row 1: `);
    expect(message).toContain("maps: 'entries'");
    expect(await read(path, { maps: 'entries' })).toEqual([[], [[{ a: 1 }, 1]]]);
  });
});

describe('JSON', () => {
  const texts = ['{"a": 1.50, "__proto__": {"b": []}}', 'null', '"x"'];

  it('is text, or parsed when asked', async () => {
    const path = await column(texts.map((text) => `'${text}'::json`));
    expect(await read(path)).toEqual(texts);
    const parsed = await read(path, { json: 'parse' });
    expect(parsed).toEqual(texts.map((text) => JSON.parse(text)));
    expect(Object.keys(parsed[0] as object)).toEqual(['a', '__proto__']);
  });

  it('that cannot be parsed without loss is refused, with column and row', async () => {
    const schema: SchemaElement[] = [
      root(1),
      { name: 'x', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    ];
    const asJson = (bytes: Buffer) =>
      withFooter(bytes, (metadata) => ({
        ...metadata,
        schema: [root(1), { ...metadata.schema[1]!, converted_type: 'JSON' }],
      }));
    for (const [bad, why] of [
      ['{"id": 12345678901234567890}', '12345678901234567890 is beyond what a double can hold'],
      ['no json', 'is not valid JSON'],
    ] as const) {
      const data = ['{}', null, bad].map((text) => text && Buffer.from(text));
      const path = await file(asJson(parquetBytes([{ name: 'x', data }], { schema })));
      expect(await read(path)).toEqual(['{}', null, bad]);
      const { code, message } = await refused(path, { json: 'parse' });
      expect(code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(message).toContain(`${path} column 'x', row 2: `);
      expect(message).toContain(why);
      expect(message).toContain("json: 'text'");
    }
  });
});

describe('geometries', () => {
  it('are bytes, or GeoJSON when asked', async () => {
    const point = { type: 'Point', coordinates: [1, 2] };
    const data = [point, null];
    const path = await file(parquetBytes([{ name: 'x', type: 'GEOMETRY', data }]));
    expect(await read(path)).toEqual([new Uint8Array(geojsonToWkb(point as never)), null]);
    expect(await read(path, { geometry: 'geojson' })).toEqual([point, null]);
  });

  it('that are none are refused as GeoJSON, with column and row', async () => {
    const bytes = parquetBytes([{ name: 'x', type: 'BYTE_ARRAY', data: [Uint8Array.of(1, 2)] }]);
    const path = await file(
      withFooter(bytes, (metadata) => ({
        ...metadata,
        schema: [root(1), { ...metadata.schema[1]!, logical_type: { type: 'GEOMETRY' } }],
      })),
    );
    expect(await read(path)).toEqual([Uint8Array.of(1, 2)]);
    const { code, message } = await refused(path, { geometry: 'geojson' });
    expect(code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
    expect(message).toContain(`${path} column 'x', row 0: a geometry cannot be read`);
  });
});

describe('texts', () => {
  it('that are not UTF-8 are refused, with column and row', async () => {
    const data = ['\ufffd is a character'].map((text) => Buffer.from(text));
    const schema: SchemaElement[] = [
      root(1),
      { name: 'x', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    ];
    const asText = (bytes: Buffer) =>
      withFooter(bytes, (metadata) => ({
        ...metadata,
        schema: [root(1), { ...metadata.schema[1]!, converted_type: 'UTF8' }],
      }));
    const good = await file(asText(parquetBytes([{ name: 'x', data }], { schema })));
    expect(await read(good)).toEqual(['\ufffd is a character']);
    const bad = [...data, null, Buffer.of(0xff)];
    const path = await file(asText(parquetBytes([{ name: 'x', data: bad }], { schema })));
    const { code, message } = await refused(path);
    expect(code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
    expect(message).toContain(`${path} column 'x', row 2: a text is not valid UTF-8`);
  });

  it('longer than any string are refused for what they are', async () => {
    const library = await loadParquetLibrary();
    const options = { int64: 'number', decimal: 'number', json: 'text', geometry: 'wkb' } as const;
    const element = { name: 'x', type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    const { fromBytes } = leafType(element, options, library)!;
    const bytes = Buffer.alloc(constants.MAX_STRING_LENGTH + 1);
    expect(() => fromBytes!(bytes, 0, bytes.length)).toThrow('longer than any string can be');
  });
});

describe('files', () => {
  it('with an empty compressed page are read', async () => {
    const columnData = [{ name: 'x', type: 'INT32' as const, data: [null, null, null] }];
    const compressors = { SNAPPY: () => new Uint8Array(0) };
    const path = await file(parquetBytes(columnData, { codec: 'SNAPPY', compressors }));
    expect(await read(path)).toEqual([null, null, null]);
  });

  it('are compared with their checksums', async () => {
    const x = Array.from({ length: 500 }, (_, i) => `text ${i % 50}`);
    const bytes = parquetBytes([{ name: 'x', data: x }], { pageSize: 100 });
    expect(await read(await file(withChecksums(bytes, 0)))).toEqual(x);
    const path = await file(withChecksums(bytes, 1));
    const { code, message } = await refused(path);
    expect(code).toBe('ERR_HOLDFAST_SOURCE');
    expect(message).toContain(
      `'${path}' (row group 0, column 'x', at row 0): the checksum of a page`,
    );
    // One bit of one text, which would pass for another text.
    const flipped = withChecksums(bytes, 0);
    flipped[flipped.indexOf('text 7') + 5] = '8'.charCodeAt(0);
    expect((await refused(await file(flipped))).message).toContain('the checksum of a page');
  });

  it('that are encrypted are called so', async () => {
    // Its own, simpler cryptography is as good here.
    await duck.run("set force_mbedtls_unsafe = 'true'");
    await duck.run("pragma add_parquet_key('key', '0123456789112345')");
    const path = await column(['1'], "encryption_config {footer_key: 'key'}");
    const { code, message } = await refused(path);
    expect(code).toBe('ERR_HOLDFAST_SOURCE');
    expect(message).toContain(`'${path}' is an encrypted Parquet file`);
  });

  it('with an encrypted column are read without it', async () => {
    const bytes = parquetBytes([
      { name: 'x', data: [1] },
      { name: 'secret', data: [2] },
    ]);
    const path = await file(
      withFooter(bytes, (metadata) => ({
        ...metadata,
        row_groups: metadata.row_groups.map((group) => {
          const [open, secret] = group.columns;
          const encrypted = { encrypted_column_metadata: Uint8Array.of(1) };
          const hidden = { file_offset: secret!.file_offset, ...encrypted };
          return { ...group, columns: [open!, hidden] };
        }),
      })),
    );
    const { code, message } = await refused(path);
    expect(code).toBe('ERR_HOLDFAST_SOURCE');
    expect(message).toContain(`${path} column 'secret' cannot be read: it is encrypted`);
    expect(await read(path, { columns: ['x'] })).toEqual([1]);
  });

  it('with two columns of one name are read without them', async () => {
    const bytes = parquetBytes(['a', 'b', 'x'].map((name, i) => ({ name, data: [i] })));
    const path = await file(
      withFooter(bytes, (metadata) => ({
        ...metadata,
        schema: metadata.schema.map((one) => (one.name === 'b' ? { ...one, name: 'a' } : one)),
      })),
    );
    for (const options of [undefined, { columns: ['x', 'a'] }]) {
      const { code, message } = await refused(path, options);
      expect(code).toBe('ERR_HOLDFAST_SOURCE');
      expect(message).toContain(`'${path}' has more than one column 'a'`);
    }
    expect(await read(path, { columns: ['x'] })).toEqual([2]);
  });

  it('with a column of a kind that is not read are read without it', async () => {
    const bytes = parquetBytes([
      { name: 'x', data: [1] },
      { name: 'v', type: 'VARIANT', data: [{ a: 1 }] },
    ]);
    const path = await file(bytes);
    expect((await refused(path)).message).toContain(
      `${path} column 'v' cannot be read: it is a VARIANT`,
    );
    expect(await read(path, { columns: ['x'] })).toEqual([1]);
  });

  it('are followed page by page: a damaged page is met in its place', async () => {
    const data = Array.from({ length: 400 }, (_, i) => i);
    const bytes = parquetBytes([{ name: 'x', type: 'INT32', data }], { pageSize: 400 });
    const path = await file(withChecksums(bytes, 0));
    const damaged = await readFile(path);
    const at = damaged.indexOf(Buffer.of(150, 0, 0, 0, 151, 0, 0, 0));
    damaged[at] = 0;
    const bad = await file(damaged);
    expect((await refused(bad)).message).toMatch(/column 'x', at row (9\d|1[0-4]\d)\)/);
  });
});
