/**
 * Keeps for each file of a bundle what it had by itself: its place, its names and its mode.
 *
 *  F1  Every file keeps its own `import.meta.url`, `__dirname` and `__filename`. The bundler writes them into the file
 *      as texts, because it tells a name from a word in a text, and a directive from a statement.
 *  F2  Classes and functions keep the names that they were written with, because people key by
 *      `constructor.name`. The bundler renames what is declared twice in one bundle, a class that
 *      refers to itself in a static member, and what a file exports without a name. Only files with such names are
 *      treated, because to keep names costs a call for each function that is made.
 *  F3  A CommonJS file without `'use strict'` is not strict, although the bundle is. The engine gets it as a
 *      function of its own (`runtime-globals.ts`).
 */

import { dirname, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildOptions, PluginBuild } from 'esbuild';
import { eachSegment, NONE, type RawSourceMap } from './position-map.js';

export const BUNDLE_TARGET = 'node20.19';

const RESOLVE = '__holdfastResolve';

/** Does the file need `asItWas`? Words in comments count as well, which does no harm. */
export function speaksOfItsPlace(text: string): boolean {
  return /\bimport\s*\.\s*meta\b|\b__(?:dir|file)name\b/.test(text);
}

/** Does the bundler rename a class or a function of the file, whatever else is in the bundle (F2)? */
export function losesNames(text: string): boolean {
  return hasStaticSelf(text) || hasUnnamedDefault(text);
}

function hasStaticSelf(text: string): boolean {
  return /\bclass\s+[\w$]+[^{]*\{[\s\S]*\bstatic\b/.test(text) || /^\s*@\w/m.test(text);
}

/** Has the file a default export without a name? The language calls it `default`, the bundler after the file. */
function hasUnnamedDefault(text: string): boolean {
  return /\bexport\s+default\s+(?:async\s*)?(?:class\s*(?:extends\b|\{)|function\s*\*?\s*\(|\(|[\w$]+\s*=>)/.test(
    text,
  );
}

/** Does the text declare a class or a function of this name? */
export function declaresFunction(text: string, name: string): boolean {
  const word = name.replaceAll('$', '\\$');
  return new RegExp(
    `\\b(?:class|function)\\s*\\*?\\s+${word}(?![\\w$])` +
      `|(?<![\\w$.])${word}\\s*(?::[^=;]+)?=\\s*(?:async\\b|function\\b|class\\b|\\(|[\\w$]+\\s*=>)`,
  ).test(text);
}

/** Does the file declare itself strict (F3)? */
export function isDeclaredStrict(text: string): boolean {
  return /^(?:#![^\n]*\n)?(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*(['"])use strict\1/.test(text);
}

export interface FileWish {
  readonly path: string;
  readonly text: string;
  /** Keep the names of classes and functions (F2). */
  readonly keepNames: boolean;
  /** Absolute path of `import-resolve.js`. */
  readonly importResolve: string;
}

/** The file as JavaScript (F1, F2), with a source map inside. It is compiled by the `tsconfig.json` beside it. */
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

/** What stands in the bundle for the file (F3). The packages and files that it requires are bundled as usual. */
export function sloppyModule(path: string, code: string): string {
  const names = new Set(
    [...code.matchAll(/\brequire\s*\(\s*(['"])([^'"\n\\]+)\1\s*\)/g)].map((found) => found[2]!),
  );
  // A `try` is needed, because a name in a comment may not exist. A missing name throws when it is required.
  const bundled = [...names].map((name) => {
    const text = JSON.stringify(name);
    return `${text}() { try { return require(${text}); } catch (error) { throw error; } }`;
  });
  const [file, folder] = [path, dirname(path)].map((each) => JSON.stringify(each));
  return (
    `const { run, require: ask } = globalThis[Symbol.for('holdfast.runtime')].sloppyFile(${file}, ` +
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

/** Source files by their names in the map, with the names that the bundler has changed in each. */
export function renamedIn(
  map: RawSourceMap & { readonly names: readonly string[] },
): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  eachSegment(map.mappings, (_line, _column, source, _sourceLine, _sourceColumn, name) => {
    if (name === NONE) return;
    const file = map.sources[source]!;
    const names = found.get(file);
    if (names === undefined) found.set(file, new Set([map.names[name]!]));
    else names.add(map.names[name]!);
  });
  return found;
}
