/**
 * Checks of connectors' options, at call time: what was given, what is allowed.
 * Every option accepts an explicit `undefined`, which means its default.
 */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { HoldfastError } from '../base/errors.js';

export function badOption(option: string, given: unknown, allowed: string): HoldfastError {
  const shown = inspect(given, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 200);
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${option}: ${shown} was given; it must be ${allowed}.`,
    { details: { option, given: shown, allowed } },
  );
}

/** The options as an object; refuses names that the connector does not know. */
export function checkNames<O extends object>(
  connector: string,
  options: O | undefined,
  names: readonly (keyof O & string)[],
): Partial<O> {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption(`${connector} options`, options, `an object with ${names.join(', ')}`);
  }
  for (const name of Object.keys(options)) {
    if (!(names as readonly string[]).includes(name)) {
      throw badOption(`${connector} option`, name, `one of ${names.join(', ')}`);
    }
  }
  return options;
}

export function checkFunction(option: string, given: unknown): void {
  if (typeof given !== 'function') throw badOption(option, given, 'a function');
}

export function checkInteger(option: string, given: number, min: number, max: number): number {
  if (!Number.isSafeInteger(given) || given < min || given > max) {
    throw badOption(option, given, `an integer from ${min} to ${max}`);
  }
  return given;
}

export function checkChoice<C extends string>(
  option: string,
  given: C | undefined,
  choices: readonly [C, ...C[]],
): C {
  if (given === undefined) return choices[0];
  if (!choices.includes(given)) {
    throw badOption(option, given, `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`);
  }
  return given;
}

export function checkText(option: string, given: unknown): string {
  if (typeof given !== 'string' || given === '') throw badOption(option, given, 'a text');
  return given;
}

/** A file as the user named it, for messages, and where it is. */
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
    if (seen.has(path.absolute))
      throw badOption(option, path.shown, 'given once: it is twice here');
    seen.add(path.absolute);
  }
  return paths;
}
