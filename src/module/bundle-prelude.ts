/**
 * The first module of every bundle: leaves what the bootstrap and other parts of the bundle need where they
 * can find it. Imported for this effect only.
 */

import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { toFailure } from '../base/failure.js';

/** What Node gives a CommonJS file. */
type CommonJsFile = (
  this: unknown,
  exports: unknown,
  require: (name: string) => unknown,
  module: unknown,
  filename: string,
  dirname: string,
) => void;

/**
 * A CommonJS file without `'use strict'`, in a bundle that is strict: a function made outside of it. Names that
 * the bundler has not seen are asked from where the file is.
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
