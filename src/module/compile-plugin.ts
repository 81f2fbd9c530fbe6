/**
 * How the bundler finds and reads files: the part of compilation that esbuild's options cannot say.
 * See `compile.ts` for C1 and C2, `own-files.ts` for what becomes of the files.
 */

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type {
  BuildFailure,
  OnResolveArgs,
  OnResolveResult,
  PartialMessage,
  Plugin,
  PluginBuild,
} from 'esbuild';
import { asItWas, loaderOf, losesNames, sloppyModule, speaksOfItsPlace } from './own-files.js';
import { moduleName, type Runtime } from './runtime-index.js';

/** What the bundler needs to know about this package. */
export interface OwnPackage {
  readonly root: string;
  readonly dist: string;
  readonly runtime: Runtime;
  /** Import specifier → absolute file. */
  readonly entries: ReadonlyMap<string, string>;
}

interface PluginOptions {
  readonly own: OwnPackage;
  readonly format: 'script' | 'module';
  readonly jobFile: string;
  /** Absolute paths of files whose functions have to be given their names (own-files.ts, F2). */
  readonly named: ReadonlySet<string>;
  /** Absolute paths of files that are not strict in a strict bundle (own-files.ts, F3). */
  readonly sloppy: ReadonlySet<string>;
}

/** Marks a `require` in the bundle which the bootstrap answers with an imported namespace. */
export const EXTERNAL_PREFIX = 'holdfast-external:';

const IMPORT_RESOLVE = 'module/import-resolve.js';

const EXTERNAL_SPACE = 'holdfast-external';

/** Set on our own questions to esbuild's resolver, so that they do not come back to us. */
const ASKED = { askedByHoldfast: true };

export function bundlePlugin(options: PluginOptions): Plugin {
  const { own } = options;
  return {
    name: 'holdfast',
    setup(build) {
      // Relative imports are esbuild's alone: to be asked for each would be a third of a compilation.
      build.onResolve({ filter: /^[^.]/ }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === ASKED) return undefined;
        if (args.namespace === EXTERNAL_SPACE) return { path: args.path, external: true };
        if (isBuiltin(args.path)) return { path: args.path, external: true };
        if (args.path === 'holdfast' || args.path.startsWith('holdfast/'))
          return ownEntry(args, own);
        if (args.path.startsWith('file:')) return { path: fileURLToPath(args.path) };
        if (/^(\/|#|[a-z]:[\\/])/i.test(args.path)) return undefined;
        return await resolvePackage(build, args, options);
      });
      build.onLoad({ filter: /.*/, namespace: EXTERNAL_SPACE }, ({ path }) => ({
        contents: externalModule(EXTERNAL_PREFIX + path),
        loader: 'js',
      }));
      build.onLoad({ filter: /\.[mc]?[jt]sx?$/ }, async ({ path }) => {
        if (loaderOf(path) === undefined) return undefined;
        const ofRuntime = runtimeModule(path, own);
        if (ofRuntime !== undefined) return { contents: ofRuntime, loader: 'js' };
        // There are some hundred small files. To await each would take longer than all else that is done here.
        const text = readFileSync(path, 'utf8');
        const isSloppy = options.sloppy.has(path);
        const keepNames =
          options.named.has(path) || (isUsers(path, own) && losesNames(text) && !isSloppy);
        if (!isSloppy && !keepNames && !speaksOfItsPlace(text)) return undefined;
        if (isSloppy && /\.cjs$|\.js$/.test(path)) {
          return { contents: sloppyModule(path, text), loader: 'js' };
        }
        const importResolve = join(own.dist, IMPORT_RESOLVE);
        let code: string;
        try {
          code = await asItWas(build.esbuild, { path, text, keepNames, importResolve });
        } catch (error) {
          return { errors: errorsOf(error, path) };
        }
        return { contents: isSloppy ? sloppyModule(path, code) : code, loader: 'js' };
      });
    },
  };
}

/** What the bundler has found in one file, at its places there. Without this the import of the file would be its place. */
function errorsOf(error: unknown, path: string): PartialMessage[] {
  const { errors = [] } = error as Partial<BuildFailure>;
  if (errors.length === 0) throw error;
  return errors.map(({ text, notes, location }) => ({
    text,
    notes,
    location: location === null ? null : { ...location, file: path },
  }));
}

/** Resolves an entry point of Holdfast to this package (C1). */
function ownEntry(args: OnResolveArgs, own: OwnPackage): OnResolveResult {
  const path = own.entries.get(args.path);
  if (path !== undefined) return { path };
  const known = [...own.entries.keys()].join(', ');
  return { errors: [{ text: `holdfast has no entry point '${args.path}'. It has: ${known}.` }] };
}

/** Resolves a package (C2). Holdfast's own imports are bundled, except those made at run time (optional packages). */
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
    // The user may have installed an optional package of ours beside the job.
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
 * A module without a file that stands, in a script, between an importer and an external package. Without it the bundler
 * would take the whole namespace for the default export in files of `"type": "module"` packages.
 */
function externalModule(specifier: string): string {
  const text = JSON.stringify(specifier);
  return `export { default } from ${text}; export * from ${text};`;
}

/**
 * What stands in a bundle for a module of Holdfast that is in the runtime: its names, each taken from there (C1). Names
 * that are not used are not even asked for.
 * @returns undefined when the file is none
 */
function runtimeModule(path: string, { dist, runtime }: OwnPackage): string | undefined {
  const module = moduleName(dist, path);
  if (module === undefined) return undefined;
  const names = runtime.modules[module];
  const owners =
    module === 'index.js'
      ? Object.entries(runtime.entry)
      : names?.map((name) => [name, module] as const);
  if (owners === undefined) return undefined;
  const lines = owners.map(
    ([name, owner]) =>
      `export const ${name} = /* @__PURE__ */ get(${JSON.stringify(owner)}, ${JSON.stringify(name)});`,
  );
  return `const { get } = globalThis[Symbol.for('holdfast.runtime')];\n${lines.join('\n')}\n`;
}

/** Is the file the user's: neither of Holdfast nor of a package of Holdfast's? */
export function isUsers(path: string, own: OwnPackage): boolean {
  return !isWithin(path, own.dist) && !isWithin(path, join(own.root, 'node_modules'));
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
