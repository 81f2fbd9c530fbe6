/**
 * The first module of every bundle: leaves what the bootstrap needs from inside the bundle where it
 * can find it. Imported for this effect only.
 */

import { createRequire, isBuiltin } from 'node:module';
import { pathToFileURL } from 'node:url';
import { toFailure } from '../base/failure.js';

/** `import.meta.resolve` of a bundled file. */
function resolveFrom(specifier: string, parent: string): string {
  if (isBuiltin(specifier)) {
    return specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  }
  if (/^\.{0,2}\//.test(specifier) || URL.canParse(specifier))
    return new URL(specifier, parent).href;
  return pathToFileURL(createRequire(parent).resolve(specifier)).href;
}

Object.assign(globalThis, {
  [Symbol.for('holdfast.resolve')]: resolveFrom,
  [Symbol.for('holdfast.toFailure')]: toFailure,
});
