import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetReadObjects, type SchemaElement } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parquetFile } from '../../src/connectors/parquet/parquet.js';
import { loadParquetLibrary } from '../../src/connectors/parquet/parquet-library.js';
import { type Columns, parquetBytes } from './parquet-kit.js';
import { conforms, context, failureOf, readAll, readSplit } from './source-kit.js';

const flights = fileURLToPath(
  new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
);

let directory: string;
let serial = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-parquet-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function file(bytes: Uint8Array): Promise<string> {
  serial += 1;
  const path = join(directory, `file-${serial}.parquet`);
  await writeFile(path, bytes);
  return path;
}

const schema: SchemaElement[] = [
  { name: 'root', num_children: 7 },
  { name: 'small', type: 'INT32', repetition_type: 'REQUIRED' },
  { name: 'big', type: 'INT64', repetition_type: 'REQUIRED' },
  { name: 'half', type: 'DOUBLE', repetition_type: 'REQUIRED' },
  { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  { name: 'raw', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' },
  { name: 'day', type: 'INT32', converted_type: 'DATE', repetition_type: 'REQUIRED' },
  {
    name: 'instant',
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    repetition_type: 'REQUIRED',
  },
];
/** Row groups of these sizes, all kinds of columns. */
const groups = (...sizes: number[]): Buffer => {
  const index = Array.from({ length: sizes.reduce((a, b) => a + b, 0) }, (_, i) => i);
  const columns: Columns = [
    { name: 'small', data: index },
    { name: 'big', data: index.map((i) => BigInt(i) - 2n) },
    { name: 'half', data: index.map((i) => i / 2) },
    { name: 'text', data: index.map((i) => `größe ${i}`) },
    { name: 'raw', data: index.map((i) => Uint8Array.of(255, i & 255)) },
    { name: 'day', data: index },
    { name: 'instant', data: index.map((i) => BigInt(i) * 1_000n - 500n) },
  ];
  return parquetBytes(columns, { schema, rowGroupSize: sizes, pageSize: 1_000 });
};
const row = (i: number) => ({
  small: i,
  big: i - 2,
  half: i / 2,
  text: `größe ${i}`,
  raw: Uint8Array.of(255, i & 255),
  day: new Date(i * 86_400_000),
  instant: new Date(Math.floor(i - 0.5)),
});

describe('parquetFile', () => {
  conforms('a small file of all kinds, three row groups', async () => {
    const path = await file(groups(7, 1, 2_100));
    return {
      source: () => parquetFile(path),
      expected: Array.from({ length: 2_108 }, (_, i) => row(i)),
      samples: 12,
    };
  });

  it('reads the real flights as hyparquet does', async () => {
    const source = parquetFile<Record<string, unknown>>(flights);
    const splits = await source.splits();
    expect(splits).toHaveLength(11);
    expect(splits.reduce((sum, split) => sum + (split['rows'] as number), 0)).toBe(3_000_000);
    const split = splits[10]!;
    const bytes = await readFile(flights);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const from = split['firstRow'] as number;
    const expected = await parquetReadObjects({ file, compressors, rowStart: from });
    const rows = await readSplit(source, split);
    expect(rows).toHaveLength(272_730);
    expect(Object.keys(rows[0]!)).toEqual(['date', 'delay', 'distance', 'origin', 'destination']);
    let wrong = 0;
    for (const [i, found] of rows.entries()) {
      const wanted = expected[i]!;
      const same =
        (found['date'] as Date).getTime() === (wanted['date'] as Date).getTime() &&
        found['delay'] === (wanted['delay'] === null ? null : Number(wanted['delay'])) &&
        found['distance'] === Number(wanted['distance']) &&
        found['origin'] === wanted['origin'] &&
        found['destination'] === wanted['destination'];
      if (!same) wrong += 1;
    }
    expect(wrong).toBe(0);
    const rest = await readSplit(source, split, { row: 272_728 });
    expect(rest).toEqual(rows.slice(272_728));
  });

  it('counts decoding as progress, and stays responsive between columns', async () => {
    const source = parquetFile(flights, { columns: ['delay', 'distance', 'origin'] });
    const [split] = await source.splits();
    let alive = 0;
    const reader = await source.open(split!, undefined, {
      ...context,
      alive: () => {
        alive += 1;
      },
    });
    let turns = 0;
    const count = () => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await reader.poll();
    clearImmediate(timer);
    await reader.close();
    expect(alive).toBeGreaterThanOrEqual(3);
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it('reads only the columns asked for, in the order given', async () => {
    const path = await file(groups(2));
    const rows = await readAll(parquetFile<object>(path, { columns: ['half', 'small'] }));
    expect(rows.map((one) => Object.entries(one))).toEqual([
      [
        ['half', 0],
        ['small', 0],
      ],
      [
        ['half', 0.5],
        ['small', 1],
      ],
    ]);
  });

  it('keeps 64-bit integers as bigints when asked', async () => {
    const data = [2n ** 53n, -(2n ** 63n), 5n];
    const path = await file(parquetBytes([{ name: 'big', type: 'INT64', data }]));
    const rows = data.map((big) => ({ big }));
    expect(await readAll(parquetFile(path, { int64: 'bigint' }))).toEqual(rows);
  });

  it('names column and row of an integer that is no exact number', async () => {
    const data = [1n, 2n ** 53n - 1n, -(2n ** 53n - 1n), 2n ** 53n];
    const columns: Columns = [{ name: 'big', type: 'INT64', data }];
    const path = await file(parquetBytes(columns, { rowGroupSize: 2 }));
    const source = parquetFile(path);
    const [one, two] = await source.splits();
    expect(await readSplit(source, one!)).toEqual([{ big: 1 }, { big: 2 ** 53 - 1 }]);
    const error = await failureOf(() => readSplit(source, two!));
    expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
    expect(error.message).toContain(`${path} column 'big', row 3: ${2n ** 53n}`);
    expect(error.message).toContain("int64: 'bigint'");
  });

  it('keeps hostile column names as data', async () => {
    const hostile = ['__proto__', '"]: 0 }; throw 1; //', 'a`', 'constructor', '\u2028'];
    const columns = hostile.map((name) => ({ name, type: 'INT32' as const, data: [7] }));
    const path = await file(parquetBytes(columns));
    const [found] = await readAll(parquetFile<object>(path));
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect(Object.entries(found!)).toEqual(hostile.map((name) => [name, 7]));
  });

  it('does not hold on to pages: bytes are copies', async () => {
    const path = await file(groups(3));
    const [first] = await readAll(parquetFile<{ raw: Uint8Array }>(path));
    expect(first!.raw.buffer.byteLength).toBe(2);
  });

  it('names a file that is missing, no Parquet, cut short, or damaged', async () => {
    const good = groups(500);
    const damagedPage = Buffer.from(good);
    damagedPage.fill(0xee, 4, 60);
    const damagedFooter = Buffer.from(good);
    damagedFooter.fill(0xee, good.length - 200, good.length - 100);
    const cases: readonly (readonly [string, Uint8Array | undefined])[] = [
      ['missing', undefined],
      ['empty', Buffer.alloc(0)],
      ['text', Buffer.from('this is a text and no parquet file')],
      ['cut short', good.subarray(0, good.length - 20)],
      ['damaged page', damagedPage],
      ['damaged footer', damagedFooter],
      ['lying footer', Buffer.concat([Buffer.from('PAR1'), Buffer.from('ffffff7fPAR1')])],
    ];
    for (const [name, bytes] of cases) {
      const path = bytes === undefined ? join(directory, 'none.parquet') : await file(bytes);
      const error = await failureOf(() => readAll(parquetFile(path)));
      expect(error.code, name).toBe('ERR_HOLDFAST_SOURCE');
      expect(error.message, name).toContain(path);
    }
  });

  it('refuses another file than the one listed', async () => {
    const path = await file(groups(500));
    const source = parquetFile(path);
    const [split] = await source.splits();
    await truncate(path, 5_000);
    const error = await failureOf(() => source.open(split!, undefined, context));
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    expect(error.message).toContain('size is 5000 bytes');
  });

  it('notices a file cut short between opening and decoding', async () => {
    const path = await file(groups(5_000));
    const source = parquetFile(path);
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    await truncate(path, 5_000);
    const error = await failureOf(() => reader.poll());
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    expect(error.message).toContain(path);
    await reader.close();
  });

  it('can be closed while it decodes', async () => {
    const source = parquetFile(flights);
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    const pending = reader.poll();
    await reader.close();
    expect(await pending).toBeUndefined();
    expect(await reader.poll()).toBeUndefined();
  });

  it('says what to install when the packages are missing', async () => {
    const missing = Object.assign(new Error('nope'), { code: 'ERR_MODULE_NOT_FOUND' });
    const error = await failureOf(() => loadParquetLibrary(() => Promise.reject(missing)));
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
    expect(error.message).toContain('npm install hyparquet hyparquet-compressors');
    const other = await failureOf(() => loadParquetLibrary(() => Promise.reject(new Error('x'))));
    expect(other.message).not.toContain('npm install');
    const another = await failureOf(() => loadParquetLibrary(() => Promise.resolve({})));
    expect(another.code).toBe('ERR_HOLDFAST_SOURCE');
    expect(another.message).toContain('versions that package.json of holdfast names');
  });

  it('refuses nonsense options', async () => {
    for (const act of [
      () => parquetFile(''),
      () => parquetFile('a', { int64: 'string' as never }),
      () => parquetFile('a', { decimal: 'float' as never }),
      () => parquetFile('a', { json: true as never }),
      () => parquetFile('a', { geometry: 'wkt' as never }),
      () => parquetFile('a', { maps: 'map' as never }),
      () => parquetFile('a', { columns: [] }),
      () => parquetFile('a', { columns: ['x', 'x'] }),
      () => parquetFile('a', { column: ['x'] } as never),
      () => parquetFile(flights, { columns: ['delay', 'dealy'] }).splits(),
    ]) {
      expect((await failureOf(act)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    expect(parquetFile('a', { int64: undefined, columns: undefined }).kind).toBe('parquetFile');
  });
});
