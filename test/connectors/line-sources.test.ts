import { execFileSync } from 'node:child_process';
import { mkdtemp, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ndjsonFile } from '../../src/connectors/files/ndjson-file.js';
import { textFile } from '../../src/connectors/files/text-file.js';
import { parquetFile } from '../../src/connectors/parquet/parquet.js';
import { conforms, context, failureOf, readAll, readRest, readSplit } from './source-kit.js';

let directory: string;
let serial = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-lines-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function file(content: string | Uint8Array): Promise<string> {
  serial += 1;
  const path = join(directory, `file-${serial}.txt`);
  await writeFile(path, content);
  return path;
}

const words = ['', 'a', 'plain', 'größe', '日本語', '🙂 emoji', 'x'.repeat(300), ' spaced '];
const lines = Array.from({ length: 500 }, (_, i) => `${i} ${words[i % words.length]}`);

describe('textFile', () => {
  conforms('small ranges', async () => {
    const path = await file(`${lines.join('\n')}\n`);
    return { source: () => textFile(path, { splitBytes: 1_000 }), expected: lines, samples: 12 };
  });
  conforms('one range, CRLF, byte order mark, no last newline, empty lines', async () => {
    const path = await file('\uFEFFone\r\n\r\ntwo\n\nthree');
    return { source: () => textFile(path), expected: ['one', '', 'two', '', 'three'] };
  });
  conforms('several files', async () => {
    const paths = [await file('a\nb\n'), await file(''), await file('c')];
    return { source: () => textFile(paths, { splitBytes: 2 }), expected: ['a', 'b', 'c'] };
  });
  conforms('blocks larger than one read', async () => {
    const many = Array.from({ length: 30_000 }, (_, i) => `${i}:${'y'.repeat(i % 61)}`);
    const path = await file(many.join('\n'));
    return { source: () => textFile(path, { splitBytes: 400_000 }), expected: many, samples: 4 };
  });
  conforms('a line longer than several blocks', async () => {
    const long = ['first', 'z'.repeat(900_000), 'last'];
    const path = await file(long.join('\n'));
    return { source: () => textFile(path, { splitBytes: 300_000 }), expected: long };
  });

  it('gives every line once, however the ranges are cut', async () => {
    const line = fc.stringMatching(/^[a-zé\r🙂]{0,12}$/u);
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 20 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        async (given, newlineAtEnd, splitBytes) => {
          const text = given.join('\n') + (newlineAtEnd && given.length > 0 ? '\n' : '');
          const path = await file(text);
          const expected = text === '' ? [] : text.replace(/\n$/, '').split('\n');
          const read = await readAll(textFile(path, { splitBytes }));
          expect(read).toEqual(expected.map((one) => one.replace(/\r$/, '')));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('takes relative paths and file URLs', async () => {
    const path = await file('x\n');
    expect(await readAll(textFile(relative(process.cwd(), path)))).toEqual(['x']);
    expect(await readAll(textFile(pathToFileURL(path)))).toEqual(['x']);
  });

  it('knows the place of a line', async () => {
    const path = await file('a\nb\nc\nd\n');
    const source = textFile(path, { splitBytes: 4 });
    const [first, second] = await source.splits();
    const one = await source.open(first!, undefined, context);
    await one.poll();
    expect(one.describe(1)).toBe(`${path} line 2`);
    await one.close();
    const two = await source.open(second!, undefined, context);
    await two.poll();
    expect(two.describe(1)).toBe(`${path} byte 6`);
    await two.close();
    const three = await source.open(second!, { offset: 6, line: 4 }, context);
    await three.poll();
    expect(three.describe(0)).toBe(`${path} line 4`);
    await three.close();
  });

  it('names file and line of what is not UTF-8, after the lines before it', async () => {
    const bad = Buffer.concat([Buffer.from('one\ntwo\n'), Buffer.from([0x66, 0xfc, 0x72, 10])]);
    const path = await file(Buffer.concat([bad, Buffer.from('four\n')]));
    for (const splitBytes of [5, 1_000]) {
      const source = textFile(path, { splitBytes });
      const split = (await source.splits()).find(
        ({ from, to }) => (from as number) <= 8 && (to as number) > 8,
      );
      const reader = await source.open(split!, undefined, context);
      const before: string[] = [];
      const error = await failureOf(async () => {
        for (;;) before.push(...(await reader.poll())!.records);
      });
      expect(before).toEqual(splitBytes === 5 ? [] : ['one', 'two']);
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`${path} line 3: it is not UTF-8`);
      expect(error.details).toMatchObject({ line: 3, offset: 8 });
      await reader.close();
    }
  });

  it('limits the length of a line, within a block and beyond', async () => {
    const inside = await file(`ok\n${'é'.repeat(40)}\n`);
    const beyond = await file(`ok\n${'x'.repeat(600_000)}\n`);
    const notText = await file(Buffer.from(`ok\n${'é'.repeat(80)}\n`, 'latin1'));
    for (const [path, maxLineBytes] of [
      [inside, 79],
      [notText, 79],
      [beyond, 100_000],
    ] as const) {
      const error = await failureOf(() => readAll(textFile(path, { maxLineBytes })));
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`${path} line 2 is longer than ${maxLineBytes} bytes`);
    }
    expect(await readAll(textFile(inside, { maxLineBytes: 80 }))).toHaveLength(2);
  });

  it('refuses nonsense options', async () => {
    for (const act of [
      () => textFile(''),
      () => textFile([]),
      () => textFile(['a', './a']),
      () => textFile(5 as never),
      () => textFile(new URL('http://localhost/x')),
      () => textFile('a', { maxLineBytes: 0 }),
      () => textFile('a', { splitBytes: 1.5 }),
      () => textFile('a', { malformed: 'x' } as never),
      () => ndjsonFile('a', { malformed: '' }),
    ]) {
      expect((await failureOf(act)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    expect(textFile('a', { maxLineBytes: undefined, splitBytes: undefined }).kind).toBe('textFile');
  });
});

describe('ndjsonFile', () => {
  const values = [{ a: 1 }, [2, 3], 'text', null, 5.5, { nested: { deep: ['ü'] } }, true];
  conforms('values and blank lines', async () => {
    const path = await file(
      `\uFEFF${values.map((value) => JSON.stringify(value)).join('\r\n\n  \n')}\n\n\n`,
    );
    return { source: () => ndjsonFile(path, { splitBytes: 20 }), expected: values };
  });
  conforms('only blank lines', async () => {
    const path = await file('\n\n   \n\r\n');
    return { source: () => ndjsonFile(path), expected: [] };
  });
  conforms('many', async () => {
    const many = Array.from({ length: 4_000 }, (_, i) => ({ i, text: words[i % words.length] }));
    const path = await file(many.map((value) => JSON.stringify(value)).join('\n'));
    return { source: () => ndjsonFile(path, { splitBytes: 50_000 }), expected: many, samples: 10 };
  });
  conforms('with a tag for malformed lines', async () => {
    const path = await file('{"a":1}\noops\n\n{"a":2}\n{"a":\n{"a":3}');
    const rejected = (line: number, text: string) => ({
      source: path,
      line,
      text,
      error: expect.any(String) as string,
    });
    return {
      source: () => ndjsonFile(path, { malformed: 'bad', splitBytes: 9 }),
      expected: [{ a: 1 }, rejected(2, 'oops'), { a: 2 }, rejected(5, '{"a":'), { a: 3 }],
    };
  });

  it('marks what it rejects, and names its tag', async () => {
    const path = await file(Buffer.concat([Buffer.from('1\n'), Buffer.from([0xff, 0xfe, 10])]));
    const source = ndjsonFile<number>(path, { malformed: 'bad' });
    expect(source.rejectTag).toBe('bad');
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    expect(await reader.poll()).toEqual({ records: [1] });
    expect(await reader.poll()).toEqual({
      records: [{ source: path, line: 2, text: '\uFFFD\uFFFD', error: 'it is not UTF-8' }],
      rejected: [0],
    });
    expect(await reader.poll()).toBeUndefined();
    await reader.close();
  });

  it('names file and line of a malformed line in any range', async () => {
    const good = Array.from({ length: 3_000 }, (_, i) => JSON.stringify({ i }));
    good[2_500] = '{"i": 2500,}';
    const path = await file(good.join('\n'));
    for (const splitBytes of [512, 7_000, 1e6]) {
      const error = await failureOf(() => readAll(ndjsonFile(path, { splitBytes })));
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`${path} line 2501: `);
      expect(error.message).toContain('malformed');
      expect(error.details['line']).toBe(2_501);
    }
  });

  it('does not take two lines for one value, nor one line for two', async () => {
    for (const text of ['[1\n2]\n', '1,2\n', '{"a":1\n"b":2}\n']) {
      const path = await file(text);
      const error = await failureOf(() => readAll(ndjsonFile(path)));
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain('line 1');
    }
  });

  it('keeps a __proto__ key as data', async () => {
    const path = await file('{"__proto__":{"polluted":true}}\n');
    const [record] = await readAll(ndjsonFile<object>(path));
    expect(Object.keys(record!)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
  });
});

describe('a file that is not what it was', () => {
  const content = Array.from({ length: 20_000 }, (_, i) => `line ${i}`).join('\n');

  it.skipIf(process.platform === 'win32')('no regular file, at once', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const [path, kind] of [
      [fifo, 'a FIFO'],
      ['/dev/zero', 'a device'],
      ['/dev/null', 'a device'],
    ] as const) {
      for (const source of [textFile(path), ndjsonFile(path), parquetFile(path)]) {
        const error = await failureOf(() => source.splits());
        expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
        expect(error.message).toContain(`'${path}': it is ${kind}, not a regular file`);
      }
    }
  });

  it.skipIf(process.platform !== 'linux')('made up when it is read', async () => {
    const error = await failureOf(() => textFile('/proc/cpuinfo').splits());
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
    expect(error.message).toContain("'/proc/cpuinfo': it says that it is empty, and is not");
    const online = '/sys/devices/system/cpu/online';
    for (const source of [textFile(online), ndjsonFile(online)]) {
      const page = await failureOf(() => source.splits());
      expect(page.code).toBe('ERR_HOLDFAST_SOURCE');
      expect(page.message).toContain(`'${online}': it says that it has 4096 bytes, and has not`);
    }
    expect(await readAll(textFile(await file('')))).toEqual([]);
  });

  it('another format than lines, by its name', async () => {
    for (const [content, name] of [
      [gzipSync('a\n'), 'compressed by gzip'],
      [Buffer.from('28b52ffd0000', 'hex'), 'compressed by zstd'],
      [Buffer.from('fd377a585a0000', 'hex'), 'compressed by xz'],
      [Buffer.from('504b03040a00', 'hex'), 'a zip archive'],
      [Buffer.from('PAR1'), 'parquetFile'],
    ] as const) {
      const path = await file(content);
      for (const source of [textFile(path), ndjsonFile(path, { malformed: 'rejects' })]) {
        const error = await failureOf(() => source.splits());
        expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
        expect(error.message).toContain(path);
        expect(error.message).toContain(name);
      }
    }
  });

  it('numbers that a double cannot hold, by file and line', async () => {
    for (const number of ['12345678901234567890', '9007199254740993', '1e400', '1e-400']) {
      const path = await file(`{"id": 1}\n{"id": [${number}]}\n{"id": 2}\n`);
      const error = await failureOf(() => readAll(ndjsonFile(path)));
      expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
      expect(error.message).toContain(`${path} line 2: the number ${number} is beyond`);
      const rejects = await readAll(ndjsonFile(path, { malformed: 'rejects' }));
      expect(rejects).toMatchObject([{ id: 1 }, { line: 2 }, { id: 2 }]);
    }
    const path = await file('[9007199254740993, 9007199254740992, 0.1]\n');
    const rows = await readAll(ndjsonFile(path, { largeIntegers: 'bigint' }));
    expect(rows).toEqual([[9007199254740993n, 9007199254740992, 0.1]]);
  });

  it('many files: in the order of the list, and the first that cannot be read is the one that is told', async () => {
    const paths: string[] = [];
    for (let i = 0; i < 40; i += 1) paths.push(await file(`${i}\n`.repeat(1 + (i % 3) * 4_000)));
    const splits = await textFile(paths, { splitBytes: 10_000 }).splits();
    expect([...new Set(splits.map(({ path }) => path))]).toEqual(paths);
    for (const at of [30, 20, 5]) {
      paths[at] = join(directory, `missing-${at}`);
      const error = await failureOf(() => textFile(paths).splits());
      expect(error.message).toContain(`missing-${at}'`);
    }
  });

  it('missing, a directory, unreadable', async () => {
    for (const [path, why] of [
      [join(directory, 'none'), 'does not exist'],
      [directory, 'not a regular file'],
      [join(await file('x'), 'below'), 'not a directory'],
    ] as const) {
      const error = await failureOf(() => textFile(path).splits());
      expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
      expect(error.message).toContain(path);
      expect(error.message).toContain(why);
    }
  });

  it('gone, shorter, longer, touched, or with other bytes when a split is opened', async () => {
    const cases: readonly [string, (path: string) => Promise<void>, string][] = [
      ['gone', (path) => rm(path), 'was deleted or moved away'],
      ['shorter', (path) => truncate(path, 1_000), 'size is 1000 bytes'],
      ['longer', (path) => writeFile(path, 'more', { flag: 'a' }), 'size is'],
      ['touched', (path) => utimes(path, 1_000, 1_000), 'was modified 1970-01-01T00:16:40.000Z'],
      [
        'other bytes',
        async (path) => {
          const { atime, mtime } = await stat(path);
          await writeFile(path, content.replace('line 0\n', 'LINE 0\n'));
          await utimes(path, atime, mtime);
        },
        'checksum of its first and last 4 KiB',
      ],
    ];
    for (const [name, change, message] of cases) {
      const path = await file(content);
      await utimes(path, 2_000_000, 2_000_000);
      const source = textFile(path);
      const [split] = await source.splits();
      await change(path);
      const error = await failureOf(() => readSplit(source, split!));
      expect(error.code, name).toBe(
        name === 'gone' ? 'ERR_HOLDFAST_SOURCE' : 'ERR_HOLDFAST_SOURCE_CHANGED',
      );
      expect(error.message, name).toContain(path);
      expect(error.message, name).toContain(message);
    }
  });

  it('gone, replaced, shorter or longer while it is being read', async () => {
    const big = 'x'.repeat(99).concat('\n').repeat(20_000);
    const cases: readonly [(path: string) => Promise<void>, string][] = [
      [(path) => rm(path), 'ERR_HOLDFAST_SOURCE'],
      [async (path) => rename(await file(big), path), 'ERR_HOLDFAST_SOURCE'],
      [(path) => truncate(path, 600_000), 'ERR_HOLDFAST_SOURCE_CHANGED'],
      [(path) => writeFile(path, 'more\n', { flag: 'a' }), 'ERR_HOLDFAST_SOURCE_CHANGED'],
    ];
    for (const [change, code] of cases) {
      const path = await file(big);
      const source = textFile(path);
      const [split] = await source.splits();
      const reader = await source.open(split!, undefined, context);
      expect((await reader.poll())!.records.length).toBeGreaterThan(0);
      await change(path);
      const error = await failureOf(() => readRest(reader));
      expect(error.code).toBe(code);
      expect(error.message).toContain(path);
      await reader.close();
    }
  });

  it('is not among the files that the job now names', async () => {
    const [one, two] = [await file('1\n'), await file('2\n')];
    const [split] = await textFile(one).splits();
    const error = await failureOf(() => textFile(two).open(split!, undefined, context));
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    expect(error.message).toContain(two);
  });

  it('has no such position', async () => {
    const source = textFile(await file('1\n2\n'));
    const [split] = await source.splits();
    for (const position of [{}, { offset: 99 }, { offset: -1 }, { offset: 2, line: 0 }, 5]) {
      const error = await failureOf(() => source.open(split!, position, context));
      expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
    }
  });

  it('can be closed while a block is on its way', async () => {
    const source = textFile(await file(content));
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    const pending = reader.poll();
    await reader.close();
    await pending;
  });
});
