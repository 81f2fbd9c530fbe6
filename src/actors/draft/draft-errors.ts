/** What callbacks that are given a draft may not do with it. `where` says which callback it was: `update(…)`. */

import { HoldfastError } from '../../base/errors.js';

/** `cause`: undefined, or the error that it was known by. */
export function returnedAndChanged(where: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `${where} has changed the value that it was given, and has returned another one. Do one of the two: change it ` +
      'and return nothing, or leave it as it is and return the next value.',
    { cause, details: { where } },
  );
}

export function putIntoItself(where: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `${where} has put the state, or a part of it, into itself (or recursed without end). Keep a name or an index ` +
      'there instead of the object.',
    { cause, details: { where } },
  );
}
