/** Bytes of a snapshot's section, in chunks: no chunk grows much beyond 256 KiB, and what is written is never cut in two. */

import { ByteWriter } from '../../codec/byte-writer.js';

const CHUNK_BYTES = 256 * 1024;

export class ChunkedWriter {
  /** What is written here goes into the chunk that is open. */
  readonly writer = new ByteWriter();
  readonly #chunks: Uint8Array[] = [];

  /** To be called between two entries: ends the chunk when it is full. */
  cutFull(): void {
    if (this.writer.position >= CHUNK_BYTES) this.#cut();
  }

  /** All chunks, of which none is empty. */
  finish(): readonly Uint8Array[] {
    this.#cut();
    return this.#chunks;
  }

  #cut(): void {
    if (this.writer.position === 0) return;
    this.#chunks.push(this.writer.take());
    this.writer.reset();
  }
}
