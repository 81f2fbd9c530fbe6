/**
 * Whatever the front door gives can be named by who gets it: each type that stands in the declaration of an
 * exported one is exported as well. Read from the declarations that the package ships.
 */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const DOORS = [
  'index.d.ts',
  'connectors/parquet/parquet.d.ts',
  'checkpoint/object/s3.d.ts',
  'testing/index.d.ts',
];

/** What needs no name: shapes that others extend or are made of, and a brand. */
const UNNAMED = new Set(['RestartBase', 'UserAggregationBase', 'Flat', 'LateTags', 'JOB_BRAND']);
/** Of fields that only the class itself can see, or of constructors that are not for users. */
const INTERNAL = new Set([
  'StreamOrigin',
  'ConnectedSide',
  'WindowedOrigin',
  'GraphDraft',
  'HarnessParts',
  'NodeDraft',
  'KeySelector',
]);

const OF_JAVASCRIPT = new Set<string>(['getTime']);

const read = (file: string) => readFileSync(join(dist, file), 'utf8');

/** Name → the file that it comes from, and its name there. */
function namesOf(file: string): ReadonlyMap<string, readonly [file: string, name: string]> {
  const found = new Map<string, readonly [string, string]>();
  for (const [, names = '', from = ''] of read(file).matchAll(
    /^(?:import|export)(?: type)? \{([^}]*)\} from '(\.[^']+)'/gm,
  )) {
    const target = normalize(join(dirname(file), from)).replace(/\.js$/, '.d.ts');
    for (const each of names.split(',')) {
      const [original, as = original] = each
        .replace(/\btype /, '')
        .trim()
        .split(/ as /);
      if (original !== undefined && original !== '') found.set(as!, [target, original]);
    }
  }
  return found;
}

interface Declaration {
  readonly file: string;
  readonly text: string;
}

function declarationOf(file: string, name: string): Declaration | undefined {
  const head = /^(?:export )?(?:declare )?(?:abstract )?(?:interface|class|type|function|const) /m;
  const blocks = read(file)
    .replace(/\/\*\*[\s\S]*?\*\//g, '')
    .split(new RegExp(`(?=${head.source})`, 'm'));
  const own = blocks.filter((block) => new RegExp(`${head.source}${name}\\b`, 'm').test(block));
  if (own.length > 0) {
    const text = own.join('\n').replace(/^\s*(?:private|protected) .*$/gm, '');
    return { file, text: text.replace(/'[^']*'/g, "''") };
  }
  const at = namesOf(file).get(name);
  if (at === undefined || !existsSync(join(dist, at[0]))) return undefined;
  return declarationOf(...at);
}

function exportsOf(door: string): Set<string> {
  const declared = read(door).matchAll(
    /^export (?:declare )?(?:interface|class|type|function|const) (\w+)/gm,
  );
  return new Set([...namesOf(door).keys(), ...[...declared].map((found) => found[1]!)]);
}

function unexported(door: string, exported: ReadonlySet<string>): readonly string[] {
  const missing = new Map<string, string>();
  const seen = new Set<string>();
  const queue = [...exportsOf(door)].map((name) => ({ file: door, name, via: name }));
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { file, name, via } = next;
    if (seen.has(`${file} ${name}`)) continue;
    seen.add(`${file} ${name}`);
    const declaration = declarationOf(file, name);
    if (declaration === undefined) continue;
    const own = read(declaration.file).matchAll(
      /^(?:export )?(?:declare )?(?:interface|class|type) (\w+)/gm,
    );
    const known = new Set([
      ...namesOf(declaration.file).keys(),
      ...[...own].map((found) => found[1]!),
    ]);
    for (const [word] of declaration.text.matchAll(/\b[A-Z]\w+/g)) {
      if (!known.has(word) || exported.has(word) || INTERNAL.has(word)) continue;
      if (!UNNAMED.has(word)) missing.set(word, via);
      queue.push({ file: declaration.file, name: word, via: `${via} > ${word}` });
    }
  }
  return [...missing].map(([name, via]) => `${name}, in ${via}`);
}

test.each(DOORS)('%s exports what it names', (door) => {
  const exported = new Set([...exportsOf('index.d.ts'), ...exportsOf(door)]);
  expect(unexported(door, exported)).toEqual([]);
});

test('what is not exported is found', () => {
  const exported = exportsOf('index.d.ts');
  exported.delete('GuardedJob');
  exported.delete('KillCause');
  expect(unexported('index.d.ts', exported)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^GuardedJob, in /),
      expect.stringMatching(/^KillCause, in /),
    ]),
  );
});

test('the declarations need no @types/node', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-types-'));
  try {
    await mkdir(join(folder, 'node_modules'));
    await symlink(join(dist, '..'), join(folder, 'node_modules', 'holdfast'));
    const files = {
      'package.json': '{ "type": "module" }',
      'all.ts': `
        export * from 'holdfast'; export * from 'holdfast/parquet'; export * from 'holdfast/s3';
        export * from 'holdfast/testing';`,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2023',
          strict: true,
          types: [],
          noEmit: true,
        },
        files: ['all.ts'],
      }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const tsc = join(dist, '../node_modules/typescript/bin/tsc');
    const told = await new Promise<string>((resolve) => {
      execFile(process.execPath, [tsc, '-p', folder, '--skipLibCheck', 'false'], (_, stdout) =>
        resolve(stdout),
      );
    });
    expect(told).toBe('');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** What texts given to errors name: calls, as `.uid('…')`, and whatever is written like `withTimestamps`. */
function namesIn(file: string): readonly string[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(/new HoldfastError\([\s\S]*?\);\n/g)].flatMap(([raised]) => {
    const plain = raised.replaceAll(/\$\{[^}]*\}/g, '…');
    const texts = plain.match(/'(?:[^'\\\n]|\\.)*'|"[^"\n]*"|`[^`]*`/g) ?? [];
    return Array.from(
      texts.join(' ').matchAll(/\b([a-z]\w+)(?=\()|\b[a-z]+[A-Z]\w*/g),
      ([name]) => name,
    );
  });
}

test('what an error names is there', () => {
  const src = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' });
  const said = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => namesIn(join(src, file)));
  const declarations = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.d.ts'))
    .map((file) => read(file).replaceAll(/\/\*[\s\S]*?\*\//g, ''))
    .join('\n');
  const names = [...new Set(said)].sort();
  expect(names.length).toBeGreaterThan(15);
  expect(names).toContain('withTimestamps');
  const isThere = (name: string) => new RegExp(`\\b${name}\\b`).test(declarations);
  expect(names.filter((name) => !isThere(name) && !OF_JAVASCRIPT.has(name))).toEqual([]);
});
