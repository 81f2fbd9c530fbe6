/**
 * A draft of a value (immer) that is used after its callback has returned throws an error in which nothing tells what it
 * was. It is thrown where the draft is used, in any code and at any time, so it is named where failures are told.
 */

import { HoldfastError } from './errors.js';
import { isError } from './realm.js';

/** V8's words for objects and arrays, then immer's for Maps and Sets, which in production are a number. */
const REVOKED =
  /^(Cannot perform '\w+' on a proxy that has been revoked|\[Immer\] (Cannot use a proxy|minified error nr: 3\b))/;

/** The error in its place; undefined when it is another one. */
export function staleDraft(thrown: unknown): HoldfastError | undefined {
  if (!isError(thrown) || thrown instanceof HoldfastError) return undefined;
  if (!REVOKED.test(String(thrown.message))) return undefined;
  const error = new HoldfastError(
    'ERR_HOLDFAST_OUTSIDE_CALLBACK',
    'a draft was used after its callback had returned: what update(…) of a state, or add and merge of an aggregation(…), ' +
      'are given belongs to that one call, and so do all its parts. Read it with get() again, or keep a copy.',
    { cause: thrown },
  );
  if (thrown.stack !== undefined)
    error.stack = `${error.name}: ${error.message}\n${framesOf(thrown.stack)}`;
  return error;
}

function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
