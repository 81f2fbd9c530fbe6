/**
 * The value codec's front. value-kinds.ts says what a value may be, value-tags.ts what it looks like as bytes.
 */

import type { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { ValueCopier } from './value-copier.js';
import { ValueDecoder } from './value-decoder.js';
import { ValueEncoder } from './value-encoder.js';

const sharedEncoder = new ValueEncoder();
const sharedChecker = new ValueEncoder({ isStrict: true });
const sharedCopier = new ValueCopier();
const sharedDecoder = new ValueDecoder();
const scratch = new ByteWriter();
const SCRATCH_KEPT_BYTES = 1 << 16;

/**
 * Writes a value: primitives, plain objects, arrays with holes, Maps, Sets, Dates, binary data, regular
 * expressions, errors, boxed primitives, Temporal objects, instances of classes with a codec. Shared
 * and circular references are kept.
 * Throws ERR_HOLDFAST_UNSUPPORTED_VALUE for anything else. Then `details.path` names the place, and the
 * writer stands where it stood before. This does not look for what only `checkValue` finds.
 * @param name what the value is called in that path
 * @param ownLevels on so many levels, from the outermost, arrays have neither holes nor properties of their own
 */
export function encodeValue(
  writer: ByteWriter,
  value: unknown,
  name = 'value',
  ownLevels = 0,
): void {
  const encoder = sharedEncoder.busy ? new ValueEncoder() : sharedEncoder;
  encoder.begin(writer);
  try {
    encoder.encode(value, name, ownLevels);
  } finally {
    encoder.end();
  }
}

/**
 * Refuses, with ERR_HOLDFAST_UNSUPPORTED_VALUE, whatever would not come back equal: everything that `encodeValue`
 * refuses, and also Proxies and properties that `encodeValue` does not look at (symbols as keys, hidden ones,
 * accessors). It encodes the value and throws the bytes away. It takes several times as long as `encodeValue`.
 * @param path what the value is called in the message: `record.items`
 */
export function checkValue(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) {
    if (typeof value !== 'function' && typeof value !== 'symbol') return;
  }
  const isFree = !sharedChecker.busy;
  const checker = isFree ? sharedChecker : new ValueEncoder({ isStrict: true });
  const writer = isFree ? scratch : new ByteWriter();
  checker.begin(writer);
  try {
    checker.encode(value, path);
  } finally {
    checker.end();
    if (isFree) scratch.shrink(SCRATCH_KEPT_BYTES);
  }
}

/**
 * A copy that shares nothing with `value`, equal to what encoding and decoding would give. Refuses what
 * `encodeValue` refuses. Keeps shared and circular references.
 * @param path what the value is called in messages
 */
export function copyValue<T>(value: T, path = 'value'): T {
  return (sharedCopier.isBusy ? new ValueCopier() : sharedCopier).copy(value, path);
}

/**
 * Reads one value written by `encodeValue`. Safe on hostile bytes: throws the reader's error
 * (ERR_HOLDFAST_CHECKPOINT_CORRUPT unless it was given another). Throws ERR_HOLDFAST_UNSUPPORTED_VALUE for
 * a value of a class that this Node lacks.
 */
export function decodeValue(reader: ByteReader): unknown {
  const decoder = sharedDecoder.isBusy ? new ValueDecoder() : sharedDecoder;
  decoder.begin(reader);
  try {
    return decoder.decode();
  } finally {
    decoder.end();
  }
}
