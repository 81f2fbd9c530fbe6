/**
 * The value codec's front: one value in, one value out. The format is told in value-tags.ts.
 */

import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { type DecodeOptions, ValueDecoder } from './value-decoder.js';
import { ValueEncoder } from './value-encoder.js';

export type { DecodeOptions } from './value-decoder.js';

const sharedEncoder = new ValueEncoder();
// Decoding runs no foreign code, so one decoder of each kind is never used twice at a time.
const sharedDecoder = new ValueDecoder();
const strictDecoder = new ValueDecoder({ untrusted: true });

/**
 * Writes any structured-cloneable value: primitives, Dates, arrays with holes, plain objects and
 * class instances (as plain data), Maps, Sets, binary data, regular expressions, errors (standard
 * name, message, stack and cause), boxed primitives; shared and cyclic references are kept.
 * Throws ERR_HOLDFAST_UNSUPPORTED_VALUE for anything else; `details.path` names the place, and the
 * writer stands where it stood before.
 * @param name what the value is called in that path
 */
export function encodeValue(writer: ByteWriter, value: unknown, name = 'value'): void {
  const encoder = sharedEncoder.busy ? new ValueEncoder() : sharedEncoder;
  encoder.begin(writer);
  try {
    encoder.encode(value, name);
  } finally {
    encoder.end();
  }
}

/**
 * Reads one value written by `encodeValue`. Safe on hostile bytes: throws the reader's error
 * (ERR_HOLDFAST_CHECKPOINT_CORRUPT unless it was given another).
 */
export function decodeValue(reader: ByteReader, options?: DecodeOptions): unknown {
  const decoder = options?.untrusted === true ? strictDecoder : sharedDecoder;
  decoder.begin(reader);
  try {
    return decoder.decode();
  } finally {
    decoder.end();
  }
}
