/**
 * Reads what a `ByteWriter` wrote. Every read is compared with the end first. So hostile or
 * torn bytes end in the caller's error, never in a read past the end or a huge allocation.
 */

import { HoldfastError } from '../base/errors.js';
import { CACHED_LENGTH_MAX, cachedLatin1 } from './text-cache.js';

export interface ByteReaderOptions {
  /** A name of the bytes for messages: `state 'windows' of operator 'x'`. */
  readonly what?: string | undefined;
  /** Makes the error to throw. Default: ERR_HOLDFAST_CHECKPOINT_CORRUPT. */
  readonly fail?: ((problem: string, offset: number) => HoldfastError) | undefined;
}

export class ByteReader {
  readonly bytes: Uint8Array;
  /** Position of the next byte. It may be set to any place within the bytes. */
  position = 0;
  /** One past the last byte that may be read. */
  readonly end: number;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #options: ByteReaderOptions;

  constructor(bytes: Uint8Array, options: ByteReaderOptions = {}) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#options = options;
  }

  /** Number of bytes that are not read yet. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** The error for bytes that make no sense. The caller throws it. */
  corrupt(problem: string, offset = this.position): HoldfastError {
    const { what, fail } = this.#options;
    if (fail !== undefined) return fail(problem, offset);
    return new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      `${what ?? 'encoded data'}: ${problem} at byte ${offset}. The bytes are damaged or were not ` +
        'written by this format; restore an older checkpoint.',
      { details: { problem, offset } },
    );
  }

  u8(): number {
    if (this.position >= this.end) throw this.#short(1);
    return this.bytes[this.position++]!;
  }

  u16(): number {
    const at = this.#advance(2);
    return this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.#advance(4);
    return this.#view.getUint32(at, true);
  }

  f64(): number {
    const at = this.#advance(8);
    return this.#view.getFloat64(at, true);
  }

  /** An integer in 0…2^53 − 1, in its shortest form. */
  varint(): number {
    const start = this.position;
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 0x80;
    for (let i = 1; i < 8; i += 1) {
      byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (byte === 0 || value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 0x80;
    }
    throw this.corrupt('a malformed integer', start);
  }

  /** A number of things that take at least `unitBytes` each. Refuses more of them than the remaining bytes can hold. */
  length(unitBytes = 1): number {
    const start = this.position;
    const length = this.varint();
    if (length * unitBytes > this.end - this.position) {
      throw this.corrupt(`a length of ${length} where ${this.remaining} bytes remain`, start);
    }
    return length;
  }

  /** A view of the next `byteCount` bytes, not a copy. */
  raw(byteCount: number): Uint8Array {
    const at = this.#advance(byteCount);
    return this.bytes.subarray(at, at + byteCount);
  }

  /** The next `byteCount` bytes in an ArrayBuffer of their own. */
  copy(byteCount: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.raw(byteCount));
  }

  latin1(length: number): string {
    const at = this.#advance(length);
    return this.#buffer.toString('latin1', at, at + length);
  }

  /** The same as `latin1`, for texts that are often equal. */
  name(length: number): string {
    if (length === 0 || length > CACHED_LENGTH_MAX) return this.latin1(length);
    return cachedLatin1(this.#buffer, this.#advance(length), length);
  }

  /** @param length in UTF-16 units */
  utf16(length: number): string {
    const at = this.#advance(length * 2);
    return this.#buffer.toString('utf16le', at, at + length * 2);
  }

  #advance(byteCount: number): number {
    const at = this.position;
    if (byteCount > this.end - at) throw this.#short(byteCount);
    this.position = at + byteCount;
    return at;
  }

  #short(byteCount: number): HoldfastError {
    return this.corrupt(`ends ${byteCount - this.remaining} bytes too early`);
  }
}
