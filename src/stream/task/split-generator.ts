/** The watermark generator of one split, at work: what it says is checked, and its state goes through snapshots as bytes. */

import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import {
  requireGenerator,
  WATERMARKS,
  type WatermarkFactory,
  type WatermarkGenerator,
  watermarkOf,
} from '../api/watermarks.js';

export class SplitGenerator {
  readonly #create: WatermarkFactory<unknown>;
  readonly #maxMs: number;
  /** Until the split has a record. */
  #restored: Uint8Array | undefined;
  #generator: WatermarkGenerator<unknown> | undefined;
  /** A state that cannot be kept is to fail the first record, not each checkpoint. */
  #wasCaptured = false;

  /** @param maxMs no time is beyond it @param restored as `capture` has given it */
  constructor(create: WatermarkFactory<never>, maxMs: number, restored: Uint8Array | undefined) {
    this.#create = create as WatermarkFactory<unknown>;
    this.#maxMs = maxMs;
    this.#restored = restored;
  }

  /**
   * The split has a record of that time.
   * @returns what the generator says then; −Infinity for nothing
   * @throws HoldfastError ERR_HOLDFAST_BAD_WATERMARK, ERR_HOLDFAST_ASYNC_CALLBACK, and what user code throws
   */
  said(timeMs: number, record: unknown): number {
    const generator = this.#generator ?? this.#begun();
    const answer: unknown = generator.onRecord(timeMs, record);
    if (answer !== undefined && isThenable(answer)) {
      throw asyncCallbackError(`${WATERMARKS}.onRecord`);
    }
    const said = watermarkOf(generator.current(), this.#maxMs);
    if (!this.#wasCaptured) this.capture();
    this.#wasCaptured = true;
    return said;
  }

  /** Its state; undefined for none. @throws HoldfastError as `said`, and ERR_HOLDFAST_UNSUPPORTED_VALUE */
  capture(): Uint8Array | undefined {
    const generator = this.#generator;
    if (generator === undefined) return this.#restored;
    const state = generator.state?.();
    if (state === undefined) return undefined;
    if (isThenable(state)) throw asyncCallbackError(`${WATERMARKS}.state`);
    const writer = new ByteWriter();
    encodeValue(writer, state, 'state of watermarks');
    return writer.take();
  }

  #begun(): WatermarkGenerator<unknown> {
    const bytes = this.#restored;
    const state =
      bytes === undefined
        ? undefined
        : decodeValue(new ByteReader(bytes, { what: 'state of watermarks' }));
    const generator: unknown = this.#create(state);
    requireGenerator(generator);
    this.#generator = generator;
    this.#restored = undefined;
    return generator;
  }
}
