/**
 * The first module of every bundle. It puts things where the bootstrap and other parts of the bundle find them, and is
 * imported for this effect only.
 */

import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { toFailure } from '../base/failure.js';

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

Object.assign(globalThis, {
  [Symbol.for('holdfast.sloppyFile')]: sloppyFile,
  [Symbol.for('holdfast.toFailure')]: toFailure,
});
