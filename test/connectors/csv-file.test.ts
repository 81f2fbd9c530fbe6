import { mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { csvFile } from '../../src/connectors/csv/csv-file.js';
import type { CsvFileOptions } from '../../src/connectors/csv/csv-options.js';
import { sourceConformance } from '../../src/testing/index.js';
import { conforms, context, failureOf, readAll, readRest, readSplit } from './source-kit.js';

let directory: string;
let serial = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-csv-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function file(content: string | Uint8Array): Promise<string> {
  serial += 1;
  const path = join(directory, `file-${serial}.csv`);
  await writeFile(path, content);
  return path;
}

async function rows(
  content: string | Uint8Array,
  options: CsvFileOptions = {},
): Promise<readonly unknown[]> {
  return await readAll(csvFile<unknown>(await file(content), options));
}

const rejected = (source: string, line: number, text: string, error: unknown) => ({
  source,
  line,
  text,
  error,
});

/** Cells of all kinds, and the text that stands for them; some records are longer than a block of the file. */
const words = ['plain', '', 'a,b', 'say "x"', 'two\nlines', 'three\r\n\r\nlines', 'größe 🙂', '"'];
const cell = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const table = Array.from({ length: 400 }, (_, i) => ({
  id: String(i),
  first: words[i % words.length]!,
  second:
    words[(i * 3 + 1) % words.length]! +
    (i % 200 === 50 ? `\n${'y'.repeat(60)}`.repeat(6_000) : ''),
}));
const text = `\uFEFFid,first,second\r\n${table
  .map(({ id, first, second }, i) => `${id},${cell(first)},${cell(second)}${i % 2 ? '\n' : '\r\n'}`)
  .join('\n')}`;

describe('csvFile', () => {
  conforms(
    'quotes, line ends, empty lines, a byte order mark, records over several blocks',
    async () => {
      const path = await file(text);
      return { source: () => csvFile(path), expected: table, samples: 12 };
    },
  );
  conforms('several files, each with a header of its own', async () => {
    const paths = [await file('a,b\n1,2\n'), await file(''), await file('b,a\r\n4,"3"')];
    return {
      source: () => csvFile(paths),
      expected: [
        { a: '1', b: '2' },
        { b: '4', a: '3' },
      ],
    };
  });
  conforms('byte ranges where no cell holds a line end', async () => {
    const many = Array.from({ length: 3_000 }, (_, i) => ({ n: i, say: `"${i}", he said` }));
    const path = await file(
      `title\n\nn,say\n${many.map(({ n, say }) => `${n},${cell(say)}`).join('\n')}`,
    );
    const options = { skipLines: 2, types: { n: 'integer' }, quotedNewlines: false } as const;
    return {
      source: () => csvFile<unknown>(path, { ...options, splitBytes: 5_000 }),
      expected: many,
      samples: 5,
    };
  });
  conforms('byte ranges smaller than the header', async () => {
    const path = await file('title 1\ntitle 2\nname\tvalue\nx"\t1\n"y\t2\n');
    const options = { skipLines: 2, delimiter: '\t', quote: false, splitBytes: 3 } as const;
    return {
      source: () => csvFile<unknown>(path, options),
      expected: [
        { name: 'x"', value: '1' },
        { name: '"y', value: '2' },
      ],
    };
  });
  conforms('with a tag for malformed records', async () => {
    const path = await file('a,b\n1,2\n3\n"4\n",5,6\n"7,8\n9,x"y\n10,11\n');
    const error = expect.any(String) as string;
    return {
      source: () => csvFile<unknown>(path, { malformed: 'bad' }),
      expected: [
        { a: '1', b: '2' },
        rejected(path, 3, '3', 'it has 1 cell, and 2 are expected'),
        rejected(path, 4, '"4\n",5,6', 'it has 3 cells, and 2 are expected'),
        rejected(path, 6, '"7,8', error),
        rejected(path, 7, '9,x"y', error),
        { a: '10', b: '11' },
      ],
    };
  });
});

describe('the contract of sources', () => {
  let path: string;
  beforeAll(async () => {
    path = await file(text);
  });
  const cases = sourceConformance({
    create: () => csvFile<unknown>(path),
    records: () => table,
    most: 500,
  });
  test.each(cases)('$clause', async ({ run }) => {
    await run();
  });
});

describe('the header', () => {
  it('is the first line, a list, or none', async () => {
    const content = 'a,b\n1,2\n';
    expect(await rows(content)).toEqual([{ a: '1', b: '2' }]);
    expect(await rows(content, { header: ['x', 'y'] })).toEqual([
      { x: 'a', y: 'b' },
      { x: '1', y: '2' },
    ]);
    expect(await rows(content, { header: ['x', 'y'], skipLines: 1 })).toEqual([{ x: '1', y: '2' }]);
    expect(await rows(content, { header: false })).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
    const types = ['string', 'number'] as const;
    expect(await rows(content, { header: false, types, skipLines: 1 })).toEqual([['1', 2]]);
  });

  it('may be in quotes and longer than a block, and alone in its file', async () => {
    const long = `${'x'.repeat(60)}"\n`.repeat(6_000);
    const content = `\uFEFF"a","${long.replaceAll('"', '""')}"\n1,2`;
    expect(await rows(content)).toEqual([{ a: '1', [long]: '2' }]);
    expect(await rows('a,b')).toEqual([]);
    expect(await rows('')).toEqual([]);
    for (const header of [false, ['a']])
      expect(await rows('x\n', { header, skipLines: 5 })).toEqual([]);
  });

  it('keeps names such as __proto__ as data', async () => {
    const [row] = await rows('__proto__,constructor,1,"a""b\n"\n1,2,3,4\n');
    expect(Object.entries(row as object)).toEqual([
      ['1', '3'],
      ['__proto__', '1'],
      ['constructor', '2'],
      ['a"b\n', '4'],
    ]);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });

  it('is refused with its line when it leaves out a name, has one twice, or is broken', async () => {
    for (const [content, options, line, why] of [
      ['a,,c\n1,2,3\n', {}, 1, 'column 2 of its header has no name'],
      ['a,b,a\n', {}, 1, "columns 1 and 3 of its header are both called 'a'"],
      ['\n\n"a""b\nc', { skipLines: 2 }, 3, 'a quoted cell is not closed'],
      ['a,b\r1,2\r', {}, 1, 'a carriage return stands within'],
      [Buffer.from('a,\xfc\n', 'latin1'), {}, 1, 'it is not UTF-8'],
      ['\uFEFF', {}, 1, 'has no name'],
      ['a\n', { skipLines: 2 }, 3, 'ends before line 3'],
      ['a'.repeat(600_000), { maxRecordBytes: 500_000 }, 1, 'is longer than 500000 bytes'],
    ] as const) {
      const path = await file(content);
      const error = await failureOf(() => csvFile(path, { ...options, malformed: 'bad' }).splits());
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(path);
      expect(error.message).toContain(why);
      expect(error.message).not.toContain('some-tag');
      expect(error.details['line']).toBe(line);
    }
  });
});

describe('types', () => {
  const one = async (type: string, text: string) =>
    ((await rows(`v,w\n${text},\n`, { types: { v: type as 'number' } })) as [{ v: unknown }])[0].v;

  it('of each kind', async () => {
    for (const [type, text, value] of [
      ['string', ' a ', ' a '],
      ['number', '-1.50', -1.5],
      ['number', ' +.5e1 ', 5],
      ['number', '7.', 7],
      ['number', '"1"', 1],
      ['number', '-0', -0],
      ['number', '9007199254740992', 9007199254740992],
      ['integer', '+12', 12],
      ['integer', '-0', 0],
      ['bigint', '+9007199254740993', 9007199254740993n],
      ['boolean', 'TRUE', true],
      ['boolean', 'n', false],
      ['date', '2024-02-29', new Date('2024-02-29T00:00:00Z')],
      ['date', '2024-02-29 23:30', new Date('2024-02-29T23:30:00Z')],
      ['date', '2024-02-29T23:30:15.1239-01:30', new Date('2024-03-01T01:00:15.123Z')],
      ['date', '0099-12-31t00:00:00z', new Date('0099-12-31T00:00:00Z')],
    ] as const) {
      expect(await one(type, text), `${type} ${text}`).toStrictEqual(value);
    }
  });

  it('make a record malformed when a cell is of another', async () => {
    for (const [type, text] of [
      ['number', '1,5'],
      ['number', '0x10'],
      ['number', 'NaN'],
      ['number', '1e400'],
      ['number', '1e-400'],
      ['number', '9007199254740993'],
      ['integer', '1.0'],
      ['integer', '9007199254740992'],
      ['bigint', '1e3'],
      ['boolean', '2'],
      ['date', '2023-02-29'],
      ['date', '2100-02-29'],
      ['date', '2023-04-31'],
      ['date', '2023-13-01'],
      ['date', '2023-00-01'],
      ['date', '2023-01-00'],
      ['date', '2023-01-01T24:00'],
      ['date', '1/2/2023'],
      ['date', '2023-01-01T10:00+25:00'],
    ] as const) {
      const error = await failureOf(() => one(type, `"${text}"`));
      expect(error.code, `${type} ${text}`).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`line 2: column 'v': `);
      expect(error.message).toContain(`"${text}"`);
    }
  });

  it('empty cells are null where they are no texts, and so are those that the user names', async () => {
    const content = 'n,s\n,\n" ",""\nNA,NA\n"NA","NA"\n';
    const types = { n: 'number' } as const;
    expect(await rows(content, { types, nulls: ['NA'] })).toEqual([
      { n: null, s: '' },
      { n: null, s: '' },
      { n: null, s: null },
      { n: null, s: 'NA' },
    ]);
    expect(await rows('n,s\n1,\n2,""\n', { nulls: [''] })).toEqual([
      { n: '1', s: null },
      { n: '2', s: '' },
    ]);
  });

  it('may be functions, which refuse a cell by throwing', async () => {
    const day = (text: string): number => {
      const [month, date] = text.split('/').map(Number);
      if (date === undefined) throw new Error('it is no day');
      return month! * 100 + date;
    };
    const content = 'when,x\n 5/6,\n,\nmay,\n';
    const path = await file(content);
    const source = csvFile(path, { types: { when: day }, malformed: 'bad' });
    expect(await readAll<unknown>(source)).toEqual([
      { when: 506, x: '' },
      { when: null, x: '' },
      rejected(path, 4, 'may,', `column 'when': it is no day: "may"`),
    ]);
  });

  it('of columns that are not there are refused when splits are listed', async () => {
    const path = await file('a,b\n');
    const error = await failureOf(() => csvFile(path, { types: { c: 'number' } }).splits());
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(`a column of '${path}': 'a', 'b'`);
    const three = csvFile(await file('1,2\n'), {
      header: false,
      types: ['number', 'number', 'date'],
    });
    expect((await failureOf(() => three.splits())).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });
});

describe('malformed records', () => {
  it('end the job with file and line, after the records before', async () => {
    for (const [bad, why] of [
      ['1', 'it has 1 cell, and 2 are expected'],
      ['1,2,', 'it has 3 cells, and 2 are expected'],
      ['"1"2,3', 'text follows the closing quote'],
      ['1, "2"', 'a quote stands within a cell'],
      ['1,2\r3', 'a carriage return stands within'],
      ['"\n",2\r3', 'a carriage return stands within'],
      ['1,"2', 'a quoted cell is not closed'],
    ] as const) {
      const path = await file(`a,b\n"x\ny",z\n\n${bad}`);
      const source = csvFile(path);
      const [split] = await source.splits();
      const reader = await source.open(split!, undefined, context);
      expect((await reader.poll())!.records).toEqual([{ a: 'x\ny', b: 'z' }]);
      const error = await failureOf(() => reader.poll());
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`${path} line 5: ${why}`);
      expect(error.message).toContain("{ malformed: 'some-tag' }");
      expect(error.details).toMatchObject({ line: 5, offset: 13 });
      await reader.close();
    }
  });

  it('that are not UTF-8 are named so, and put aside whole', async () => {
    const path = await file(Buffer.from('a,b\n"\xfc\n",2\n3,"\n\xfc"\n\xfc\n4,5\n', 'latin1'));
    const source = csvFile<unknown>(path, { malformed: 'bad' });
    const why = 'it is not UTF-8';
    expect(await readAll(source)).toEqual([
      rejected(path, 2, '"\uFFFD\n",2', why),
      rejected(path, 4, '3,"\n\uFFFD"', why),
      rejected(path, 6, '\uFFFD', why),
      { a: '4', b: '5' },
    ]);
    const error = await failureOf(() => readAll(csvFile(path)));
    expect(error.message).toContain(`line 2: ${why}`);
    expect(error.message).toContain('iconv');
  });

  it('a quote that is never closed costs its own line, and no more memory than a record may have', async () => {
    const lines = Array.from({ length: 200_000 }, (_, i) => `${i},${'x'.repeat(i % 50)}`);
    lines[1_000] = '1000,"oops';
    const path = await file(`a,b\n${lines.join('\n')}`);
    const maxRecordBytes = 100_000;
    const error = await failureOf(() => readAll(csvFile(path, { maxRecordBytes })));
    expect(error.message).toContain(
      `${path} line 1002: a quoted cell is not closed within 100000 bytes: "1000,\\"oops"`,
    );
    const source = csvFile<unknown>(path, { maxRecordBytes, malformed: 'bad' });
    const read = await readAll(source);
    expect(read).toHaveLength(lines.length);
    expect(read[1_000]).toMatchObject({ line: 1_002, text: '1000,"oops' });
    expect(read.at(-1)).toEqual({ a: '199999', b: 'x'.repeat(49) });
    // The limit is beyond the end here: the whole rest was searched.
    const whole = await readAll(csvFile<unknown>(path, { malformed: 'bad', maxRecordBytes: 1e8 }));
    expect(whole[1_000]).toMatchObject({ error: 'a quoted cell is not closed' });
    expect(whole.toSpliced(1_000, 1)).toEqual(read.toSpliced(1_000, 1));
  });

  it('a line that is too long ends the job, though malformed ones do not', async () => {
    for (const [length, options] of [
      [300, { maxRecordBytes: 200 }],
      [600_000, { maxRecordBytes: 300_000 }],
    ] as const) {
      const path = await file(`a\n1\n${'x'.repeat(length)}\n`);
      const error = await failureOf(() => readAll(csvFile(path, { ...options, malformed: 'bad' })));
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`line 3 is longer than ${options.maxRecordBytes} bytes`);
      expect(error.message).toContain('raise maxRecordBytes');
    }
  });

  it('a cell over several lines, where lines end records', async () => {
    const path = await file('a,b\n1,"x\ny"\n');
    const error = await failureOf(() => readAll(csvFile(path, { quotedNewlines: false })));
    expect(error.message).toContain('line 2: a quoted cell is not closed on its line');
  });

  it('does not take an empty line for a record but where there is one column', async () => {
    expect(await rows('a\n\n1\n\n')).toEqual([{ a: '' }, { a: '1' }, { a: '' }]);
    expect(await rows('a,b\n\r\n1,2\n\n')).toEqual([{ a: '1', b: '2' }]);
    const blank = await failureOf(() => rows('a,b\n  \n'));
    expect(blank.message).toContain('line 2: it has 1 cell');
    expect(await rows('a\tb\n\t\n', { delimiter: '\t' })).toEqual([{ a: '', b: '' }]);
  });
});

describe('dialects', () => {
  it('other delimiters and quotes, or none', async () => {
    expect(await rows("a;b\n'x;''\n';2,5\n", { delimiter: ';', quote: "'" })).toEqual([
      { a: "x;'\n", b: '2,5' },
    ]);
    expect(await rows('a|b\n"x|y"\n', { delimiter: '|', quote: false })).toEqual([
      { a: '"x', b: 'y"' },
    ]);
  });

  it('nonsense options', async () => {
    for (const options of [
      { delimiter: '' },
      { delimiter: '::' },
      { delimiter: '\n' },
      { delimiter: '"' },
      { quote: '' },
      { quote: true },
      { quotedNewlines: 1 },
      { splitBytes: 100 },
      { splitBytes: 0, quotedNewlines: false },
      { header: [] },
      { header: ['a', 'a'] },
      { header: 'a' },
      { header: ['a'], types: { b: 'number' } },
      { header: false, types: { b: 'number' } },
      { types: ['number'] },
      { types: { a: 'float' } },
      { types: { a: undefined } },
      { nulls: 'NA' },
      { skipLines: -1 },
      { malformed: '' },
      { maxRecordBytes: 0 },
      { separator: ';' },
    ]) {
      const error = await failureOf(() => csvFile('a', options as never));
      expect(error.code, JSON.stringify(options)).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    expect(csvFile('a', { malformed: 'bad' }).rejectTag).toBe('bad');
    const asked = await failureOf(() => csvFile('a', { types: { n: async () => 1 } }));
    expect(asked.code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
    const mark = await failureOf(() => csvFile('a', { delimiter: '"' }));
    expect(mark.message).toContain("csvFile.quote: given was '\"'");
  });
});

describe('a file that is not what it was', () => {
  it('compressed, missing, no such file any more, shorter, with another header', async () => {
    expect((await failureOf(() => rows(gzipSync('a\n1\n')))).message).toContain('gzip');
    const missing = csvFile(join(directory, 'none.csv'));
    expect((await failureOf(() => missing.splits())).code).toBe('ERR_HOLDFAST_SOURCE');
    for (const [change, code] of [
      [(path: string) => rm(path), 'ERR_HOLDFAST_SOURCE'],
      [(path: string) => truncate(path, 4), 'ERR_HOLDFAST_SOURCE_CHANGED'],
      [
        async (path: string) => {
          await writeFile(path, 'b\n1\n2\n');
          await utimes(path, 1_000, 1_000);
        },
        'ERR_HOLDFAST_SOURCE_CHANGED',
      ],
    ] as const) {
      const path = await file('a\n1\n2\n');
      await utimes(path, 1_000, 1_000);
      const source = csvFile(path);
      const [split] = await source.splits();
      await change(path);
      expect((await failureOf(() => readSplit(source, split!))).code).toBe(code);
    }
  });

  it('cut short while a record is being read', async () => {
    const path = await file(`a\n"${'x\n'.repeat(1_000_000)}"\n`);
    const source = csvFile(path, { maxRecordBytes: 1e7 });
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    await truncate(path, 1_000_000);
    expect((await failureOf(() => readRest(reader))).code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    await reader.close();
  });

  it('was divided into ranges by a job that knew of no line ends in cells', async () => {
    const path = await file('a\n1\n2\n3\n');
    const splits = await csvFile(path, { quotedNewlines: false, splitBytes: 4 }).splits();
    expect(splits).toHaveLength(2);
    const error = await failureOf(() => readSplit(csvFile(path), splits[1]!));
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    expect(error.message).toContain('a record may take several lines now');
  });

  it('knows the place of a record', async () => {
    const path = await file('a,b\n"1\n",2\n3,4\n');
    const source = csvFile(path);
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    await reader.poll();
    expect([0, 1, 2].map((i) => reader.describe(i))).toEqual([
      `${path} line 2`,
      `${path} line 4`,
      `${path} line 5`,
    ]);
    await reader.close();
  });
});
