/**
 * Makes of a job module what a worker loads: one file that holds the job and all files of the user's that it imports.
 *
 * This is needed because a worker on Node 20 cannot load TypeScript, and because to resolve and compile some hundred
 * modules would be most of a respawn. One script with V8's code cache beside it starts in a fraction
 * of that time. It is made once per run: respawns and the guardian's next process load the same file. The host and
 * Holdfast itself are in a script of their own, which was made with the package (runtime-bundle.ts).
 *
 *  C1  The job and the host share one copy of Holdfast: in a bundle, a module of Holdfast stands for that of the
 *      runtime (compile-plugin.ts). Only what the runtime lacks, such as the connectors with optional packages, is
 *      bundled.
 *  C2  A package of the user's is never bundled, but loaded from where its importer finds it. (The
 *      user's own files are bundled, also when a workspace link makes them look like a package.)
 *  C3  Every file keeps what it has by itself: its place, its names, its mode, strict or not (own-files.ts).
 *  C4  A bundle's folder is named by a hash of its content, written atomically, and only
 *      replaced by the same content. So two runs at once cannot disturb each other.
 *  C5  The output is a classic script, because only these take a code cache. A job with a top-level
 *      `await` becomes an ES module instead, and starts a little slower.
 *  C6  In a script the bootstrap performs late `import()`s of packages. On Node 20 a native one
 *      fails in a script that comes out of a code cache.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BuildFailure, BuildOptions, BuildResult, Metafile } from 'esbuild';
import { HoldfastError, isHoldfastError } from '../base/errors.js';
import type { BootData, CodeCacheFiles } from './boot-data.js';
import { bundleFolder, claimBundle, pruneBundles, writeBundle } from './compile-cache.js';
import { compileError, isTopLevelAwait } from './compile-errors.js';
import { bundlePlugin, EXTERNAL_PREFIX, isUsers, type OwnPackage } from './compile-plugin.js';
import { declaresFunction, isDeclaredStrict, loaderOf, renamedIn } from './own-files.js';
import { ownPackageFiles } from './own-package.js';
import { ownRuntimeScript, readRuntime, runtimeMap } from './runtime-index.js';
import {
  BUNDLE_OPTIONS,
  SCRIPT_FOOT,
  SCRIPT_HEAD,
  SCRIPT_OPTIONS,
  STRICT_HEAD,
  withLateImports,
} from './script-format.js';

/** What workers load. It is plain data. */
export interface Compiled {
  /** Absolute path of the file that `new Worker` loads. */
  readonly entry: string;
  /** Part of the worker's data, under the name `boot`. */
  readonly boot: BootData;
  /** Scripts and their source maps, by absolute paths. */
  readonly sourceMaps: Readonly<Record<string, string>>;
}

/** A job; it travels to the guardian's next process. */
export interface CompiledJob extends Compiled {
  /** URL of the module that was compiled (`.js` where a `.ts` did not exist). */
  readonly url: string;
}

export interface CompileOptions {
  /** Absolute path of a runtime script that is not the package's own. */
  readonly runtime?: string;
}

interface Output {
  readonly format: BootData['format'];
  readonly code: Uint8Array;
  readonly map: Uint8Array;
  readonly externals: readonly string[];
  /** The treatment that the bundle needs, now that its files are known. */
  readonly wanted: Treatment;
}

/** How a job's files have to be treated. This is known only after they were bundled once. */
interface Treatment {
  /** The script is strict: true when any file of the user's is an ES module, as nearly all are. */
  readonly strict: boolean;
  readonly named: ReadonlySet<string>;
  readonly sloppy: ReadonlySet<string>;
}

const FIRST: Treatment = { strict: true, named: new Set(), sloppy: new Set() };

const FALLBACKS: Readonly<Record<string, string>> = {
  '.ts': '.js',
  '.mts': '.mjs',
  '.cts': '.cjs',
};

/** What this process has written, by the bundle's path. */
const written = new Map<string, Readonly<Record<string, Uint8Array>>>();

/** Bundles that a guardian has handed over, by the URL that was asked for. */
const handedOver = new Map<string, CompiledJob>();

/**
 * Compiles a job module.
 *
 * @param url of a file, or a path relative to the working directory
 * @throws HoldfastError ERR_HOLDFAST_JOB_MODULE when there is no such file, ERR_HOLDFAST_COMPILE
 *   with file, line and column when it does not compile, ERR_HOLDFAST_ENVIRONMENT where no job can run
 */
export async function compileJob(
  url: URL | string,
  options: CompileOptions = {},
): Promise<CompiledJob> {
  const file = locateJob(url);
  const ready = handedOver.get(pathToFileURL(file).href);
  if (ready !== undefined && isFile(ready.boot.bundle)) return ready;
  const entry = { file, stub: entryStub(file), what: 'the job module' };
  return { ...(await compileEntry(entry, options)), url: pathToFileURL(file).href };
}

/**
 * Bundles an entry, and writes what workers load.
 * @throws HoldfastError ERR_HOLDFAST_COMPILE, ERR_HOLDFAST_ENVIRONMENT
 */
export async function compileEntry(entry: Entry, options: CompileOptions): Promise<Compiled> {
  const { file, what } = entry;
  const own = ownPackage(options.runtime);
  const { runtime } = own;
  const output = await bundle(entry, own);
  const folder = await bundleFolder(dirname(file), contentHash(output, runtime.hash));
  const shared = await bundleFolder(homeOf(own.root), runtime.hash);
  const name = output.format === 'script' ? 'job.cjs' : 'job.mjs';
  const files = {
    'importer.mjs': Buffer.from(IMPORTER),
    [`${name}.map`]: output.map,
    [name]: output.code,
  };
  writeBundle(folder, files);
  written.set(join(folder, name), files);
  await claimBundle(folder);
  await claimBundle(shared);
  await pruneBundles(folder);
  if (dirname(shared) !== dirname(folder)) await pruneBundles(shared);
  const runtimeCache = {
    full: codeCacheIn(folder, 'runtime').full,
    early: codeCacheIn(shared, 'runtime').early,
  };
  return {
    entry: fileURLToPath(new URL('./bootstrap.cjs', import.meta.url)),
    boot: {
      runtime: { script: runtime.script, codeCache: runtimeCache },
      format: output.format,
      bundle: join(folder, name),
      externals: output.externals,
      what,
      jobUrl: pathToFileURL(file).href,
      codeCache: codeCacheIn(folder, 'code'),
    },
    sourceMaps: {
      [join(folder, name)]: join(folder, `${name}.map`),
      [runtime.script]: runtimeMap(runtime.script),
    },
  };
}

/** Where what serves all jobs is kept: beside the package when it is installed, in its own checkout otherwise. */
function homeOf(root: string): string {
  return root.includes(`${sep}node_modules${sep}`) ? dirname(root) : root;
}

function codeCacheIn(folder: string, name: string): CodeCacheFiles {
  const full = join(folder, `${name}-${process.version}-${process.arch}.bin`);
  return { full, early: `${full}.early` };
}

/** Before a thread starts: writes again what this process has compiled, if somebody has emptied the cache meanwhile. */
export function mendBundle({ boot: { bundle } }: Compiled): void {
  if (isFile(bundle)) return;
  const files = written.get(bundle);
  if (files === undefined) return;
  try {
    mkdirSync(dirname(bundle), { recursive: true });
    writeBundle(dirname(bundle), files);
  } catch {
    // There is no place to write to any more. What is missing, the thread tells.
  }
}

/** Lets `compileJob` answer with a bundle that another process of this run has made. */
export function reuseCompiled(compiled: CompiledJob): void {
  handedOver.set(compiled.url, compiled);
}

/**
 * The absolute path of the job's file, without links.
 * @throws HoldfastError ERR_HOLDFAST_JOB_MODULE
 */
export function locateJob(url: URL | string): string {
  if (typeof url !== 'string' && !(url instanceof URL)) throw noPlace(url);
  const asked = toPath(url);
  const dot = asked.lastIndexOf('.');
  const fallback = FALLBACKS[asked.slice(dot)];
  for (const path of fallback === undefined ? [asked] : [asked, asked.slice(0, dot) + fallback]) {
    if (isFile(path)) return realpathSync(path);
  }
  const also = fallback === undefined ? '' : `, nor one that ends in ${fallback}`;
  throw new HoldfastError(
    'ERR_HOLDFAST_JOB_MODULE',
    `there is no job module at ${asked}${also}. Give the URL of a file whose default export is ` +
      `defineJob(…), for instance new URL('./my.job.ts', import.meta.url).`,
    { details: { path: asked } },
  );
}

/**
 * The absolute path of a file that is no job's, without links.
 * @param refused makes the error of there being none
 */
export function locateModule(url: string, refused: (cause: unknown) => HoldfastError): string {
  try {
    return locateJob(url);
  } catch (cause) {
    throw isHoldfastError(cause, 'ERR_HOLDFAST_JOB_MODULE') ? refused(cause) : cause;
  }
}

/** Functions do not cross threads, so a job that is one cannot run in them. */
function noPlace(given: unknown): HoldfastError {
  const inline =
    typeof given === 'function' ? ' To run a function in the calling thread: runInline(…).' : '';
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_MODULE',
    `a job runs in threads that load its module, so the URL of a file is needed, and what was given is ` +
      `${given === null ? 'null' : `of type ${typeof given}`}. Write: new URL('./my.job.ts', import.meta.url), of a file ` +
      `whose default export is defineJob(…).${inline}`,
  );
}

function toPath(url: URL | string): string {
  const text = String(url);
  if (text.startsWith('file:')) return fileURLToPath(text);
  if (url instanceof URL || /^[a-z][a-z+.-]+:/i.test(text)) {
    throw new HoldfastError(
      'ERR_HOLDFAST_JOB_MODULE',
      `a job module must be a local file, but the URL is ${text}. Give a file: URL or a path.`,
      { details: { url: text } },
    );
  }
  return resolve(text);
}

function ownPackage(script: string | undefined): OwnPackage {
  const { root, manifest } = ownPackageFiles();
  const entries = new Map<string, string>();
  for (const [name, target] of Object.entries(manifest.exports)) {
    const path = typeof target === 'string' ? target : target.default;
    if (path !== undefined) entries.set(`holdfast${name.slice(1)}`, join(root, path));
  }
  const dist = join(root, 'dist');
  return { root, dist, runtime: readRuntime(script ?? ownRuntimeScript(dist)), entries };
}

/** Required when it is needed: an `import()` of this large CommonJS file would take five times as long. */
function bundler(): typeof import('esbuild') {
  return createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
}

export interface Entry {
  /** Absolute path of the module, or of the first one: what is relative is relative to it. */
  readonly file: string;
  /** What the module is, for messages. */
  readonly what: string;
  /** What the bundle does with the file. */
  readonly stub: string;
}

async function bundle(entry: Entry, own: OwnPackage): Promise<Output> {
  const { build } = bundler();
  try {
    return await bundleTreated('script', build, entry, own);
  } catch (error) {
    if (!isTopLevelAwait(error)) throw compileError(error as BuildFailure, entry.file, entry.what);
  }
  return await bundleModule(entry, own);
}

async function bundleModule(entry: Entry, own: OwnPackage): Promise<Output> {
  const { build } = bundler();
  try {
    return await bundleTreated('module', build, entry, own);
  } catch (error) {
    throw compileError(error as BuildFailure, entry.file, entry.what);
  }
}

/**
 * Makes of a module that runs on threads of an operator's own an ES module, which exports its namespace as `module`.
 * There is no runtime in such a thread: what the module imports of Holdfast is in the bundle.
 * @returns the absolute path of the bundle
 * @throws HoldfastError ERR_HOLDFAST_COMPILE, ERR_HOLDFAST_ENVIRONMENT
 */
export async function compileEsModule(file: string): Promise<string> {
  const found = ownPackage(undefined);
  const own = { ...found, runtime: { ...found.runtime, modules: {}, entry: {} } };
  const stub = `import * as module from ${JSON.stringify(file)};\nexport { module };`;
  const output = await bundleModule({ file, stub, what: 'the module of mapOnPool(…)' }, own);
  const folder = await bundleFolder(dirname(file), contentHash(output, found.runtime.hash));
  const path = join(folder, 'module.mjs');
  writeBundle(folder, { 'module.mjs': output.code });
  await claimBundle(folder);
  return path;
}

/** Bundles the job. Most jobs need one pass. If some files turn out to need a treatment, there is another. */
async function bundleTreated(
  format: BootData['format'],
  build: Build,
  entry: Entry,
  own: OwnPackage,
): Promise<Output> {
  const first = await bundleAs(format, build, entry, own, FIRST);
  const { strict, named, sloppy } = first.wanted;
  if (strict && named.size === 0 && sloppy.size === 0) return first;
  return await bundleAs(format, build, entry, own, first.wanted);
}

type Build = (options: BuildOptions) => Promise<BuildResult>;

async function bundleAs(
  format: BootData['format'],
  build: Build,
  { file, stub }: Entry,
  own: OwnPackage,
  treatment: Treatment,
): Promise<Output> {
  const script = format === 'script';
  const result = await build({
    stdin: {
      contents: stub,
      resolveDir: dirname(file),
      sourcefile: 'holdfast-entry',
    },
    ...BUNDLE_OPTIONS,
    ...(script ? SCRIPT_OPTIONS : { format: 'esm' }),
    metafile: true,
    sourcemap: 'external',
    sourcesContent: false,
    outfile: join(dirname(file), OUTPUT_NAME),
    absWorkingDir: dirname(file),
    logLevel: 'silent',
    legalComments: 'none',
    banner: { js: !script ? MODULE_HEAD : treatment.strict ? STRICT_HEAD : SCRIPT_HEAD },
    footer: { js: script ? SCRIPT_FOOT : '' },
    plugins: [bundlePlugin({ own, format, jobFile: file, ...treatment })],
  });
  const files = result.outputFiles ?? [];
  const code = files.find((output) => !output.path.endsWith('.map'));
  const map = files.find((output) => output.path.endsWith('.map'));
  const outputs = Object.values(result.metafile?.outputs ?? {});
  if (code === undefined || map === undefined) {
    throw new HoldfastError(
      'ERR_HOLDFAST_INTERNAL',
      'the bundler gave no output. Please report this.',
    );
  }
  const externals = outputs
    .flatMap((output) => output.imports)
    .filter((imported) => imported.path.startsWith(EXTERNAL_PREFIX))
    .map((imported) => imported.path.slice(EXTERNAL_PREFIX.length));
  return {
    format,
    code: script ? Buffer.from(withLateImports(code.text)) : code.contents,
    map: withAbsoluteSources(map.text, dirname(file)),
    externals: [...new Set(externals)],
    wanted: await treatmentFor(result.metafile?.inputs ?? {}, map.text, dirname(file), own),
  };
}

async function treatmentFor(
  inputs: Metafile['inputs'],
  mapText: string,
  folder: string,
  own: OwnPackage,
): Promise<Treatment> {
  const renamed = new Map(
    [...renamedIn(JSON.parse(mapText))].map(([source, names]) => [resolve(folder, source), names]),
  );
  let strict = false;
  const named = new Set<string>();
  const sloppy = new Set<string>();
  for (const [input, { format }] of Object.entries(inputs)) {
    if (input.startsWith(EXTERNAL_PREFIX)) continue;
    const path = resolve(folder, input);
    if (loaderOf(path) === undefined || !isUsers(path, own)) continue;
    strict ||= format === 'esm';
    const text = await readFile(path, 'utf8');
    if (format === 'cjs' && !isDeclaredStrict(text)) sloppy.add(path);
    const names = [...(renamed.get(path) ?? [])];
    if (names.some((name) => declaresFunction(text, name))) named.add(path);
  }
  return { strict, named, sloppy: strict ? sloppy : new Set() };
}

/** A name for the source map and the bundler's messages; no file is written under it. */
const OUTPUT_NAME = 'holdfast-bundle.js';

/** Makes the map's sources absolute, because the bundle will lie elsewhere than the bundler thinks. */
function withAbsoluteSources(text: string, folder: string): Uint8Array {
  const map = JSON.parse(text) as { sources: string[] };
  map.sources = map.sources.map((source) =>
    /^[\w-]{2,}:/.test(source) ? source : resolve(folder, source),
  );
  return Buffer.from(JSON.stringify(map));
}

/** A file beside the bundle, which imports packages from there. */
const IMPORTER = 'export const load = (name) => import(name);\n';

/** `require` for CommonJS files of the user's inside an ES module. */
const MODULE_HEAD =
  'import { createRequire as __holdfastRequire } from "node:module";' +
  'const require = __holdfastRequire(import.meta.url);';

function entryStub(file: string): string {
  return [
    `import * as job from ${JSON.stringify(file)};`,
    "globalThis[Symbol.for('holdfast.runtime')].start(job);",
  ].join('\n');
}

function contentHash(output: Output, runtime: string): string {
  const hash = createHash('sha256');
  // Of another runtime V8 might take the code cache, because it compares no more than lengths.
  hash
    .update(runtime)
    .update(output.format)
    .update('\0')
    .update(output.code)
    .update('\0')
    .update(output.map);
  return hash.digest('hex').slice(0, 24);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
