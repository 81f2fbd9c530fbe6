/** Checks options of connectors: functions, texts and paths. Other checks are in base/option-checks.ts. */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { badOption } from '../base/option-checks.js';

export function checkFunction(option: string, given: unknown): void {
  if (typeof given !== 'function') throw badOption(option, given, 'a function');
}

export function checkText(option: string, given: unknown): string {
  if (typeof given !== 'string' || given === '') throw badOption(option, given, 'a text');
  return given;
}

/** A path as the user gave it, for messages, and its absolute form. */
export interface NamedPath {
  readonly shown: string;
  readonly absolute: string;
}

/** Relative paths start at the current directory of the process. */
export function checkPath(option: string, given: unknown): NamedPath {
  if (given instanceof URL) {
    if (given.protocol !== 'file:') throw badOption(option, given.href, 'a path or a file: URL');
    const absolute = fileURLToPath(given);
    return { shown: absolute, absolute };
  }
  if (typeof given !== 'string' || given === '' || given.includes('\0')) {
    throw badOption(option, given, 'a path or a file: URL');
  }
  return { shown: given, absolute: resolve(given) };
}

export function checkPaths(option: string, given: unknown): readonly NamedPath[] {
  const paths = (Array.isArray(given) ? given : [given]).map((path) => checkPath(option, path));
  if (paths.length === 0) throw badOption(option, given, 'a path or a list of paths');
  const seen = new Set<string>();
  for (const path of paths) {
    if (seen.has(path.absolute)) throw badOption(option, path.shown, 'each file once');
    seen.add(path.absolute);
  }
  return paths;
}
