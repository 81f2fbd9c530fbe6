/** The slow part of a frame: values that have no column of their own, through the value codec. */

import { HoldfastError } from '../base/errors.js';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { type DecodeOptions, ValueDecoder } from '../codec/value-decoder.js';
import { ValueEncoder } from '../codec/value-encoder.js';
import type { SlowSink, SlowSource } from './frame-codegen.js';

/** Thrown for a batch of several records that needs too many bytes: to be cut in two. */
export class TooBig {}

/** A record that cannot travel: its index in the batch, and why. */
export class Untransferable {
  readonly index: number;
  readonly error: HoldfastError;

  constructor(index: number, error: HoldfastError) {
    this.index = index;
    this.error = error;
  }
}

const KEPT_BYTES = 1 << 18;

export class SlowWriter implements SlowSink {
  readonly #writer = new ByteWriter(1_024);
  readonly #encoder = new ValueEncoder();
  readonly #bytesMax: number;
  #row = 0;

  /** @param bytesMax beyond it, a batch of several records is `TooBig` */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  reset(): void {
    // After an error in the middle of a row.
    if (this.#encoder.busy) this.#encoder.end();
    this.#row = 0;
    if (this.#writer.bytes.length > KEPT_BYTES) this.#writer.shrink(KEPT_BYTES);
    else this.#writer.reset();
  }

  written(): Uint8Array {
    return this.#writer.written();
  }

  begin(record: object): void {
    if (this.#row > 0 && this.#writer.position > this.#bytesMax) throw new TooBig();
    this.#encoder.begin(this.#writer, record);
  }

  value(value: unknown, name: string): void {
    try {
      this.#encoder.encode(value, name);
    } catch (error) {
      throw refusal(this.#row, error);
    }
  }

  end(): void {
    this.#encoder.end();
    this.#row += 1;
  }

  /** A whole record. @param index in the batch of `count` */
  record(record: unknown, index: number, count: number): void {
    if (count > 1 && this.#writer.position > this.#bytesMax) throw new TooBig();
    this.#encoder.begin(this.#writer);
    try {
      this.#encoder.encode(record, 'record');
    } catch (error) {
      throw refusal(index, error);
    } finally {
      this.#encoder.end();
    }
  }
}

function refusal(index: number, error: unknown): unknown {
  return error instanceof HoldfastError ? new Untransferable(index, error) : error;
}

const NOTHING = new Uint8Array(0);

export class SlowReader implements SlowSource {
  readonly #decoder: ValueDecoder;
  #reader = new ByteReader(NOTHING);

  constructor(options: DecodeOptions = {}) {
    this.#decoder = new ValueDecoder(options);
  }

  /** Reads from these bytes, which are in memory that will be written to again. */
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

  /** Throws unless all bytes were read; lets go of them. */
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
