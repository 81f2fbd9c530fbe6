/**
 * How a key is written beside numeric state: one entry of the key blob.
 *
 *     row u32 | group u16 | tag u8 | payload        (little-endian, part of the snapshot format)
 *
 * Strings and numbers, as nearly all keys are, have payloads of their own. Every other key goes through the value
 * codec. The row number lets the blob's cleaner ask whether an entry is still in use.
 */

import { HoldfastError } from '../../base/errors.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { isLatin1 } from '../../codec/value-encoder.js';
import { VALUE_DEPTH_MAX } from '../../codec/value-tags.js';

export const ENTRY_HEADER_BYTES = 7;

const TAG_LATIN1 = 0;
const TAG_UTF16 = 1;
const TAG_INT32 = 2;
const TAG_FLOAT64 = 3;
const TAG_VALUE = 4;

/** An entry read back. `key` is a fresh value: a string in it is flat and keeps no frame alive. */
export interface KeyEntry {
  readonly row: number;
  readonly group: number;
  readonly key: unknown;
}

/** A key ready to be written: the tag, and the payload's size. */
export interface PreparedKey {
  readonly tag: number;
  readonly bytes: number;
  readonly key: unknown;
}

const TEXT_LENGTH_BYTES = 4;
const SCRATCH_KEPT_BYTES = 1 << 16;
const scratch = new ByteWriter();

/** The key is ready until the next one is. */
export function prepareKey(key: unknown): PreparedKey {
  if (typeof key === 'string') {
    return isLatin1(key)
      ? { tag: TAG_LATIN1, bytes: TEXT_LENGTH_BYTES + key.length, key }
      : { tag: TAG_UTF16, bytes: TEXT_LENGTH_BYTES + key.length * 2, key };
  }
  if (typeof key === 'number') {
    return (key | 0) === key
      ? { tag: TAG_INT32, bytes: 4, key: key | 0 }
      : { tag: TAG_FLOAT64, bytes: 8, key };
  }
  scratch.shrink(SCRATCH_KEPT_BYTES);
  // Tuples have no holes: undefined is no key.
  encodeValue(scratch, key, 'key', VALUE_DEPTH_MAX);
  const encoded = scratch.written();
  return { tag: TAG_VALUE, bytes: TEXT_LENGTH_BYTES + encoded.length, key: encoded };
}

/** Writes the entry at `at`; the buffer has room for header and payload. */
export function writeEntry(
  buffer: Buffer,
  at: number,
  row: number,
  group: number,
  prepared: PreparedKey,
): void {
  buffer.writeUInt32LE(row, at);
  buffer.writeUInt16LE(group, at + 4);
  buffer[at + 6] = prepared.tag;
  const start = at + ENTRY_HEADER_BYTES;
  switch (prepared.tag) {
    case TAG_LATIN1: {
      const text = prepared.key as string;
      buffer.writeUInt32LE(text.length, start);
      buffer.write(text, start + TEXT_LENGTH_BYTES, 'latin1');
      return;
    }
    case TAG_UTF16: {
      const text = prepared.key as string;
      buffer.writeUInt32LE(text.length * 2, start);
      buffer.write(text, start + TEXT_LENGTH_BYTES, 'utf16le');
      return;
    }
    case TAG_INT32:
      buffer.writeInt32LE(prepared.key as number, start);
      return;
    case TAG_FLOAT64:
      buffer.writeDoubleLE(prepared.key as number, start);
      return;
    default: {
      const encoded = prepared.key as Uint8Array;
      buffer.writeUInt32LE(encoded.length, start);
      buffer.set(encoded, start + TEXT_LENGTH_BYTES);
    }
  }
}

export function entryRow(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at);
}

/** Header and payload. */
export function entryBytes(buffer: Buffer, at: number): number {
  const start = at + ENTRY_HEADER_BYTES;
  switch (buffer[at + 6]) {
    case TAG_INT32:
      return ENTRY_HEADER_BYTES + 4;
    case TAG_FLOAT64:
      return ENTRY_HEADER_BYTES + 8;
    case TAG_LATIN1:
    case TAG_UTF16:
    case TAG_VALUE:
      return ENTRY_HEADER_BYTES + TEXT_LENGTH_BYTES + buffer.readUInt32LE(start);
    default:
      throw corrupt(`unknown key tag ${buffer[at + 6]}`);
  }
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT for bytes that are no entry */
export function readEntry(buffer: Buffer, at: number): KeyEntry {
  if (at < 0 || at + ENTRY_HEADER_BYTES + 4 > buffer.length) throw corrupt('key reference outside');
  const end = at + entryBytes(buffer, at);
  if (end > buffer.length) throw corrupt('key entry cut short');
  return {
    row: buffer.readUInt32LE(at),
    group: buffer.readUInt16LE(at + 4),
    key: readKey(buffer, at + ENTRY_HEADER_BYTES, buffer[at + 6]!, end),
  };
}

function readKey(buffer: Buffer, start: number, tag: number, end: number): unknown {
  switch (tag) {
    case TAG_LATIN1:
      return buffer.toString('latin1', start + TEXT_LENGTH_BYTES, end);
    case TAG_UTF16:
      return buffer.toString('utf16le', start + TEXT_LENGTH_BYTES, end);
    case TAG_INT32:
      return buffer.readInt32LE(start);
    case TAG_FLOAT64:
      return buffer.readDoubleLE(start);
    default: {
      // The codec may keep views of what it reads; the blob's memory is not its own.
      const copy = Uint8Array.from(buffer.subarray(start + TEXT_LENGTH_BYTES, end));
      return decodeValue(new ByteReader(copy));
    }
  }
}

function corrupt(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `keyed state in the checkpoint is damaged (${what}). Restore an older checkpoint.`,
  );
}
