/** The slow part of a frame: values that have no column of their own, through the value codec. */

import { HoldfastError } from '../base/errors.js';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { ValueDecoder } from '../codec/value-decoder.js';
import { ValueEncoder } from '../codec/value-encoder.js';
import type { SlowSink, SlowSource } from './frame-codegen.js';

const KEPT_BYTES = 1 << 18;

export class SlowWriter implements SlowSink {
  readonly #writer = new ByteWriter(1_024);
  readonly #encoder = new ValueEncoder();
  /** Where the row under way begins. */
  #rowAt = 0;

  /** Forgets what was written. */
  reset(): void {
    if (this.#writer.bytes.length > KEPT_BYTES) this.#writer.shrink(KEPT_BYTES);
    else this.#writer.reset();
  }

  written(): Uint8Array {
    return this.#writer.written();
  }

  begin(record: object): void {
    this.#rowAt = this.#writer.position;
    this.#encoder.begin(this.#writer, record);
  }

  value(value: unknown, name: string): void {
    try {
      this.#encoder.encode(value, name);
    } catch (error) {
      this.#encoder.end();
      this.#writer.position = this.#rowAt;
      throw error;
    }
  }

  end(): number {
    this.#encoder.end();
    return this.#writer.position - this.#rowAt;
  }

  /** A whole record. @returns its bytes */
  record(record: unknown): number {
    const start = this.#writer.position;
    this.#encoder.begin(this.#writer);
    try {
      this.#encoder.encode(record, 'record');
    } finally {
      this.#encoder.end();
    }
    return this.#writer.position - start;
  }
}

const NOTHING = new Uint8Array(0);

export class SlowReader implements SlowSource {
  readonly #decoder = new ValueDecoder();
  #reader = new ByteReader(NOTHING);

  /** Reads from these bytes. Their memory will be written to again. */
  open(bytes: Uint8Array): void {
    this.#reader = new ByteReader(bytes, { fail: damagedFrame });
  }

  begin(record: object): void {
    this.#decoder.begin(this.#reader, record);
  }

  value(): unknown {
    return this.#decoder.decode();
  }

  end(): void {
    this.#decoder.end();
  }

  /** A whole record. */
  record(): unknown {
    this.#decoder.begin(this.#reader);
    const record = this.#decoder.decode();
    this.#decoder.end();
    return record;
  }

  /** Throws unless all bytes were read; then lets go of them. */
  close(): void {
    const { remaining } = this.#reader;
    this.#reader = new ByteReader(NOTHING);
    if (remaining > 0) throw damagedFrame(`${remaining} bytes too many`, 0);
  }
}

export function damagedFrame(problem: string, offset: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_INTERNAL',
    `a frame between two tasks is damaged: ${problem} at byte ${offset}. Please report this.`,
    { details: { problem, offset } },
  );
}
