/**
 * A growable run of bytes, written from front to back. Numbers are little-endian.
 *
 * The bytes are in one ArrayBuffer, which is replaced by a larger one when it is full. So a caller that keeps a view
 * has to take `writer.bytes` anew after every call that may need room.
 */

import { HoldfastError } from '../base/errors.js';

/** Most bytes that one writer holds, so that lengths and offsets fit into 31 bits. */
export const WRITER_BYTES_MAX = 0x7fff_0000;

const CAPACITY_BYTES_DEFAULT = 256;

export class ByteWriter {
  /** All of the memory, used or not. Its length is a multiple of 8, and it has its ArrayBuffer to itself. */
  bytes: Buffer;
  /** The same memory, for floats and fixed-width integers. */
  view: DataView;
  /** Number of bytes written so far. */
  position = 0;

  /** @param capacityBytes first capacity, which doubles when it is used up, to at most `WRITER_BYTES_MAX` */
  constructor(capacityBytes = CAPACITY_BYTES_DEFAULT) {
    const buffer = new ArrayBuffer(roundUp8(Math.max(8, capacityBytes)));
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
  }

  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.position = 0;
  }

  /** Gives the memory back when it has grown beyond `capacityBytes`. What was written is forgotten. */
  shrink(capacityBytes: number): void {
    this.position = 0;
    if (this.bytes.length > capacityBytes) this.#replace(capacityBytes);
  }

  /**
   * Makes room for `byteCount` further bytes. Throws ERR_HOLDFAST_UNSUPPORTED_VALUE when the whole
   * would exceed `WRITER_BYTES_MAX`.
   */
  ensure(byteCount: number): void {
    const needed = this.position + byteCount;
    if (needed > this.bytes.length) this.#grow(needed);
  }

  /** The written bytes as a view, which is valid until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.position);
  }

  /** A copy of the written bytes, in an ArrayBuffer of exactly their size. */
  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes.subarray(0, this.position));
  }

  /** Writes zero bytes up to the next multiple of 8. */
  align8(): void {
    this.ensure(8);
    const end = roundUp8(this.position);
    this.bytes.fill(0, this.position, end);
    this.position = end;
  }

  u8(value: number): void {
    if (this.position >= this.bytes.length) this.#grow(this.position + 1);
    this.bytes[this.position++] = value;
  }

  u16(value: number): void {
    this.ensure(2);
    this.view.setUint16(this.position, value, true);
    this.position += 2;
  }

  u32(value: number): void {
    this.ensure(4);
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  f64(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** LEB128; `value` is an integer in 0…2^53 − 1. One byte up to 127, at most eight. */
  varint(value: number): void {
    this.ensure(8);
    const bytes = this.bytes;
    let position = this.position;
    let rest = value;
    while (rest > 0x7fff_ffff) {
      bytes[position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      bytes[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[position++] = rest;
    this.position = position;
  }

  /** Writes the bytes of `source`, without its length. */
  raw(source: Uint8Array): void {
    this.ensure(source.length);
    this.bytes.set(source, this.position);
    this.position += source.length;
  }

  /** Writes the bytes of `source` from `from` to `to`, without their number. */
  copy(source: Buffer, from: number, to: number): void {
    this.ensure(to - from);
    source.copy(this.bytes, this.position, from, to);
    this.position += to - from;
  }

  /** Writes each UTF-16 unit as one byte. The caller makes sure that all are below 256. */
  latin1(text: string): void {
    this.ensure(text.length);
    this.position += this.bytes.write(text, this.position, 'latin1');
  }

  /** Writes each UTF-16 unit as two bytes, so that lone surrogates survive. */
  utf16(text: string): void {
    this.ensure(text.length * 2);
    this.position += this.bytes.write(text, this.position, 'utf16le');
  }

  #grow(needed: number): void {
    if (needed > WRITER_BYTES_MAX) {
      throw new HoldfastError(
        'ERR_HOLDFAST_UNSUPPORTED_VALUE',
        `a value takes more than ${WRITER_BYTES_MAX} bytes when encoded; split it into smaller ones.`,
        { details: { bytes: needed, limit: WRITER_BYTES_MAX } },
      );
    }
    const before = this.bytes;
    this.#replace(Math.min(WRITER_BYTES_MAX, Math.max(needed, before.length * 2)));
    this.bytes.set(before.subarray(0, this.position));
  }

  #replace(capacityBytes: number): void {
    const buffer = new ArrayBuffer(roundUp8(capacityBytes));
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
  }
}

function roundUp8(value: number): number {
  return Math.ceil(value / 8) * 8;
}
