/**
 * What every user callback but that of `mapAsync` is held to: it is a function, and it answers synchronously.
 *
 * An async callback would hand the next operator a promise in place of a record, and what it
 * resolves to would arrive outside the order that snapshots rely on. Types refuse it where they
 * can, `checkCallback` refuses `async` functions when the job is built, and operators refuse a
 * thenable answer when it comes.
 */

import { types } from 'node:util';
import { clipped } from '../../base/clipped.js';
import { HoldfastError } from '../../base/errors.js';

/** `R`, unless it is a promise: then a type that nothing satisfies. */
export type NotPromise<R> = R & (R extends PromiseLike<unknown> ? never : R);

/** What a callback may answer when nobody reads its answer: anything but a promise. */
export type SyncResult =
  // biome-ignore lint/suspicious/noConfusingVoidType: such a callback returns nothing, or what its last call gives
  void | null | boolean | number | bigint | string | symbol | (object & { readonly then?: never });

/** Is this a promise, or anything that would be awaited like one? */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** The error for a callback that answers with a promise; `where` is e.g. `map`. */
export function asyncCallbackError(where: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ASYNC_CALLBACK',
    `the callback of ${where} is asynchronous (it gives a promise), but callbacks must answer ` +
      'synchronously. Do what is asynchronous in a step of its own, .mapAsync(async (record, { signal }) => …), ' +
      'or in a source or a sink.',
    { details: { where } },
  );
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireFunction(callback: unknown, where: string): void {
  if (typeof callback === 'function') return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${where} needs a function, but was given ${describeValue(callback)}.`,
    { details: { where } },
  );
}

/**
 * Refuses what is no function, and functions declared `async`.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function checkCallback(callback: unknown, where: string): void {
  requireFunction(callback, where);
  if (types.isAsyncFunction(callback)) throw asyncCallbackError(where);
}

/** A value in a message: its type, and the value itself where it is short. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(clipped(value, 40))}`;
    case 'number':
    case 'boolean':
      return `the ${typeof value} ${value}`;
    case 'bigint':
      return `the bigint ${value}n`;
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`;
    case 'object': {
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'an array';
      const name = (value as object).constructor?.name;
      return name === undefined || name === 'Object' ? 'an object' : `an object (${name})`;
    }
    default:
      return typeof value;
  }
}

/**
 * What a reducer has made of two records. Nothing can be meant by undefined where neither of them is: a `return` was
 * forgotten, and all that was reduced would be lost.
 * @param where `reduce`
 * @throws HoldfastError ERR_HOLDFAST_ASYNC_CALLBACK, ERR_HOLDFAST_USER_CODE
 */
export function requireReduced(
  where: string,
  next: unknown,
  before: unknown,
  record: unknown,
): void {
  if (isThenable(next)) throw asyncCallbackError(where);
  if (next !== undefined || before === undefined || record === undefined) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `the function of ${where} returned nothing. Return what it has made of the two records, also where it has changed ` +
      'the first of them.',
    { details: { where } },
  );
}
