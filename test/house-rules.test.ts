/**
 * The rules of the house.
 *
 * Those that Biome knows are its own (biome.json: circles of imports, file names, default exports,
 * enums, namespaces, `any`, lengths); one test shows that it finds each of them as it is configured
 * here. The rest are checked file by file over `src`: each rule is a function from a file to what is
 * wrong with it, and the last group of tests shows that each of them finds what it looks for.
 *
 * The floors stay here because Biome has no order of folders: each of them would need a list of all
 * those above it, and Biome sees neither `import('…')` in types nor the `new URL(…)` that names what
 * a worker loads. dependency-cruiser reads TypeScript through a compiler that this house has not.
 */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { errorCodes } from '../src/base/error-codes.js';

interface SourceFile {
  /** From `src`, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const files: SourceFile[] = readdirSync(new URL('src', root), { recursive: true })
  .map((path) => String(path).replaceAll('\\', '/'))
  .filter((path) => /\.[cm]?ts$/.test(path))
  .sort()
  .map((path) => ({ path, text: read(`src/${path}`) }));

const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  codec: 1,
  supervisor: 2,
  checkpoint: 2,
  hashring: 2,
  threads: 2,
  module: 3,
  actors: 3,
  channels: 3,
  host: 4,
  stream: 4,
  pool: 5,
  connectors: 5,
  workloads: 6,
  job: 7,
  system: 8,
  testing: 8,
  guardian: 8,
  terminal: 9,
  demo: 10,
  cli: 11,
};

/** What connectors may know of streams: contracts, which hold no machinery. */
const STREAM_CONTRACTS = ['source', 'sink', 'operator', 'graph/graph', 'graph/plan'];

/** Rooms of pure machines, but for the files where a room meets the world. */
const PURE_ROOMS = ['supervisor', 'hashring', 'checkpoint'];
const WORLDLY_FILES = [
  'checkpoint/directory/directory-layout.ts',
  'checkpoint/directory/directory-lock.ts',
  'checkpoint/directory/node-file-system.ts',
  'checkpoint/directory/process-identity.ts',
  'checkpoint/object/object-lock.ts',
  'checkpoint/object/object-part-io.ts',
  'checkpoint/object/object-store-index.ts',
  'checkpoint/object/object-store-owner.ts',
  'checkpoint/object/object-store.ts',
  'checkpoint/object/s3-store-client.ts',
  'checkpoint/parts/write-pool.ts',
];
/** Whatever room they stand in: the pure machines that ARCHITECTURE names. */
const PURE_FILES = (() => {
  const text = read('ARCHITECTURE.md');
  const paragraph = text.slice(text.indexOf('They are `supervisor/'));
  const list = paragraph.slice(0, paragraph.indexOf(': a test reads'));
  return [...list.matchAll(/`([a-z/-]+\.ts)`/g)].map((found) => found[1]!);
})();

/** Rooms whose code no worker loads. */
const MAIN_THREAD_ROOMS = [
  'terminal',
  'demo',
  'guardian',
  'pool',
  'module',
  'job',
  'system',
  'testing',
  'cli',
];

const WORLD: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\(\s*\)/, 'new Date()'],
  [/\bperformance\.now\b/, 'performance.now'],
  [/\bprocess\.hrtime\b/, 'process.hrtime'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\brandom(UUID|Bytes|Int)\s*\(|\bgetRandomValues\b/, 'chance'],
  [/\bset(Timeout|Interval|Immediate)\b/, 'a timer'],
];
const WORLDLY_MODULES =
  /^node:(fs|fs\/promises|worker_threads|timers|timers\/promises)$|\/base\/(files|make-directory)\.js$/;

/** As in biome.json. */
const LINES_MAX = 600;

function folderFaults({ path }: SourceFile): string[] {
  const isKebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[^/]+$/.test(path);
  return isKebab ? [] : ['a folder of it is not in kebab-case'];
}

function wordFaults({ text }: SourceFile): string[] {
  const faults: string[] = [];
  if (/@ts-(ignore|nocheck)/.test(text)) faults.push('it silences the compiler');
  if (/\b(TODO|FIXME|XXX)\b/.test(text)) faults.push('it has something left to do');
  return faults;
}

function importFaults({ path, text }: SourceFile): string[] {
  const faults: string[] = [];
  const room = roomOf(path);
  if (path !== 'index.ts' && FLOORS[room] === undefined) faults.push(`there is no room '${room}'`);
  for (const specifier of specifiersOf(text)) {
    if (!specifier.startsWith('.')) continue;
    const target = posix.join(posix.dirname(path), specifier);
    const to = roomOf(target);
    if (target.startsWith('..') || path === 'index.ts' || to === room) continue;
    if (target === 'index.js') {
      if (room !== 'cli') faults.push('it imports the front door');
    } else if (!((FLOORS[to] ?? Infinity) < FLOORS[room]!)) {
      faults.push(`${room} may not import ${to} ('${specifier}')`);
    } else if (room === 'connectors' && to === 'stream') {
      const isContract = STREAM_CONTRACTS.some((file) => target === `stream/${file}.js`);
      if (!isContract) faults.push(`connectors may not import '${specifier}': no contract`);
    }
  }
  return faults;
}

function worldFaults({ path, text }: SourceFile): string[] {
  const isPure = PURE_ROOMS.includes(roomOf(path)) && !WORLDLY_FILES.includes(path);
  return isPure || PURE_FILES.includes(path) ? worldIn(text) : [];
}

/** Clock, chance and the world outside, as far as a file uses them. */
function worldIn(text: string): string[] {
  const code = withoutStrings(withoutComments(text));
  return [
    ...WORLD.filter(([pattern]) => pattern.test(code)).map(([, what]) => `it uses ${what}`),
    ...specifiersOf(text)
      .filter((specifier) => WORLDLY_MODULES.test(specifier))
      .map((specifier) => `it imports ${specifier}`),
  ];
}

/** A thread that is terminated in the midst of a call of `node:fs/promises` would abort the process. */
function fileFaults({ path, text }: SourceFile): string[] {
  if (MAIN_THREAD_ROOMS.includes(roomOf(path))) return [];
  return specifiersOf(text).includes('node:fs/promises')
    ? ['it imports node:fs/promises, which no worker survives: see base/files.ts']
    : [];
}

function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** What a file imports, exports from, imports by call, by type, or names by a URL beside itself. */
function specifiersOf(text: string): string[] {
  const code = withoutComments(text);
  const forms = [
    /\b(?:import|export)\b[^'";]*?\bfrom\s*(['"])(.*?)\1/g,
    /^\s*import\s*(['"])(.*?)\1/gm,
    /\b(?:import|require)\s*\(\s*(['"])(.*?)\1/g,
    /\bnew URL\(\s*(['"])(.*?)\1\s*,\s*import\.meta\.url/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map((found) => found[2]!));
}

const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/;
/** A slash after one of these opens a regular expression; after anything else it divides. */
const REGEX =
  /(?<=[=(,:[!&|?;{}]\s*|\breturn\s+)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//;
const TOKEN = new RegExp(`(${STRING.source})|(${COMMENT.source})|(${REGEX.source})`, 'g');

function withoutComments(text: string): string {
  return text.replace(TOKEN, (token, _string, comment?: string) =>
    comment === undefined ? token : ' ',
  );
}

/** Templates keep what they compute, and lose their words. */
function withoutStrings(text: string): string {
  return text.replace(TOKEN, (_, string?: string) => {
    if (string === undefined || !string.startsWith('`')) return "''";
    const inner = [...string.matchAll(/\$\{([^{}`]*)\}/g)].map((found) => found[1]);
    return ` ${inner.join(' ')} `;
  });
}

const rules = { folderFaults, wordFaults, importFaults, worldFaults, fileFaults };

describe.each(Object.entries(rules))('%s', (_, rule) => {
  test('finds nothing', () => {
    const found = files.flatMap((file) => rule(file).map((fault) => `src/${file.path}: ${fault}`));
    expect(found).toEqual([]);
  });
});

test('there are files to look at, in every room that the mission fixes', () => {
  const rooms = new Set(files.map(({ path }) => roomOf(path)));
  for (const room of Object.keys(FLOORS)) expect(rooms).toContain(room);
});

test('there are the pure machines that ARCHITECTURE names, and no file is called worldly for nothing', () => {
  expect(PURE_FILES.length).toBeGreaterThan(15);
  const textOf = (path: string) => files.find((file) => file.path === path)?.text;
  expect(PURE_FILES.filter((path) => textOf(path) === undefined)).toEqual([]);
  expect(WORLDLY_FILES.filter((path) => worldIn(textOf(path) ?? '').length === 0)).toEqual([]);
});

test('the lock file names no download addresses', () => {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, object> };
  const named = Object.entries(lock.packages).filter(([, entry]) => 'resolved' in entry);
  expect(named.map(([path]) => path)).toEqual([]);
});

test('the lock file has every package for every platform, so that a clean install works', () => {
  interface Entry {
    readonly dependencies?: Record<string, string>;
    readonly optionalDependencies?: Record<string, string>;
  }
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Entry> };
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
      .filter(
        (name) =>
          !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages),
      )
      .map((name) => `${path} → ${name}`),
  );
  expect(missing).toEqual([]);
});

test('every error code is used', () => {
  const rest = files.filter(({ path }) => path !== 'base/error-codes.ts').map(({ text }) => text);
  const unused = errorCodes.filter((code) => !rest.some((text) => text.includes(`'${code}'`)));
  expect(unused).toEqual([]);
});

describe('the rules see', () => {
  const faultsOf = (rule: (file: SourceFile) => string[], path: string, text: string) =>
    rule({ path, text }).join('; ');

  test.each([
    ['base/a.ts', "import type { X } from '../threads/x.js';", 'base may not import threads'],
    ['stream/a.ts', "export * from '../job/x.js';", 'stream may not import job'],
    ['checkpoint/a.ts', "import '../threads/x.js';", 'checkpoint may not import threads'],
    ['threads/a.ts', "await import('../actors/x.js')", 'threads may not import actors'],
    ['actors/a.ts', "let a: import('../stream/x.js').X;", 'actors may not import stream'],
    ['threads/a.ts', "new URL('../job/x.js', import.meta.url)", 'threads may not import job'],
    ['stream/b/a.ts', "import {\n  x,\n} from '../../cli/x.js';", 'stream may not import cli'],
    ['job/a.ts', "import { run } from '../index.js';", 'imports the front door'],
    ['connectors/a.ts', "import { x } from '../stream/task.js';", 'no contract'],
    ['connectors/a.ts', "import { x } from '../stream/state/sink.js';", 'no contract'],
    ['attic/a.ts', '', "no room 'attic'"],
  ])('an import that goes the wrong way: %s %s', (path, text, fault) => {
    expect(faultsOf(importFaults, path, text)).toContain(fault);
  });

  test('imports that go the right way', () => {
    const text =
      "import type { Source } from '../stream/source.js';\nimport x from '../base/x.js';\n" +
      "// import '../job/x.js'\n/* from '../cli/x.js' */ const url = 'http://a'; // ../job";
    expect(faultsOf(importFaults, 'connectors/a.ts', text)).toBe('');
    expect(faultsOf(importFaults, 'index.ts', "export { run } from './job/run.js';")).toBe('');
    expect(faultsOf(importFaults, 'cli/main.ts', "import { run } from '../index.js';")).toBe('');
  });

  test.each([
    [`// ${'TO'}DO: later`, 'left to do'],
    ['// @ts-ignore', 'silences'],
    ['// @ts-nocheck', 'silences'],
  ])('words: %s', (text, fault) => {
    expect(faultsOf(wordFaults, 'base/a.ts', text)).toContain(fault);
  });

  test.each([
    ['supervisor/a.ts', 'const now = Date.now();', 'Date.now'],
    ['hashring/a.ts', 'Math.random()', 'Math.random'],
    ['supervisor/a.ts', 'setTimeout(f, 1)', 'a timer'],
    ['checkpoint/coordinator.ts', "import fs from 'node:fs';", 'node:fs'],
    ['checkpoint/x-store.ts', "import { open } from '../base/files.js';", 'base/files'],
    ['guardian/machine.ts', 'Date.now()', 'Date.now'],
    ['job/recovery/compatibility.ts', 'performance.now()', 'performance.now'],
    ['checkpoint/aligner.ts', "import { Worker } from 'node:worker_threads';", 'worker_threads'],
  ])('clock, chance and the world: %s %s', (path, text, fault) => {
    expect(faultsOf(worldFaults, path, text)).toContain(fault);
  });

  test('files in threads', () => {
    const text = "import { type FileHandle, stat } from 'node:fs/promises';";
    expect(faultsOf(fileFaults, 'connectors/a.ts', text)).toContain('base/files.ts');
    expect(faultsOf(fileFaults, 'base/a.ts', text)).toContain('base/files.ts');
    expect(faultsOf(fileFaults, 'job/a.ts', text)).toBe('');
  });

  test('folders', () => {
    expect(faultsOf(folderFaults, 'base/Rows/table.ts', '')).toContain('kebab-case');
    expect(faultsOf(folderFaults, 'base/rows-2/table.cts', '')).toBe('');
  });
});

test('the linter sees what its rules forbid in src, and allows the rest', async () => {
  const lines = (count: number) => '  f();\n'.repeat(count);
  const found = await lint({
    'src/base/circle-a.ts': "import type { B } from './circle-b.js';\nexport type A = B[];\n",
    'src/base/circle-b.ts': "import type { A } from './circle-a.js';\nexport type B = { a: A };\n",
    'src/base/rowTable.ts': 'export const a = 1;\n',
    'src/base/default.ts': 'export default 1;\n',
    'src/base/as-default.ts': 'const a = 1;\nexport { a as default };\n',
    'src/base/enum.ts': 'export enum Colour {\n  Red = 1,\n}\n',
    'src/base/namespace.ts': 'export namespace A {\n  export const b = 1;\n}\n',
    'src/base/any.ts': 'export const a = (b: Map<string, any>): unknown => b;\n',
    'src/base/ignore.ts': '// @ts-ignore\nexport const a: number = 1;\n',
    'src/base/long-file.ts': `declare const f: () => void;\n${lines(LINES_MAX)}export const a = 1;\n`,
    'src/base/long-function.ts': `declare const f: () => void;\nexport function g(): void {\n${lines(71)}}\n`,
    'src/base/sound.ts': `declare const f: () => void;\nexport function g(): void {\n${lines(69)}}\n// any enum\n`,
  });
  expect(found).toEqual([
    'src/base/any.ts lint/suspicious/noExplicitAny',
    'src/base/as-default.ts lint/style/noDefaultExport',
    'src/base/circle-a.ts lint/suspicious/noImportCycles',
    'src/base/circle-b.ts lint/suspicious/noImportCycles',
    'src/base/default.ts lint/style/noDefaultExport',
    'src/base/enum.ts lint/style/noEnum',
    'src/base/ignore.ts lint/suspicious/noTsIgnore',
    'src/base/long-file.ts lint/style/noExcessiveLinesPerFile',
    'src/base/long-function.ts lint/complexity/noExcessiveLinesPerFunction',
    'src/base/namespace.ts lint/style/noNamespace',
    'src/base/rowTable.ts lint/style/useFilenamingConvention',
  ]);
});

test('knip sees an export that only a test uses, and the file that nobody imports', async () => {
  const stdout = await inFolder(
    {
      'package.json': '{ "type": "module", "exports": "./src/index.ts" }',
      'tsconfig.json': read('tsconfig.json'),
      'knip.jsonc': read('knip.jsonc'),
      'src/actors/index.ts': 'export {};\n',
      'src/module/runtime-globals.ts': 'export {};\n',
      'src/index.ts': "export { a } from './used.js';\n",
      'src/used.ts':
        'export const a = 1;\nexport const b = 2;\n/** @public */\nexport const c = 3;\n',
      'src/alone.ts': 'export const d = 4;\n',
      'test/used.test.ts': "import { b } from '../src/used.js';\nb;\n",
    },
    'knip/bin/knip.js',
    ['--production', '--reporter=json'],
  );
  interface Report {
    readonly issues: readonly {
      readonly file: string;
      readonly files: readonly object[];
      readonly exports: readonly { readonly name: string }[];
    }[];
  }
  const { issues } = JSON.parse(stdout) as Report;
  expect(issues.map(({ file, files: unused }) => [file, unused.length])).toEqual([
    ['src/alone.ts', 1],
    ['src/used.ts', 0],
  ]);
  expect(issues.flatMap(({ exports }) => exports.map(({ name }) => name))).toEqual(['b']);
});

/** What Biome, configured as here, has against these files: `path rule`, sorted. */
async function lint(planted: Readonly<Record<string, string>>): Promise<string[]> {
  const stdout = await inFolder(
    { ...planted, 'biome.json': read('biome.json') },
    '@biomejs/biome/bin/biome',
    ['lint', '.', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none'],
  );
  interface Report {
    readonly diagnostics: readonly {
      readonly category: string;
      readonly location: { readonly path: string };
    }[];
  }
  const { diagnostics } = JSON.parse(stdout) as Report;
  return diagnostics.map(({ category, location }) => `${location.path} ${category}`).sort();
}

/** Standard output of a program of node_modules that runs in a folder of these files. */
async function inFolder(
  planted: Readonly<Record<string, string>>,
  program: string,
  args: readonly string[],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-house-'));
  try {
    for (const [path, text] of Object.entries(planted)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const path = fileURLToPath(new URL(`node_modules/${program}`, root));
    return await new Promise((done) => {
      execFile(process.execPath, [path, ...args], { cwd: folder }, (_, stdout) => done(stdout));
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
