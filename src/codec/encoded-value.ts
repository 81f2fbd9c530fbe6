/** One value, and the bytes that hold it and nothing else. */

import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { decodeValue, encodeValue } from './value-codec.js';

/**
 * @param name what the value is called in errors
 * @returns bytes in memory of their own, which may be larger
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE
 */
export function encodedValue(value: unknown, name: string): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeValue(writer, value, name);
  return writer.written() as Uint8Array<ArrayBuffer>;
}

/**
 * @param what what the bytes are, for errors: `section 'image' of a node`
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, also for anything behind the value
 */
export function decodedValue(bytes: Uint8Array, what: string): unknown {
  const reader = new ByteReader(bytes, { what });
  const value = decodeValue(reader);
  if (reader.remaining > 0) throw reader.corrupt('there is something behind its end');
  return value;
}
