/** What bundles have in common, and how one becomes a script that the bootstrap runs (`bootstrap.cts`). */

import type { BuildOptions } from 'esbuild';
import { BUNDLE_TARGET } from './own-files.js';

export const BUNDLE_OPTIONS = {
  bundle: true,
  write: false,
  platform: 'node',
  target: BUNDLE_TARGET,
  // Identifiers keep their names. With the code cache shorter ones gain nothing, and users may rely on the names of
  // classes and functions.
  minifyWhitespace: true,
  minifySyntax: true,
  // Any condition here switches off esbuild's condition `module`, which Node does not know.
  conditions: ['node'],
} as const satisfies BuildOptions;

/** Of scripts; `withLateImports` needs them. */
export const SCRIPT_OPTIONS = {
  format: 'cjs',
  supported: { 'dynamic-import': false },
} as const satisfies BuildOptions;

/** Begins a function that the bootstrap calls with the arguments of a CommonJS module, and `$hfload`. */
export const SCRIPT_HEAD = '(function (exports, require, module, __filename, __dirname, $hfload) {';

export const STRICT_HEAD = `${SCRIPT_HEAD}"use strict";`;

export const SCRIPT_FOOT = '})';

/**
 * The text that the bundler prints for an `import()` that leads out of the bundle, if its target has no `import()`.
 */
const LATE_IMPORT = /(Promise\.resolve\(\)\.then\(\(\)=>__toESM\d*\()require\(/g;

/**
 * Leaves late imports to the bootstrap: on Node 20 a native one fails in a script that comes out of a code cache. The
 * name has the length of the one that it replaces, so that the source map stays true.
 */
export function withLateImports(code: string): string {
  return code.replace(LATE_IMPORT, '$1$$hfload(');
}
