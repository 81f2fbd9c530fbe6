/**
 * How the files of a bundle become what they were by themselves: with their own places, names and mode.
 *
 *  F1  Every file keeps its own `import.meta.url`, `__dirname` and `__filename`: written into it as texts, by
 *      the bundler itself, which knows a name from a word in a text or a directive from a statement.
 *  F2  Classes and functions keep the names that they were written with: people key by
 *      `constructor.name`. The bundler renames what is declared twice in one bundle, and a class that
 *      speaks of itself in a static member, and what a file exports without a name. Only files with such names are treated, for keeping names costs
 *      a call for each function that is made.
 *  F3  A CommonJS file without `'use strict'` is not strict, though the bundle is: it is handed to the
 *      engine as a function of its own (`bundle-prelude.ts`).
 */

import { dirname, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildOptions, PluginBuild } from 'esbuild';

export const BUNDLE_TARGET = 'node20.19';

const RESOLVE = '__holdfastResolve';

/** Does the file need `asItWas`? Words in comments count as well, which does no harm. */
export function speaksOfItsPlace(text: string): boolean {
  return /\bimport\s*\.\s*meta\b|\b__(?:dir|file)name\b/.test(text);
}

/** F2: may a class or a function of the file be renamed whatever else is in the bundle? */
export function losesNames(text: string): boolean {
  return hasStaticSelf(text) || hasUnnamedDefault(text);
}

function hasStaticSelf(text: string): boolean {
  return /\bclass\s+[\w$]+[^{]*\{[\s\S]*\bstatic\b/.test(text) || /^\s*@\w/m.test(text);
}

/** Its name is `default`, as the language has it; the bundler names it after the file. */
function hasUnnamedDefault(text: string): boolean {
  return /\bexport\s+default\s+(?:async\s*)?(?:class\s*(?:extends\b|\{)|function\s*\*?\s*\(|\(|[\w$]+\s*=>)/.test(
    text,
  );
}

/** Is the name one that a class or a function of the text is declared with? */
export function declaresFunction(text: string, name: string): boolean {
  const word = name.replaceAll('$', '\\$');
  return new RegExp(
    `\\b(?:class|function)\\s*\\*?\\s+${word}(?![\\w$])` +
      `|(?<![\\w$.])${word}\\s*(?::[^=;]+)?=\\s*(?:async\\b|function\\b|class\\b|\\(|[\\w$]+\\s*=>)`,
  ).test(text);
}

/** F3. */
export function isDeclaredStrict(text: string): boolean {
  return /^(?:#![^\n]*\n)?(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*(['"])use strict\1/.test(text);
}

export interface FileWish {
  readonly path: string;
  readonly text: string;
  /** F2. */
  readonly keepNames: boolean;
  /** Absolute path of `import-resolve.js`. */
  readonly importResolve: string;
}

/** F1, F2: the file as JavaScript, with a source map inside. It is compiled as `tsconfig.json` beside it wants. */
export async function asItWas(esbuild: PluginBuild['esbuild'], wish: FileWish): Promise<string> {
  const { path, text, importResolve } = wish;
  const url = pathToFileURL(path).href;
  const place: Record<string, string> = {
    'import.meta.url': url,
    'import.meta.filename': path,
    'import.meta.dirname': dirname(path),
    __filename: path,
    __dirname: dirname(path),
  };
  const define = Object.fromEntries(
    Object.entries(place).map(([name, value]) => [name, JSON.stringify(value)]),
  );
  const options = {
    entryPoints: [path],
    bundle: false,
    write: false,
    outfile: `${path}.js`,
    platform: 'node',
    target: BUNDLE_TARGET,
    charset: 'utf8',
    sourcemap: 'external',
    sourcesContent: false,
    keepNames: wish.keepNames,
    define: { ...define, 'import.meta.resolve': RESOLVE },
    logLevel: 'silent',
    plugins: [
      {
        name: 'holdfast-file',
        setup(build) {
          build.onLoad({ filter: /.*/ }, () => ({
            contents: text,
            loader: loaderOf(path) ?? 'js',
          }));
        },
      },
    ],
  } satisfies BuildOptions;
  const { outputFiles } = await esbuild.build(options);
  const code = outputFiles.find((output) => !output.path.endsWith('.map'))?.text ?? '';
  const map = outputFiles.find((output) => output.path.endsWith('.map'))?.contents;
  const asks = new RegExp(`\\b${RESOLVE}\\b`).test(code);
  const resolver = asks
    ? `import{resolveImport as ${RESOLVE}From}from${JSON.stringify(importResolve)};` +
      `function ${RESOLVE}(name,parent=${JSON.stringify(url)}){return ${RESOLVE}From(name,String(parent))}\n`
    : '';
  const inline = Buffer.from(map ?? '').toString('base64');
  return `${code}${resolver}//# sourceMappingURL=data:application/json;base64,${inline}\n`;
}

/** F3: what stands in the bundle for the file; the names that it requires are bundled as ever. */
export function sloppyModule(path: string, code: string): string {
  const names = new Set(
    [...code.matchAll(/\brequire\s*\(\s*(['"])([^'"\n\\]+)\1\s*\)/g)].map((found) => found[2]!),
  );
  // In a `try`, for a name in a comment need not be there: what is missing throws when it is asked for.
  const bundled = [...names].map((name) => {
    const text = JSON.stringify(name);
    return `${text}() { try { return require(${text}); } catch (error) { throw error; } }`;
  });
  const [file, folder] = [path, dirname(path)].map((each) => JSON.stringify(each));
  return (
    `const { run, require: ask } = globalThis[Symbol.for('holdfast.sloppyFile')](${file}, ` +
    `${JSON.stringify(code)}, { __proto__: null, ${bundled.join(', ')} });\n` +
    `run.call(module.exports, module.exports, ask, module, ${file}, ${folder});\n`
  );
}

const LOADERS = {
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
} as const;

export function loaderOf(path: string): (typeof LOADERS)[keyof typeof LOADERS] | undefined {
  return LOADERS[extname(path) as keyof typeof LOADERS];
}

/** Source files, as the map names them, with the names that the bundler has changed in each. */
export function renamedIn(map: {
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  let source = 0;
  let name = 0;
  for (const segment of map.mappings.split(/[;,]/)) {
    const fields = variableLengths(segment);
    source += fields[1] ?? 0;
    if (fields.length < 5) continue;
    name += fields[4]!;
    const file = map.sources[source]!;
    found.set(file, (found.get(file) ?? new Set()).add(map.names[name]!));
  }
  return found;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Numbers in base 64, as source maps write them (ECMA-426): five bits a digit, the least first, then a sign. */
function variableLengths(text: string): readonly number[] {
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (const digit of text) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) !== 0) continue;
    values.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return values;
}
