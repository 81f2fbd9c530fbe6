import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Failure } from '../../dist/base/failure.js';
import { type CompiledJob, compileJob, reuseCompiled } from '../../dist/module/compile.js';
import { buildRuntime } from '../../dist/module/runtime-bundle.js';
import { mapFailure } from '../../dist/module/source-maps.js';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));

let root = '';
let projects = 0;
/** A runtime whose host tells what a job module looks like inside. */
let runtime = '';

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-compile-')));
  runtime = join(root, 'reporting-runtime.cjs');
  await buildRuntime({
    dist: join(packageRoot, 'dist'),
    host: fileURLToPath(new URL('./fixtures/reporting-host.mjs', import.meta.url)),
    script: runtime,
  });
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

/** A project folder with these files; a package.json says `"type": "module"` unless given. */
async function project(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(root, `project-${projects++}`);
  for (const [name, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

interface Report {
  readonly answer: unknown;
  readonly failure: Failure | undefined;
}

async function load(compiled: CompiledJob): Promise<Report> {
  const worker = new Worker(compiled.entry, { workerData: { boot: compiled.boot }, execArgv: [] });
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the worker ended early with ${code}`)));
    });
  } finally {
    await worker.terminate();
  }
}

async function answerOf(files: Readonly<Record<string, string>>, job = 'job.ts') {
  const folder = await project(files);
  const compiled = await compileJob(pathToFileURL(join(folder, job)), { runtime });
  return { folder, compiled, answer: (await load(compiled)).answer as Record<string, unknown> };
}

async function refusal(files: Readonly<Record<string, string>>, job = 'job.ts') {
  const folder = await project(files);
  const error = await compileJob(join(folder, job), { runtime }).then(
    () => expect.fail('it compiled'),
    (thrown) => thrown as Error & { code: string; details: Record<string, unknown> },
  );
  return { folder, error };
}

const pkg = (name: string, more: object = {}) =>
  JSON.stringify({ name, version: '1.0.0', ...more });

describe('what a job may be', () => {
  test('TypeScript with imports named .js, JSON and a late import', async () => {
    const { answer, compiled } = await answerOf({
      'job.ts': `
        import data from './data.json' with { type: 'json' };
        import { double } from './lib/double.js';
        interface Shape { readonly values: number[] }
        export default {
          async answer() {
            const late = await import('./lib/late.js');
            return { doubled: (data as Shape).values.map(double), late: late.name satisfies string };
          },
        };`,
      'data.json': '{"values":[1,2,3]}',
      'lib/double.ts': 'export const double = (n: number): number => n * 2;',
      'lib/late.ts': "export const name: string = 'late';",
    });
    expect(answer).toEqual({ doubled: [2, 4, 6], late: 'late' });
    expect(compiled.boot.format).toBe('script');
  });

  test.each([
    ['job.js', 'export default { answer: () => 1 };'],
    ['job.mjs', 'export default { answer: () => 1 };'],
    ['job.mts', 'export default { answer: (): number => 1 };'],
    ['job.cjs', 'module.exports = { answer: () => 1 };'],
  ])('%s', async (name, text) => {
    expect((await answerOf({ [name]: text }, name)).answer).toBe(1);
  });

  test('a URL that ends in .ts finds the .js that was compiled from it', async () => {
    const { answer, compiled } = await answerOf({
      'job.js': 'export default { answer: () => 1 };',
    });
    expect(answer).toBe(1);
    expect(compiled.url).toMatch(/job\.js$/);
  });

  test('a top-level await makes it a module', async () => {
    const { answer, compiled } = await answerOf({
      'job.ts': `
        import { late } from 'late';
        const ready = await Promise.resolve('ready');
        export default { answer: () => [ready, late, import.meta.url.slice(-6)] };`,
      'node_modules/late/package.json': pkg('late', { type: 'module', exports: './index.js' }),
      'node_modules/late/index.js': 'export const late = await Promise.resolve(7);',
    });
    expect(answer).toEqual(['ready', 7, 'job.ts']);
    expect(compiled.boot.format).toBe('module');
  });

  test('each source file keeps its own place', async () => {
    const { answer, folder } = await answerOf({
      'job.ts': `
        import { there } from './lib/there.js';
        import old from './old/file.cjs';
        export default { answer: () => ({
          here: import.meta.url, there, old,
          folder: import.meta.dirname, file: import.meta.filename,
          sibling: import.meta.resolve('./x.js'), builtin: import.meta.resolve('fs'),
          text: 'import.meta.url and __dirname stay in texts',
        }) };`,
      'lib/there.ts': '#!/usr/bin/env node\nexport const there = import.meta.url;',
      'old/file.cjs':
        "'use strict';\nmodule.exports = [__dirname, __filename, this === undefined];",
    });
    expect(answer).toEqual({
      here: pathToFileURL(join(folder, 'job.ts')).href,
      there: pathToFileURL(join(folder, 'lib/there.ts')).href,
      old: [join(folder, 'old'), join(folder, 'old/file.cjs'), false],
      folder,
      file: join(folder, 'job.ts'),
      sibling: pathToFileURL(join(folder, 'x.js')).href,
      builtin: 'node:fs',
      text: 'import.meta.url and __dirname stay in texts',
    });
  });
});

describe('a file stays what it is by itself', () => {
  const modes = `
    const outcome = (act) => { try { act(); return 'silent'; } catch (error) { return error.name; } };
    const results = () => [
      outcome(() => { Object.freeze({ a: 1 }).a = 2; }),
      outcome(() => { undeclaredName = 1; delete globalThis.undeclaredName; }),
      (function () { return this === undefined; })(),
    ];`;
  const strict = ['TypeError', 'ReferenceError', true];
  const sloppy = ['silent', 'silent', false];
  const ts = (text: string) => `// @ts-nocheck\n${text}`;

  test('ES modules are strict, with or without a top-level await', async () => {
    const files = {
      'job.ts': ts(`import { there } from './there.js'; ${modes}
        export default { answer: () => [results(), there()] };`),
      'there.js': `${modes} export const there = results;`,
    };
    const script = await answerOf(files);
    expect(script.compiled.boot.format).toBe('script');
    expect(script.answer).toEqual([strict, strict]);
    const waiting = { ...files, 'job.ts': `${files['job.ts']}\nawait 0;` };
    const module = await answerOf(waiting);
    expect(module.compiled.boot.format).toBe('module');
    expect(module.answer).toEqual([strict, strict]);
  });

  test('CommonJS files are as they say, alone and beside ES modules', async () => {
    const alone = await answerOf(
      { 'job.cjs': `${modes} module.exports = { answer: results };` },
      'job.cjs',
    );
    expect(alone.answer).toEqual(sloppy);
    const folder = await project({
      'job.ts': ts(`
        import old, { own } from './old/old.cjs'; import typed from './old/typed.cjs'; import modern from './modern.cjs';
        ${modes}
        export default {
          answer: () => [results(), old.results(), typed(), modern(), old.parts, own, old.holdfast, old.missing],
          fail: () => old.fail(),
        };`),
      'old/old.cjs': `${modes}
        const part = require('./part.cjs');
        exports.results = results; exports.own = 010; exports.parts = [part.name, __dirname, __filename, module.exports === exports];
        exports.holdfast = require('holdfast').seconds(2);
        exports.missing = outcome(() => { try { require('./not-there.cjs'); } catch (error) { throw error; } });
        exports.fail = () => {
          throw new RangeError('no'); // here
        };`,
      'old/part.cjs': "// require('./nothing.cjs')\nexports.name = 'part';",
      'old/typed.cts': ts(`${modes} export = (): unknown => results();`),
      'modern.cjs': `'use strict'; ${modes} module.exports = results;`,
    });
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    const { answer, failure } = await load(compiled);
    const old = join(folder, 'old');
    const parts = ['part', old, join(old, 'old.cjs'), true];
    expect(answer).toEqual([strict, sloppy, sloppy, strict, parts, 8, 2_000, 'Error']);
    const mapped = mapFailure(failure as Failure, compiled);
    const lines = (await readFile(join(old, 'old.cjs'), 'utf8')).split('\n');
    const line = lines.findIndex((text) => text.endsWith('// here')) + 1;
    expect(mapped.stack).toContain(`${join(old, 'old.cjs')}:${line}:17`);
  });

  test('a directive without a semicolon, before a place', async () => {
    const { answer, folder } = await answerOf({
      'job.ts': `'use strict'\nimport { there } from './there.js'\nconst here = import.meta.url\nexport default { answer: () => [here, there] }`,
      'there.cjs':
        "'use strict'\nmodule.exports = [__dirname, (function () { return this === undefined; })()]",
      'there.js':
        "'use strict'\n  ;[1].forEach(String)\nimport old from './there.cjs'\nexport const there = [old, import.meta.filename]",
    });
    expect(answer).toEqual([
      pathToFileURL(join(folder, 'job.ts')).href,
      [[folder, true], join(folder, 'there.js')],
    ]);
  });

  test('import.meta.resolve chooses what import chooses', async () => {
    const { answer, folder } = await answerOf({
      'job.ts': `
        const attempt = (name: string) => { try { return import.meta.resolve(name); } catch (error) { return (error as { code: string }).code; } };
        export default { answer: () => ['only', 'dual', 'dual/sub', './x.js', '../y', 'fs', 'node:fs', 'none', 'https://a.b/c', '#own'].map(attempt) };`,
      'package.json': '{"type":"module","imports":{"#own":"./own.js"}}',
      'node_modules/only/package.json': pkg('only', {
        type: 'module',
        exports: { import: './a.js' },
      }),
      'node_modules/only/a.js': '',
      'node_modules/dual/package.json': pkg('dual', {
        exports: { '.': { import: './a.mjs', require: './a.cjs' }, './*': { import: './*.mjs' } },
      }),
      'node_modules/dual/a.mjs': '',
      'node_modules/dual/a.cjs': '',
      'node_modules/dual/sub.mjs': '',
    });
    const base = pathToFileURL(`${folder}/`).href;
    expect(answer).toEqual([
      `${base}node_modules/only/a.js`,
      `${base}node_modules/dual/a.mjs`,
      `${base}node_modules/dual/sub.mjs`,
      `${base}x.js`,
      new URL('../y', base).href,
      'node:fs',
      'node:fs',
      'ERR_MODULE_NOT_FOUND',
      'https://a.b/c',
      `${base}own.js`,
    ]);
  });

  test('classes and functions keep their names, whatever other files and Holdfast declare', async () => {
    const named = `
      export class Order {} export class HoldfastError extends Error {} class Err extends RangeError {}
      class Self { static one = new Self(); static own = Self.name; }
      function helper() { class Order {} const inner = () => 1; return [Order.name, inner.name]; }
      const arrow = () => 1; const Expression = class {};
      export const names = () => [Order, HoldfastError, Err, Self, helper, arrow, Expression].map((each) => each.name)
        .concat(helper(), Self.own, new Err('x').constructor.name);`;
    const expected = [
      ...['Order', 'HoldfastError', 'Err', 'Self', 'helper', 'arrow', 'Expression'],
      ...['Order', 'inner', 'Self', 'Err'],
    ];
    const { answer } = await answerOf({
      'job.ts': `
        import { names } from './a.js'; import { names as more } from './b.js'; import { names as most } from './c.cjs';
        export default { answer: () => [names(), more(), most()] };`,
      'a.ts': named,
      'b.js': named,
      'c.cjs':
        named.replaceAll('export class', 'class').replace('export const', 'const') +
        ' exports.names = names;',
    });
    expect(answer).toEqual([expected, expected, expected]);
  });

  test('what is exported without a name is called default', async () => {
    const { answer } = await answerOf({
      'job.ts': `
        import Row from './row.js'; import Sub from './sub.js'; import arrow from './arrow.js';
        import parted from './parted.js'; import fn from './fn.js'; import made from './made.js';
        export default { answer: () => [Row, Sub, arrow, parted, fn, made].map((each) => each.name) };`,
      'row.ts': 'export default class { readonly id: number = 1; }',
      'sub.ts': 'export default class extends Error {}',
      'arrow.js': 'export default (row) => row.id',
      'parted.js': 'export default async row => row.id',
      'fn.js': 'export default function* () { yield 1; }',
      'made.js': 'class Mine {} export default Mine;',
    });
    expect(answer).toEqual(['default', 'default', 'default', 'default', 'default', 'Mine']);
  });

  test('a file whose names nobody else uses costs nothing more', async () => {
    const { compiled } = await answerOf({
      'job.ts':
        'class Mine {} const fine = () => new Mine(); export default { answer: () => fine().constructor.name };',
    });
    expect(await readFile(compiled.boot.bundle, 'utf8')).not.toContain('__name');
  });
});

describe('packages', () => {
  test('stay outside, whatever their kind, with the exports Node gives', async () => {
    const { answer, compiled } = await answerOf({
      'job.ts': `
        import esm, { named } from 'esm';
        import * as whole from 'esm';
        import common, { field } from 'common';
        import fs, { existsSync } from 'node:fs';
        export default { answer: async () => ({
          esm, named, whole: Object.keys(whole).sort(), common, field,
          builtin: fs.existsSync === existsSync,
          late: (await import('esm')).named === named,
          where: (await import('esm')).where,
        }) };`,
      'node_modules/esm/package.json': pkg('esm', {
        type: 'module',
        exports: { import: './a.js' },
      }),
      'node_modules/esm/a.js':
        "export default 'the default'; export const named = {}; export const where = import.meta.url;",
      'node_modules/common/package.json': pkg('common', { main: 'b.js' }),
      'node_modules/common/b.js': 'exports.field = 3;',
    });
    expect(answer).toMatchObject({
      esm: 'the default',
      named: {},
      whole: ['default', 'named', 'where'],
      common: { field: 3 },
      field: 3,
      builtin: true,
      late: true,
    });
    expect(answer['where']).toMatch(/node_modules\/esm\/a\.js$/);
    expect(compiled.boot).toMatchObject({ format: 'script' });
    expect(compiled.boot.externals).toHaveLength(2);
  });

  test('come late as well, by any name, also when the script comes out of a code cache', async () => {
    const folder = await project({
      'job.ts': `
        const name = (text: string): string => text;
        const attempt = (from: Promise<unknown>) => from.then(Object.keys, (error) => error.code);
        export default { async answer() {
          await new Promise((resolve) => setTimeout(resolve, 1_300));
          return [
            (await import('esm')).default,
            (await import(name('esm'))).default,
            (await import(name('./late.mjs'))).late,
            (await import(name('node:fs'))).existsSync(import.meta.filename),
            (await import(name('./data.json'))).default,
            (await import('common')).default,
            await attempt(import(name('not-installed'))),
            await attempt(import(name('./not-there.mjs'))),
            'Promise.resolve().then(()=>__toESM(',
          ];
        } };`,
      'late.mjs': "export const late = 'late';",
      'data.json': '[1]',
      'node_modules/esm/package.json': pkg('esm', {
        type: 'module',
        exports: { import: './a.js' },
      }),
      'node_modules/esm/a.js': "export default 'the default';",
      'node_modules/common/package.json': pkg('common', { main: 'b.js' }),
      'node_modules/common/b.js': 'exports.field = 3;',
    });
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    const expected = [
      'the default',
      'the default',
      'late',
      true,
      [1],
      { field: 3 },
      'ERR_MODULE_NOT_FOUND',
      'ERR_MODULE_NOT_FOUND',
      'Promise.resolve().then(()=>__toESM(',
    ];
    expect((await load(compiled)).answer).toEqual(expected);
    expect((await stat(compiled.boot.codeCache.full)).size).toBeGreaterThan(1_000);
    expect((await load(compiled)).answer).toEqual(expected);
  });

  test('are found from the file that imports them, not from the job', async () => {
    const { answer } = await answerOf({
      'job.ts': `
        import { version } from 'dep';
        import { inner } from './nested/inner.js';
        export default { answer: () => [version, inner] };`,
      'node_modules/dep/package.json': pkg('dep', { type: 'module', exports: './i.js' }),
      'node_modules/dep/i.js': 'export const version = 1;',
      'nested/inner.ts': "export { version as inner } from 'dep';",
      'nested/node_modules/dep/package.json': pkg('dep', { type: 'module', exports: './i.js' }),
      'nested/node_modules/dep/i.js': 'export const version = 2;',
    });
    expect(answer).toEqual([1, 2]);
  });

  test('holdfast is one copy: the host’s', async () => {
    const { answer } = await answerOf({
      'job.ts': `
        import { HoldfastError, seconds } from 'holdfast';
        import { Again } from './lib/again.js';
        export default { answer: () => [HoldfastError === Again, seconds(2)] ,
          fail() { throw new HoldfastError('ERR_HOLDFAST_BAD_OPTION', 'no', { details: { given: 1 } }); } };`,
      'lib/again.ts': "export { HoldfastError as Again } from 'holdfast';",
    });
    expect(answer).toEqual([true, 2_000]);
  });

  test('holdfast’s own files, by their paths, are that copy as well', async () => {
    const { answer } = await answerOf({
      'job.ts': `
        import { HoldfastError } from 'holdfast';
        import { HoldfastError as byPath } from '${join(packageRoot, 'dist/index.js')}';
        import { HoldfastError as inside } from '${join(packageRoot, 'dist/base/errors.js')}';
        import { parquetFile } from 'holdfast/parquet';
        export default { answer: () => [HoldfastError === byPath, HoldfastError === inside, typeof parquetFile] };`,
    });
    expect(answer).toEqual([true, true, 'function']);
  });

  test('a name that holdfast does not export is told when the job is compiled', async () => {
    const { error } = await refusal({
      'job.ts': "import { defineJob, colect } from 'holdfast'; export default [defineJob, colect];",
    });
    expect(error.code).toBe('ERR_HOLDFAST_COMPILE');
    expect(error.message).toMatch(/job\.ts:1:21: No matching export.*"colect"/);
  });

  test('holdfast linked into a project is the same', async () => {
    const folder = await project({
      'job.ts': "import { minutes } from 'holdfast'; export default { answer: () => minutes(1) };",
    });
    await mkdir(join(folder, 'node_modules'));
    await symlink(packageRoot, join(folder, 'node_modules/holdfast'));
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    expect((await load(compiled)).answer).toBe(60_000);
  });
});

describe('failures', () => {
  test('keep their class’s name, their details, and point into the source', async () => {
    const folder = await project({
      'job.ts': `
import { check } from './lib/check.js';

export default {
  answer: () => undefined,
  fail(): void {
    check(undefined as unknown as { value: number });
  },
};`,
      'lib/check.ts': `
interface Row { readonly value: number }
class HoldfastError extends Error {}
class BadRow extends HoldfastError {
  constructor(cause: unknown) { super('bad row', { cause }); }
}

export function check(row: Row): number {
  try {
    return row.value;
  } catch (cause) {
    throw new BadRow(cause);
  }
}`,
    });
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    const raw = (await load(compiled)).failure;
    expect(raw?.stack).toContain(compiled.boot.bundle);
    const failure = mapFailure(raw as Failure, compiled);
    expect(failure.name).toBe('BadRow');
    expect(failure.stack).toContain(`${join(folder, 'lib/check.ts')}:12:11`);
    expect(failure.stack).toContain(`${join(folder, 'job.ts')}:7:5`);
    expect(failure.cause?.name).toBe('TypeError');
    expect(failure.cause?.stack).toContain(`${join(folder, 'lib/check.ts')}:10:`);
  });

  test('an error of the host’s own class keeps code and details', async () => {
    const folder = await project({
      'job.ts': `
        import { HoldfastError } from 'holdfast';
        export default { fail() {
          throw new HoldfastError('ERR_HOLDFAST_BAD_OPTION', 'no', { details: { given: 1 } });
        } };`,
    });
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    expect((await load(compiled)).failure).toMatchObject({
      name: 'HoldfastError',
      code: 'ERR_HOLDFAST_BAD_OPTION',
      details: { given: 1 },
    });
  });
});

describe('refusals', () => {
  test('a missing module', async () => {
    const { error, folder } = await refusal({}, 'nowhere.ts');
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    expect(error.message).toContain(join(folder, 'nowhere.ts'));
    expect(error.message).toContain('.js');
  });

  test('a folder, and a URL that is no file', async () => {
    const { error } = await refusal({}, '.');
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    await expect(compileJob('https://example.org/job.js', { runtime })).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_JOB_MODULE',
    });
  });

  test.each([
    ['nothing', undefined, /of type undefined/],
    ['null', null, /is null/],
    ['a function', () => undefined, /of type function.*runInline/],
  ])('%s in the place of a URL', async (_, given, message) => {
    await expect(compileJob(given as never, { runtime })).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_JOB_MODULE',
      message: expect.stringMatching(message),
    });
  });

  test('a syntax error, in a file that the job imports', async () => {
    const { error, folder } = await refusal({
      'job.ts': "import './lib/bad.js'; export default {};",
      'lib/bad.ts': 'const fine = 1;\nconst bad = 1 +* 2;\n',
    });
    expect(error.code).toBe('ERR_HOLDFAST_COMPILE');
    expect(error.message).toMatch(/bad\.ts:2:16: .*"\*"[\s\S]*const bad = 1 \+\* 2;/);
    expect(error.details).toMatchObject({ file: join(folder, 'lib/bad.ts'), line: 2, column: 16 });
  });

  test('a syntax error, in a file whose functions keep their names', async () => {
    const { error, folder } = await refusal({
      'job.ts': 'export default (record) => record +* 2;\n',
    });
    expect(error.message).toMatch(/^the job module does not compile: .*job\.ts:1:36: .*"\*"/);
    expect(error.details).toMatchObject({ file: join(folder, 'job.ts'), line: 1, column: 36 });
  });

  test.each([
    ["import x from './nope.js'; export default x;", /job\.ts:1:15: .*nope/],
    ["import x from 'not-installed'; export default x;", /npm install not-installed/],
    ["import x from '@scope/none/deep'; export default x;", /npm install @scope\/none\)/],
    [
      "import x from 'holdfast/nope'; export default x;",
      /no entry point 'holdfast\/nope'.*parquet/,
    ],
  ])('an import that leads nowhere: %s', async (text, message) => {
    const { error } = await refusal({ 'job.ts': text });
    expect(error.code).toBe('ERR_HOLDFAST_COMPILE');
    expect(error.message).toMatch(message);
  });
});

describe('the folder of bundles', () => {
  const job = 'export default { answer: () => 1 };';
  const bundles = (folder: string) => readdir(join(folder, 'node_modules/.cache/holdfast'));

  test('the same content is one folder, and damage is mended', async () => {
    const folder = await project({ 'job.ts': job });
    const first = await compileJob(join(folder, 'job.ts'), { runtime });
    await writeFile(first.boot.bundle, 'not this');
    const second = await compileJob(join(folder, 'job.ts'), { runtime });
    expect(second).toEqual(first);
    expect(await bundles(folder)).toHaveLength(1);
    expect((await load(second)).answer).toBe(1);
  });

  test('eight runs at once agree', async () => {
    const folder = await project({ 'job.ts': job });
    const file = join(folder, 'job.ts');
    const all = await Promise.all(Array.from({ length: 8 }, () => compileJob(file, { runtime })));
    expect(new Set(all.map(({ boot }) => boot.bundle)).size).toBe(1);
    const names = await readdir(dirname(all[0]?.boot.bundle ?? ''));
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('old ones go, unless a living process has claimed them', async () => {
    const folder = await project({ 'job.ts': job });
    const cache = join(folder, 'node_modules/.cache/holdfast');
    const old = Array.from({ length: 12 }, (_, i) => `${i}`.padStart(24, 'a'));
    for (const [i, name] of old.entries()) {
      await mkdir(join(cache, name), { recursive: true });
      if (i === 0) await writeFile(join(cache, name, `used-by-${process.pid}`), '');
      const time = new Date(Date.now() - 10 * 86_400_000 + i * 1_000);
      await utimes(join(cache, name), time, time);
    }
    const { boot } = await compileJob(join(folder, 'job.ts'), { runtime });
    const left = await bundles(folder);
    expect(left).toHaveLength(9);
    expect(left).toContain(old[0]);
    expect(left).toContain(dirname(boot.bundle).slice(-24));
  });

  test('where nothing can be written, a private folder is used', async () => {
    const folder = await project({ 'job.ts': job });
    // A file where the folder would be stops root as well.
    await writeFile(join(folder, 'node_modules'), '');
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    expect(compiled.boot.bundle.startsWith(await realpath(tmpdir()))).toBe(true);
    expect((await stat(dirname(dirname(compiled.boot.bundle)))).mode & 0o022).toBe(0);
    expect((await load(compiled)).answer).toBe(1);
    await rm(dirname(compiled.boot.bundle), { recursive: true });
  });

  test('where not even temporary files can be, it says so', async () => {
    const folder = await project({ 'job.ts': job, node_modules: '' });
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = join(folder, 'job.ts');
    try {
      await expect(compileJob(join(folder, 'job.ts'), { runtime })).rejects.toMatchObject({
        code: 'ERR_HOLDFAST_ENVIRONMENT',
        message: expect.stringContaining('TMPDIR'),
      });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });

  test('a worker leaves an early code cache, and a full one later; bad ones are replaced', async () => {
    const folder = await project({
      'job.ts':
        'export default { answer: () => new Promise((resolve) => setTimeout(resolve, 1_300, 1)) };',
    });
    const compiled = await compileJob(join(folder, 'job.ts'), { runtime });
    for (const { full, early } of [compiled.boot.codeCache, compiled.boot.runtime.codeCache]) {
      await load(compiled);
      for (const path of [full, early]) expect((await stat(path)).size).toBeGreaterThan(1_000);
      await writeFile(full, 'rubbish');
      await writeFile(early, 'rubbish');
      expect((await load(compiled)).answer).toBe(1);
      for (const path of [full, early]) expect((await stat(path)).size).toBeGreaterThan(1_000);
      // A thread that finds the early one takes it, and makes the full one.
      await rm(full);
      const { mtimeMs } = await stat(early);
      expect((await load(compiled)).answer).toBe(1);
      expect((await stat(full)).size).toBeGreaterThan(1_000);
      expect((await stat(early)).mtimeMs).toBe(mtimeMs);
    }
  });

  test('the runtime’s early code cache is that of all jobs, its full one is the job’s own', async () => {
    const files = await Promise.all(
      ['1', '2'].map(async (answer) => {
        const folder = await project({ 'job.ts': `export default { answer: () => ${answer} };` });
        return (await compileJob(join(folder, 'job.ts'), { runtime })).boot.runtime.codeCache;
      }),
    );
    expect(files[0]!.early).toBe(files[1]!.early);
    expect(files[0]!.full).not.toBe(files[1]!.full);
  });

  test('a bundle handed over by the guardian is taken as it is, until it vanishes', async () => {
    const folder = await project({ 'job.ts': job });
    const file = join(folder, 'job.ts');
    const compiled = await compileJob(file, { runtime });
    reuseCompiled(compiled);
    await writeFile(file, 'export default { answer: () => 2 };');
    expect(await compileJob(file, { runtime })).toBe(compiled);
    await rm(compiled.boot.bundle);
    expect((await load(await compileJob(file, { runtime }))).answer).toBe(2);
  });
});
