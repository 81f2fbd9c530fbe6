/**
 * What the runtime script leaves in its thread for the bootstrap and for the bundles of jobs, under
 * `Symbol.for('holdfast.runtime')`.
 */

import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { toFailure } from '../base/failure.js';

export interface RuntimeGlobals {
  /** Starts the host with the namespace of the job module, or with those of all modules of actors. */
  readonly start: (module: object | readonly object[]) => void;
  /** What a module of Holdfast exports under a name. The module runs when it is first asked for. */
  readonly get: (module: string, name: string) => unknown;
  /** By the class of the runtime's errors. */
  readonly toFailure: typeof toFailure;
  readonly sloppyFile: typeof sloppyFile;
}

export function setRuntime(parts: Pick<RuntimeGlobals, 'start' | 'get'>): void {
  const runtime: RuntimeGlobals = { ...parts, toFailure, sloppyFile };
  Object.assign(globalThis, { [Symbol.for('holdfast.runtime')]: runtime });
}

/** The function that Node makes of a CommonJS file. */
type CommonJsFile = (
  this: unknown,
  exports: unknown,
  require: (name: string) => unknown,
  module: unknown,
  filename: string,
  dirname: string,
) => void;

/**
 * Makes a CommonJS file without `'use strict'` a function outside of the strict bundle. Packages that
 * the bundler has not seen are required from where the file is.
 */
function sloppyFile(
  file: string,
  code: string,
  bundled: Readonly<Record<string, () => unknown>>,
): { readonly run: CommonJsFile; readonly require: (name: string) => unknown } {
  const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];
  const own = createRequire(file);
  const require = (name: string): unknown =>
    Object.hasOwn(bundled, name) ? bundled[name]!() : own(name);
  return {
    run: compileFunction(code, parameters, { filename: file }) as unknown as CommonJsFile,
    require: Object.assign(require, { resolve: own.resolve, cache: own.cache }),
  };
}
