/** Copies of records where a source does not know who else holds them, and may change them. */

import { checkValue, copyValue } from '../codec/value-codec.js';

/** @returns the record itself where it cannot be copied: inside one chain anything may be in a record */
export function recordCopy<T>(record: T): { readonly record: T; readonly isCopy: boolean } {
  try {
    // Symbols as keys and hidden properties would be left behind.
    checkValue(record, 'record');
    return { record: copyValue(record), isCopy: true };
  } catch {
    return { record, isCopy: false };
  }
}
