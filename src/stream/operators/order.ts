/** Which of two rows is ahead. */

import { ByteWriter } from '../../codec/byte-writer.js';
import { encodeValue } from '../../codec/value-codec.js';
import { compareValues, type OrderBy, orderValues, signsOf } from '../api/order-by.js';
import type { Row } from './changes.js';

/** A row that looks for its place: its selectors are asked once. */
export type Placed = (other: Row) => number;

/**
 * @param byContent rows that are equal in all selected values are compared by what they hold, as bytes: any order does,
 *   if it is of the rows alone
 * @returns for a row, a function that tells whether it is ahead of another (negative), or behind it
 */
export function rowOrder(by: readonly OrderBy<never>[], byContent: boolean): (row: Row) => Placed {
  const selectors = by.map(({ select }) => select);
  const signs = signsOf(by);
  return (row) => {
    const values = orderValues(selectors, row);
    let bytes: Uint8Array | undefined;
    return (other) => {
      for (let i = 0; i < selectors.length; i += 1) {
        const sign = compareValues(values[i], (selectors[i] as (row: Row) => never)(other));
        if (sign !== 0) return sign * signs[i]!;
      }
      if (!byContent) return 0;
      bytes ??= bytesOf(row);
      return Buffer.compare(bytes, bytesOf(other));
    };
  };
}

function bytesOf(row: Row): Uint8Array {
  const writer = new ByteWriter();
  encodeValue(writer, sorted(row), 'row');
  return writer.take();
}

/** With its fields in one order, so that equal rows have equal bytes. */
function sorted(row: Row): Row {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}
