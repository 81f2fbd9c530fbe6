/**
 * Makes the runtime script when the package is built: the host and all of Holdfast that jobs can import, as one
 * script. Every thread runs it before its job, so that to compile a job is to bundle the user's own files.
 *
 *  R1  Each module of Holdfast is in the script once, and is run when it is first asked for. So a thread runs only what
 *      its job uses, and host and job share one copy (C1 in compile.ts).
 *  R2  Packages that are imported at run time are not in it: they are optional, or start processes of their own.
 *  R3  The script may lie anywhere: a module of Holdfast knows its place from that of the script.
 */

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { marksOf, type RawSourceMap } from './position-map.js';
import { moduleName, type RuntimeIndex, runtimeIndexFile, runtimeMap } from './runtime-index.js';
import {
  BUNDLE_OPTIONS,
  SCRIPT_FOOT,
  SCRIPT_OPTIONS,
  STRICT_HEAD,
  withLateImports,
} from './script-format.js';

export interface RuntimeOptions {
  /** Absolute path of the folder of Holdfast's compiled modules. */
  readonly dist: string;
  /** Absolute path of the module that exports `startHost(job)`. */
  readonly host: string;
  /** Absolute path of the script. Its map and its index are written beside it. */
  readonly script: string;
}

/** Modules that are asked for beside the front door: what the compiler writes into jobs needs them. */
const ALSO = ['module/import-resolve.js'];

/** Writes the script, `….map` and `….json`. */
export async function buildRuntime({ dist, host, script }: RuntimeOptions): Promise<void> {
  const index = join(dist, 'index.js');
  const roots = [index, ...ALSO.map((name) => join(dist, name))];
  const looked = await build({
    ...OPTIONS,
    stdin: {
      contents: [...roots, host].map((path) => `export * from ${text(path)};`).join('\n'),
      resolveDir: dist,
    },
    absWorkingDir: dist,
    metafile: true,
    plugins: [lateImportsOutside],
  });
  const modules: Record<string, readonly string[]> = {};
  const owner = new Map<string, string>();
  const door = await namespaceOf(index);
  for (const input of Object.keys(looked.metafile.inputs).sort()) {
    const path = join(dist, input);
    const module = moduleName(dist, path);
    if (input === '<stdin>' || module === undefined || path === index) continue;
    const namespace = await namespaceOf(path);
    modules[module] = Object.keys(namespace);
    const code = await readFile(path, 'utf8');
    for (const name of Object.keys(namespace)) {
      if (namespace[name] === door[name] && !isPassedOn(code, name)) owner.set(name, module);
    }
  }
  const entry: Record<string, string> = {};
  for (const name of Object.keys(door)) {
    const module = owner.get(name);
    if (module === undefined) throw new Error(`no module of Holdfast defines '${name}'`);
    entry[name] = module;
  }
  const made = await build({
    ...OPTIONS,
    stdin: { contents: entryText(dist, host, Object.keys(modules)), resolveDir: dist },
    absWorkingDir: dist,
    outfile: script,
    sourcemap: 'external',
    sourcesContent: false,
    banner: { js: STRICT_HEAD + placeFunction(relative(dirname(script), dist)) },
    footer: { js: SCRIPT_FOOT },
    define: { 'import.meta.url': PLACE },
    plugins: [lateImportsOutside, ownPlaces(dist)],
  });
  const code = withLateImports(outputOf(made.outputFiles, '.cjs'));
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 24);
  await writeFile(script, code);
  const map: RawSourceMap = JSON.parse(outputOf(made.outputFiles, '.map'));
  const marked: RawSourceMap = { ...map, x_holdfast_marks: marksOf(map.mappings) };
  await writeFile(runtimeMap(script), JSON.stringify(marked));
  const indexOf: RuntimeIndex = { hash, modules, entry };
  await writeFile(runtimeIndexFile(script), JSON.stringify(indexOf));
}

const OPTIONS = {
  ...BUNDLE_OPTIONS,
  ...SCRIPT_OPTIONS,
  legalComments: 'eof',
  logLevel: 'error',
} as const satisfies BuildOptions;

const lateImportsOutside: Plugin = {
  name: 'holdfast-late-imports',
  setup({ onResolve }) {
    onResolve({ filter: /^[^.]/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

const PLACE = '__holdfastPlace';
const PLACE_OF = '__holdfastPlaceOf';

/** A function that gives the URL of a module of Holdfast. */
function placeFunction(fromScript: string): string {
  return (
    `const ${PLACE_OF}=(name)=>require("node:url").pathToFileURL(` +
    `require("node:path").join(__dirname,${text(fromScript.split(sep).join('/'))},name)).href;`
  );
}

/** Gives modules that ask for it an `import.meta.url` that is relative to the script (R3). */
function ownPlaces(dist: string): Plugin {
  return {
    name: 'holdfast-own-places',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const module = moduleName(dist, path);
        if (module === undefined) return undefined;
        const code = await readFile(path, 'utf8');
        if (!code.includes('import.meta.url')) return undefined;
        const place = `const ${PLACE}=${PLACE_OF}(${text(module)});`;
        return { contents: place + code, loader: 'js' };
      });
    },
  };
}

function entryText(dist: string, host: string, modules: readonly string[]): string {
  const loaders = modules.map((name) => `${text(name)}:()=>require(${text(join(dist, name))})`);
  return [
    `import { setRuntime } from ${text(join(dist, 'module/runtime-globals.js'))};`,
    `import { startHost } from ${text(host)};`,
    `const modules = {${loaders.join(',')}};`,
    'setRuntime({ start: startHost, get: (module, name) => modules[module]()[name] });',
  ].join('\n');
}

const text = (value: string): string => JSON.stringify(value);

async function namespaceOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
}

/** Does the module only pass this name on from another one? */
function isPassedOn(code: string, name: string): boolean {
  const list = new RegExp(`\\bexport\\s*\\{[^}]*\\b${name}\\b[^}]*\\}\\s*from\\b`);
  return list.test(code) || /\bexport\s*\*\s*from\b/.test(code);
}

function outputOf(
  files: readonly { readonly path: string; readonly text: string }[],
  ending: string,
): string {
  const found = files.find(({ path }) => path.endsWith(ending));
  if (found === undefined) throw new Error(`the bundler gave no ${ending}`);
  return found.text;
}
