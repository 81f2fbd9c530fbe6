/**
 * Tells what a value is, whichever realm has made it.
 *
 * Jest, and vitest's pools `vmThreads` and `vmForks`, load packages in a realm with an `Error` and an
 * `Object.prototype` of its own. Values that Node itself makes there (errors of the file system, buffers, messages of
 * other threads) belong to Node's realm, and `instanceof` does not know them.
 */

import { types } from 'node:util';

export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/** Stands for a Proxy, or an object without a text of its own, or whose getter throws. */
export const UNREADABLE = 'what was thrown cannot be read';

/** An error's message; anything else that was thrown as a text. Never throws. */
export function messageOf(error: unknown): string {
  try {
    return isError(error) ? error.message : String(error);
  } catch {
    return UNREADABLE;
  }
}

/** Is the object plain: made by `{}` in any realm, or without a prototype? */
export function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}
