/**
 * What csvFile reads is what was written: by csv-stringify, by DuckDB, and in real files that DuckDB reads as well.
 * None of them shares code with the source.
 */

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBDateValue, DuckDBInstance, DuckDBTimestampValue } from '@duckdb/node-api';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FileHandle } from '../../src/base/files.js';
import { csvFile } from '../../src/connectors/csv/csv-file.js';
import type { CsvType } from '../../src/connectors/csv/csv-values.js';
import type { Source, SourceSplit } from '../../src/stream/source.js';
import { context, readAll, throughSnapshot } from './source-kit.js';

let directory: string;
let duck: DuckDBConnection;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-csv-conformance-'));
  duck = await (await DuckDBInstance.create(':memory:')).connect();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  duck.closeSync();
  await rm(directory, { recursive: true });
});

const { read } = FileHandle.prototype;

/** Lets each call of the system give no more bytes than the next of these says, over and over. */
function readInPieces(sizes: readonly number[]): void {
  let calls = 0;
  vi.spyOn(FileHandle.prototype, 'read').mockImplementation(function (
    this: FileHandle,
    buffer,
    offset,
    length,
    position,
  ) {
    const most = sizes[calls++ % sizes.length]!;
    return read.call(this, buffer, offset, Math.min(length, most), position);
  });
}

/** Reads a split with a new reader for every record. */
async function readHopping(source: Source<unknown>, split: SourceSplit): Promise<unknown[]> {
  const records: unknown[] = [];
  let position: unknown;
  for (;;) {
    const reader = await source.open(throughSnapshot(split), position, context);
    let batch = await reader.poll();
    // Of empty lines only.
    while (batch?.records.length === 0) batch = await reader.poll();
    if (batch !== undefined) {
      records.push(batch.records[0]);
      position = throughSnapshot(reader.position(1));
    }
    await reader.close();
    if (batch === undefined) return records;
  }
}

async function expectRows(source: Source<unknown>, expected: readonly unknown[]): Promise<void> {
  expect(await readAll(source)).toEqual(expected);
  for (const split of await source.splits()) {
    expect(await readHopping(source, split)).toEqual(expected);
  }
}

const pieces = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });

describe('random tables', () => {
  const text = fc
    .array(fc.constantFrom('a', '1', ' ', ',', ';', '"', '\n', '\r', '\r\n', 'é', '🙂', '\uFEFF'), {
      maxLength: 6,
    })
    .map((parts) => parts.join(''));
  const tables = fc.integer({ min: 1, max: 4 }).chain((columns) =>
    fc.record({
      names: fc.uniqueArray(text, { minLength: columns, maxLength: columns }),
      rows: fc.array(fc.array(text, { minLength: columns, maxLength: columns }), { maxLength: 12 }),
    }),
  );

  it('are read as csv-stringify has written them, in pieces, from every record', async () => {
    const path = join(directory, 'random.csv');
    await fc.assert(
      fc.asyncProperty(
        tables,
        fc.constantFrom(',', ';', '\t', 'a'),
        fc.constantFrom('"', "'"),
        fc.constantFrom('\n', '\r\n'),
        fc.record({ bom: fc.boolean(), quoted: fc.boolean(), eof: fc.boolean() }),
        fc.boolean(),
        pieces,
        async ({ names, rows }, delimiter, quote, record_delimiter, options, isNamed, sizes) => {
          const hasHeader = isNamed && !names.includes('');
          // Nothing tells how many columns there are when all lines are empty.
          fc.pre(
            hasHeader || names.length > 1 || rows.length === 0 || rows.some(([one]) => one !== ''),
          );
          const lines = hasHeader ? [names, ...rows] : rows;
          // Without its line end an empty last line is none. Line ends of the other kind are not put in quotes by themselves.
          const eof = options.eof || names.length === 1;
          const written = { ...options, eof, delimiter, quote, escape: quote, record_delimiter };
          await writeFile(path, stringify(lines, { ...written, quoted_match: /^\uFEFF|[\r\n]/ }));
          readInPieces(sizes);
          const expected = hasHeader
            ? rows.map((row) => Object.fromEntries(row.map((cell, i) => [names[i]!, cell])))
            : rows;
          await expectRows(csvFile(path, { delimiter, quote, header: hasHeader }), expected);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('that are no tables: what is read and what is put aside does not depend on pieces or restores', async () => {
    const path = join(directory, 'garbage.csv');
    const byte = fc.constantFrom('a', ',', '"', '""', '\n', '\r\n', '\r', 'é', '\xff');
    await fc.assert(
      fc.asyncProperty(
        fc.array(byte, { maxLength: 60 }),
        pieces,
        fc.integer({ min: 8, max: 60 }),
        async (bytes, sizes, maxRecordBytes) => {
          await writeFile(path, Buffer.from(`"x\n",y\n${bytes.join('')}`, 'latin1'));
          const source = csvFile<unknown>(path, { malformed: 'bad', maxRecordBytes });
          const read = async (): Promise<unknown> => {
            try {
              return await readAll(source);
            } catch (error) {
              // A line that is longer than the limit.
              return (error as { code?: unknown }).code;
            }
          };
          const whole = await read();
          readInPieces(sizes);
          expect(await read()).toEqual(whole);
          if (Array.isArray(whole)) await expectRows(source, whole);
          vi.restoreAllMocks();
        },
      ),
      { numRuns: 400 },
    );
  });
});

const data = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

/** What csvFile should give for a value of DuckDB's. */
function expected(value: unknown): unknown {
  if (value instanceof DuckDBDateValue) return new Date(value.days * 86_400_000);
  if (value instanceof DuckDBTimestampValue) return new Date(Number(value.micros / 1_000n));
  return typeof value === 'bigint' ? Number(value) : value;
}

async function duckRows(query: string): Promise<readonly object[]> {
  const result = await duck.runAndReadAll(query);
  return result.getRowObjects().map((row) => {
    const entries = Object.entries(row).map(([name, value]) => [name, expected(value)]);
    return Object.fromEntries(entries);
  });
}

describe('as DuckDB reads', async () => {
  const files = (await readdir(data)).filter((name) => /\.[ct]sv$/.test(name));

  it.each(files)('%s', async (name) => {
    const path = join(data, name);
    const delimiter = name.endsWith('.tsv') ? '\t' : ',';
    const texts = `read_csv('${path}', header = true, delim = '${delimiter}', all_varchar = true, nullstr = 'no null')`;
    const wanted = await duckRows(`select * from ${texts}`);
    expect(await readAll(csvFile(path, { delimiter }))).toEqual(wanted);

    // And with the types that DuckDB finds; only dates that are written otherwise than in ISO 8601 remain texts.
    const typed = `read_csv('${path}', header = true, delim = '${delimiter}', sample_size = -1)`;
    const described = await duck.runAndReadAll(`describe select * from ${typed}`);
    const types: Record<string, CsvType> = {};
    const columns: string[] = [];
    for (const [column, type] of described.getRows() as [string, string][]) {
      const own = { BIGINT: 'integer', DOUBLE: 'number', BOOLEAN: 'boolean' } as const;
      const isIso = wanted.every((row) => /^(\d{4}-|$)/.test(String(row[column as never])));
      const isDate = /^(DATE|TIMESTAMP)$/.test(type) && isIso;
      const found = isDate ? 'date' : own[type as keyof typeof own];
      if (found !== undefined) types[column] = found;
      columns.push(found === undefined ? `"${column}"::varchar as "${column}"` : `"${column}"`);
    }
    expect(Object.keys(types).length).toBeGreaterThan(0);
    const texted = wanted.map((row) => Object.keys(row).filter((column) => !(column in types)));
    const values = await duckRows(`select * from ${typed}`);
    const read = await readAll(csvFile<Record<string, unknown>>(path, { delimiter, types }));
    const merged = values.map((row, i) => {
      const plain = texted[i]!.map((column) => [column, wanted[i]![column as never]]);
      return { ...row, ...Object.fromEntries(plain) };
    });
    expect(read).toEqual(merged);
  });

  it('what it writes itself', async () => {
    const columns = [
      "case i % 5 when 0 then '' when 1 then 'a,\"b\"' when 2 then E'x\\r\\ny\\n' when 3 then null else 'ü' || i end as t",
      'i * 7919 - 2000000 as n',
      'case i % 7 when 3 then null else i / 3 end as d',
      "date '1969-12-01' + (i % 100)::int as day",
      "timestamp '1969-12-31 23:59:58' + to_milliseconds(i * 999) as at",
      'i % 3 = 0 as b',
    ];
    const query = `select ${columns.join(', ')} from range(20000) t(i)`;
    const path = join(directory, 'duck.csv');
    await duck.run(`copy (${query}) to '${path}' (format csv, header)`);
    const types = { n: 'integer', d: 'number', day: 'date', at: 'date', b: 'boolean' } as const;
    const source = csvFile(path, { types, nulls: [''] });
    expect(await readAll(source)).toEqual(await duckRows(query));
  });
});
