/** Copies of records where a source does not know who else holds them, and may change them. */

import { checkValue, copyValue } from '../codec/value-codec.js';

/** @returns undefined when it cannot be copied: inside one chain anything may be in a record */
export function recordCopy<T>(record: T): { readonly record: T } | undefined {
  try {
    // Symbols as keys and hidden properties would be left behind.
    checkValue(record, 'record');
    return { record: copyValue(record) };
  } catch {
    return undefined;
  }
}
