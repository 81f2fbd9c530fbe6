/**
 * Values leave the job's threads as bytes. A structured clone would change them: a Buffer arrives as a
 * Uint8Array, an error without its code.
 */

import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { decodeValue, encodeValue } from './value-codec.js';

export interface EncodedRows {
  readonly count: number;
  /** The values one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE, …_CODEC */
export function encodeRows(rows: readonly unknown[]): EncodedRows {
  const writer = new ByteWriter();
  rows.forEach((row, index) => {
    encodeValue(writer, row, `row ${index}`);
  });
  return { count: rows.length, bytes: writer.take() };
}

/**
 * Appends the decoded values to `into`.
 * @param what for messages: `rows of collect('out')`
 * @throws HoldfastError ERR_HOLDFAST_CODEC, …_CHECKPOINT_CORRUPT, …_UNSUPPORTED_VALUE
 */
export function decodeRows(bytes: Uint8Array, what: string, into: unknown[]): void {
  const reader = new ByteReader(bytes, { what });
  while (reader.remaining > 0) into.push(decodeValue(reader));
}
