/** Copies records for sources that do not know who else holds the objects and may change them. */

import { checkValue, copyValue } from '../codec/value-codec.js';

/** @returns a copy, or the record itself where it cannot be copied: inside one chain a record may be anything */
export function recordCopy<T>(record: T): { readonly record: T; readonly isCopy: boolean } {
  const { stackTraceLimit } = Error;
  try {
    // Nobody reads the stack of a refusal. Without it a record that cannot be copied costs as much as a copy.
    Reflect.set(Error, 'stackTraceLimit', 0);
    // A copy would leave out symbols as keys and hidden properties.
    checkValue(record, 'record');
    return { record: copyValue(record), isCopy: true };
  } catch {
    return { record, isCopy: false };
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
