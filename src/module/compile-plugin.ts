/**
 * How the bundler finds and reads files: the part of compilation that esbuild's options cannot say.
 * See `compile.ts` for C1–C3.
 */

import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Loader, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';

/** This package, as the bundler needs to know it. */
export interface OwnPackage {
  readonly root: string;
  readonly dist: string;
  readonly hostEntry: string;
  /** Import specifier → absolute file. */
  readonly entries: ReadonlyMap<string, string>;
}

interface PluginOptions {
  readonly own: OwnPackage;
  readonly format: 'script' | 'module';
  readonly jobFile: string;
}

/** Marks a `require` in the bundle which the bootstrap answers with an imported namespace. */
export const EXTERNAL_PREFIX = 'holdfast-external:';

/** What depends on the file it is written in, replaced by names that `withFileNames` declares. */
export const DEFINES: Readonly<Record<string, string>> = {
  'import.meta.url': '__holdfastUrl',
  'import.meta.filename': '__holdfastFile',
  'import.meta.dirname': '__holdfastFolder',
  'import.meta.resolve': '__holdfastResolve',
  __filename: '__holdfastFile',
  __dirname: '__holdfastFolder',
};

/** Within `dist`. */
export const PRELUDE = 'module/bundle-prelude.js';

const LOADERS: Readonly<Record<string, Loader>> = {
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
};

const EXTERNAL_SPACE = 'holdfast-external';

/** Set on our own questions to esbuild's resolver, so that they do not come back to us. */
const ASKED = { askedByHoldfast: true };

export function bundlePlugin(options: PluginOptions): Plugin {
  const { own } = options;
  return {
    name: 'holdfast',
    setup(build) {
      build.onResolve({ filter: /.*/ }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === ASKED) return undefined;
        if (args.namespace === EXTERNAL_SPACE) return { path: args.path, external: true };
        if (isBuiltin(args.path)) return { path: args.path, external: true };
        if (args.path === 'holdfast' || args.path.startsWith('holdfast/'))
          return ownEntry(args, own);
        // Imported for its effect, which the package's `sideEffects: false` would let go.
        if (args.path === join(own.dist, PRELUDE)) return { path: args.path, sideEffects: true };
        if (args.path.startsWith('file:')) return { path: fileURLToPath(args.path) };
        if (/^(\.{0,2}\/|\.{1,2}$|#|[a-z]:[\\/])/i.test(args.path)) return undefined;
        return await resolvePackage(build, args, options);
      });
      build.onLoad({ filter: /.*/, namespace: EXTERNAL_SPACE }, ({ path }) => ({
        contents: externalModule(EXTERNAL_PREFIX + path),
        loader: 'js',
      }));
      build.onLoad({ filter: /\.[mc]?[jt]sx?$/ }, async ({ path }) => {
        const loader = LOADERS[extname(path)];
        if (loader === undefined) return undefined;
        const text = withFileNames(await readFile(path, 'utf8'), path);
        return { contents: isWithin(path, own.dist) ? text : withClassNames(text), loader };
      });
    },
  };
}

/** C1. */
function ownEntry(args: OnResolveArgs, own: OwnPackage): OnResolveResult {
  const path = own.entries.get(args.path);
  if (path !== undefined) return { path };
  const known = [...own.entries.keys()].join(', ');
  return { errors: [{ text: `holdfast has no entry point '${args.path}'. It has: ${known}.` }] };
}

/** C2. Holdfast's own imports are bundled, but for those made at run time (optional packages). */
async function resolvePackage(
  build: PluginBuild,
  args: OnResolveArgs,
  { own, format, jobFile }: PluginOptions,
): Promise<OnResolveResult | undefined> {
  const ours =
    isWithin(args.importer, own.dist) || isWithin(args.importer, `${own.root}/node_modules`);
  const late = args.kind !== 'import-statement';
  const { kind, importer } = args;
  let found = await build.resolve(args.path, {
    kind,
    importer,
    resolveDir: args.resolveDir,
    pluginData: ASKED,
  });
  if (found.errors.length > 0 && ours) {
    // An optional package of ours that the user has installed beside the job.
    found = await build.resolve(args.path, {
      kind,
      resolveDir: dirname(jobFile),
      pluginData: ASKED,
    });
  }
  if (found.errors.length > 0) {
    if (late) return { path: args.path, external: true };
    const hint = `npm install ${packageName(args.path)}`;
    return { errors: [{ text: `cannot find package '${args.path}'. Is it installed? (${hint})` }] };
  }
  if (ours && !late) return undefined;
  const isPackage = found.path.split(sep).includes('node_modules');
  if (!isPackage || extname(found.path) === '.json') return undefined;
  if (kind === 'require-call' || kind === 'require-resolve') {
    return { path: found.path, external: true };
  }
  const url = pathToFileURL(found.path).href;
  if (late || format === 'module') return { path: url, external: true };
  return { path: url, namespace: EXTERNAL_SPACE, sideEffects: found.sideEffects };
}

/**
 * In a script: stands between the importer and an external package, and is itself no file. For files
 * of `"type": "module"` packages the bundler would take the whole namespace for the default export.
 */
function externalModule(specifier: string): string {
  const text = JSON.stringify(specifier);
  return `export { default } from ${text}; export * from ${text};`;
}

/** C3. On the first line, so that line numbers stay; after a hashbang or a directive. */
function withFileNames(text: string, path: string): string {
  const names: string[] = [];
  const url = JSON.stringify(pathToFileURL(path).href);
  if (/import\s*\.\s*meta/.test(text)) {
    names.push(`__holdfastUrl = ${url}`);
    if (/\bresolve\b/.test(text)) {
      names.push(`__holdfastResolve = (name) => globalThis[${RESOLVE_HOOK}](name, ${url})`);
    }
  }
  if (/\b(filename|__filename)\b/.test(text))
    names.push(`__holdfastFile = ${JSON.stringify(path)}`);
  if (/\b(dirname|__dirname)\b/.test(text)) {
    names.push(`__holdfastFolder = ${JSON.stringify(dirname(path))}`);
  }
  if (names.length === 0) return text;
  const head = /^(#![^\n]*\n)?(\s*(['"])use strict\3;?)?/.exec(text)?.[0] ?? '';
  return `${head}const ${names.join(', ')};${text.slice(head.length)}`;
}

const RESOLVE_HOOK = "Symbol.for('holdfast.resolve')";

/**
 * A class whose name is taken elsewhere in the bundle is renamed; failures are told by their class,
 * so derived classes get their own name back. Appended, so that nothing moves.
 */
function withClassNames(text: string): string {
  const names = new Set<string>();
  for (const match of text.matchAll(
    /^(?:export\s+)?(?:default\s+)?class\s+([\w$]+)[^{;]*\bextends\b/gm,
  )) {
    names.add(match[1] ?? '');
  }
  const lines = [...names].map(
    (name) =>
      `if (typeof ${name} === 'function' && typeof ${name}.name === 'string')` +
      ` Object.defineProperty(${name}, 'name', { value: '${name}', configurable: true });`,
  );
  return lines.length === 0 ? text : `${text}\n;${lines.join('\n')}`;
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder + sep);
}
