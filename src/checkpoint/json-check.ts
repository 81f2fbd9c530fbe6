/** Checks the shape of JSON data, and says what is wrong with it. */

import { clipped } from '../base/clipped.js';

const SHOWN_CHARACTERS = 60;

/** Gives what is wanted instead, and where; undefined when the value is right. */
export type Check = (value: unknown) => string | undefined;

/** An object with at least these keys, each right. Further keys are left alone. */
export function record(shape: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(shape);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'an object';
    for (const [key, check] of entries) {
      const entry = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
      const problem = at(key, entry, check);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** Accepts undefined, and whatever `check` accepts. */
export function optional(check: Check): Check {
  return (value) => (value === undefined ? undefined : check(value));
}

/** An array, or an object, whose every entry is right; `kind` says which of the two. */
export function each(check: Check, kind: 'array' | 'object' = 'array'): Check {
  return (value) => {
    const isArray = Array.isArray(value);
    if (typeof value !== 'object' || value === null || isArray !== (kind === 'array')) {
      return kind === 'array' ? 'an array' : 'an object';
    }
    for (const [key, entry] of Object.entries(value)) {
      const problem = at(isArray ? `[${key}]` : key, entry, check);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** `parts.[0].bytes is -1; it should be a whole number from 0` */
function at(key: string, value: unknown, check: Check): string | undefined {
  const wanted = check(value);
  if (wanted === undefined) return undefined;
  return wanted.includes('; it should be ')
    ? `${key}.${wanted}`
    : `${key} is ${describeValue(value)}; it should be ${wanted}`;
}

export function describeValue(value: unknown): string {
  if (value === undefined) return 'missing';
  return clipped(JSON.stringify(value) ?? typeof value, SHOWN_CHARACTERS);
}
