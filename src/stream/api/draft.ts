/** Changes a value through a draft, or in a copy, and leaves the value itself as it is. */

import { Immer } from 'immer';
import { putIntoItself, returnedAndChanged } from '../../actors/draft/draft-errors.js';
import { copyValue } from '../../codec/value-codec.js';

/** Whoever keeps the values freezes them, or copies; immer would put methods into Maps. */
const immer = new Immer({ autoFreeze: false });

/** What immer says of it; in production a number. */
const RETURNED_AND_CHANGED = /^\[Immer\] (An immer producer returned|minified error nr: 4\b)/;

/**
 * Of plain objects, arrays, Maps and Sets which are trees. What `change` does to the draft makes the next value; or what
 * it returns is that (not both). Of any other value there is no draft: `change` gets it as it is, and if it returns
 * nothing, the value stays. `enableMapSet()` was called before.
 * @param where who changes it, for messages
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for a value that was put into itself; ERR_HOLDFAST_USER_CODE when
 *   `change` did both
 */
export function changedByDraft(
  value: unknown,
  where: string,
  change: (draft: unknown) => unknown,
): unknown {
  try {
    return immer.produce(value, change as never);
  } catch (error) {
    if (error instanceof Error && RETURNED_AND_CHANGED.test(error.message)) {
      throw returnedAndChanged(where, error);
    }
    if (!(error instanceof RangeError) || !/call stack/.test(error.message)) throw error;
    throw putIntoItself(where, error);
  }
}

/** Of what is no tree, and of Dates, binary data and the like: in a copy, in which what was one object still is one. */
export function changedCopy(value: unknown, change: (copy: unknown) => unknown): unknown {
  return changedInPlace(copyValue(value, 'state'), change);
}

/** The same, of a copy that is there already. */
export function changedInPlace(copy: unknown, change: (copy: unknown) => unknown): unknown {
  const answer = change(copy);
  return answer === undefined ? copy : answer;
}
