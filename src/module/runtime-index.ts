/** Where the runtime script is, and what is in it (`runtime-bundle.ts` makes it). */

import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** Written beside the script. */
export interface RuntimeIndex {
  /** Of the script's content: 24 hexadecimal digits. */
  readonly hash: string;
  /** Paths of modules within `dist`, with slashes, and the names that each exports. */
  readonly modules: Readonly<Record<string, readonly string[]>>;
  /** Each name of the front door, and the module that defines it. */
  readonly entry: Readonly<Record<string, string>>;
}

export interface Runtime extends RuntimeIndex {
  /** Absolute path. */
  readonly script: string;
}

const known = new Map<string, Runtime>();

/** The script of this package, made with it. */
export function ownRuntimeScript(dist: string): string {
  return join(dist, 'module/runtime.cjs');
}

export function readRuntime(script: string): Runtime {
  let runtime = known.get(script);
  if (runtime === undefined) {
    const index = JSON.parse(readFileSync(runtimeIndexFile(script), 'utf8')) as RuntimeIndex;
    runtime = { ...index, script };
    known.set(script, runtime);
  }
  return runtime;
}

/** The path of a runtime's index. */
export function runtimeIndexFile(script: string): string {
  return `${script}.json`;
}

/** How a file of Holdfast is called in the index; undefined when it is not below `dist`. */
export function moduleName(dist: string, path: string): string | undefined {
  return path.startsWith(dist + sep) ? relative(dist, path).split(sep).join('/') : undefined;
}

/** The path of a runtime's source map. */
export function runtimeMap(script: string): string {
  return `${script}.map`;
}
