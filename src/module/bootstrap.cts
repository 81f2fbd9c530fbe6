/**
 * The file that `new Worker` loads. It runs the runtime (host and Holdfast) and then the job's bundle as scripts, with
 * V8's code cache.
 *
 * It is CommonJS and imports nothing but built-in modules, because a worker whose entry is an ES module starts the
 * module loader first.
 *
 *  - A package that the bundle imports is imported before the script runs, and handed to it as a
 *    namespace. So packages that are ES modules, even with a top-level `await`, work in a script.
 *  - An error while the bundle loads is the user's module's, and reported as `load-failed`.
 *  - A worker makes the code cache when it has run for a moment, because the cache holds only functions that were
 *    called. It makes an early one soon after its start, for a thread that dies in the first second, and the full
 *    one later. The early one of the runtime serves all jobs. A cache that V8 refuses (another version, other flags) is
 *    made anew.
 */

type BootData = import('./boot-data.js', { with: { 'resolution-mode': 'import' }}).BootData;
type WorkerPort = typeof import('../threads/worker-port.js', { with: {
  'resolution-mode': 'import',
}});
type RuntimeGlobals = import('./runtime-globals.js', { with: {
  'resolution-mode': 'import',
}}).RuntimeGlobals;

const fs = require('node:fs') as typeof import('node:fs');
const { createRequire, isBuiltin } = require('node:module') as typeof import('node:module');
const { dirname, join } = require('node:path') as typeof import('node:path');
const { pathToFileURL } = require('node:url') as typeof import('node:url');
const vm = require('node:vm') as typeof import('node:vm');
const { workerData } = require('node:worker_threads') as typeof import('node:worker_threads');

const EXTERNAL_PREFIX = 'holdfast-external:';
/** By then the job is loaded and has begun. */
const EARLY_CACHE_AFTER_MS = 100;
/** By then the data path has run. */
const FULL_CACHE_AFTER_MS = 1_000;

const boot = (workerData as { readonly boot: BootData }).boot;

function start(): void {
  runScript(boot.runtime, createRequire(boot.runtime.script), lateImportOfRuntime);
  if (boot.format === 'module') {
    import(pathToFileURL(boot.bundle).href).catch(loadFailed);
  } else if (boot.externals.length === 0) {
    runJob(new Map());
  } else {
    importAll(boot.externals).then(runJob).catch(loadFailed);
  }
}

async function importAll(urls: readonly string[]): Promise<ReadonlyMap<string, object>> {
  const loaded = await Promise.all(urls.map(async (url) => await import(url)));
  return new Map(urls.map((url, i) => [EXTERNAL_PREFIX + url, asCompiled(loaded[i])]));
}

/** Marks a namespace, because the bundler takes `default` only from a marked module. Bindings stay live. */
function asCompiled(namespace: Record<string, unknown>): object {
  const marked = Object.defineProperty({}, '__esModule', { value: true });
  for (const name of Object.keys(namespace)) {
    if (name === '__esModule') continue;
    Object.defineProperty(marked, name, { enumerable: true, get: () => namespace[name] });
  }
  return marked;
}

function runJob(externals: ReadonlyMap<string, object>): void {
  try {
    const fromBundle = createRequire(boot.bundle);
    const require = (name: string): unknown => externals.get(name) ?? fromBundle(name);
    const files = { script: boot.bundle, codeCache: boot.codeCache };
    runScript(files, Object.assign(require, fromBundle), lateImportOfJob);
  } catch (error) {
    loadFailed(error);
  }
}

function runScript(
  { script: filename, codeCache }: BootData['runtime'],
  require: (name: string) => unknown,
  lateImport: (name: string) => object,
): void {
  const full = readFile(codeCache.full);
  const cachedData = full ?? readFile(codeCache.early);
  const script = new vm.Script(fs.readFileSync(filename, 'utf8'), {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const module = { exports: {} };
  const run = script.runInThisContext() as (...names: readonly unknown[]) => void;
  run(module.exports, require, module, filename, dirname(filename), lateImport);
  const without = cachedData === undefined || script.cachedDataRejected === true;
  if (without) setTimeout(writeCodeCache, EARLY_CACHE_AFTER_MS, script, [codeCache.early]).unref();
  if (without || full === undefined) {
    const files = without ? [codeCache.full, codeCache.early] : [codeCache.full];
    setTimeout(writeCodeCache, FULL_CACHE_AFTER_MS, script, files).unref();
  }
}

/**
 * Stands for `import()` in a script (see `withLateImports` in script-format.ts): an object that a promise takes for
 * a promise. A native `import()` would not work, because on Node 20 a script that comes out of a code cache
 * does not know any more where its imports go.
 */
function late(load: () => Promise<unknown>): object {
  return {
    __esModule: true,
    // biome-ignore lint/suspicious/noThenProperty: the object must be taken for a promise.
    then: (onValue: (module: unknown) => unknown, onError: (error: unknown) => unknown) =>
      load().then(onValue, onError),
  };
}

function lateImportOfJob(name: string): object {
  return late(async () => {
    if (/^\.{0,2}\//.test(name)) return await importAny(new URL(name, boot.jobUrl).href);
    return await importForJob(name);
  });
}

/** A package of Holdfast's is found from here, or beside the job, where the user may have installed it. */
function lateImportOfRuntime(name: string): object {
  return late(async () => {
    try {
      return await import(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException)?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      return await importForJob(name);
    }
  });
}

async function importForJob(name: string): Promise<unknown> {
  if (/^(node|file|data):/.test(name) || isBuiltin(name)) return await importAny(name);
  const importer = pathToFileURL(join(dirname(boot.bundle), 'importer.mjs')).href;
  const { load } = (await import(importer)) as {
    readonly load: (name: string) => Promise<unknown>;
  };
  return await load(name);
}

async function importAny(url: string): Promise<unknown> {
  return url.endsWith('.json') ? await import(url, { with: { type: 'json' } }) : await import(url);
}

function readFile(path: string): Buffer | undefined {
  try {
    return fs.readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Of threads that begin at once one writes the cache. If that fails, the next start is slower, and no more. */
function writeCodeCache(script: import('node:vm').Script, paths: readonly string[]): void {
  const cache = script.createCachedData();
  for (const path of paths) {
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      fs.writeFileSync(temporary, cache, { flag: 'wx' });
      fs.renameSync(temporary, path);
    } catch {
      // Another thread was first, or the disk is full.
    }
  }
}

/** Reports an error by the runtime's own `toFailure`, which knows the class of the runtime's errors. */
async function loadFailed(error: unknown): Promise<void> {
  const runtime = Reflect.get(globalThis, Symbol.for('holdfast.runtime')) as RuntimeGlobals;
  const cause = runtime.toFailure(error, 'build');
  const failure = {
    kind: 'build',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_JOB_MODULE',
    message:
      `${boot.what} failed while it was loaded: ${cause.name}: ${cause.message}. ` +
      'Its top-level code runs in every worker and must not throw.',
    cause,
  };
  const { connectWorker } = (await import('../threads/worker-port.js')) as WorkerPort;
  connectWorker().emit({ kind: 'load-failed', failure });
}

start();
