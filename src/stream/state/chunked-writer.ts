/** Bytes of a snapshot's section, in chunks: no chunk grows much beyond 256 KiB, and what is written is never cut in two. */

import { ByteWriter } from '../../codec/byte-writer.js';

export const CHUNK_BYTES = 256 * 1024;

export class ChunkedWriter {
  /** What is written here goes into the chunk that is open. */
  readonly writer = new ByteWriter();
  readonly #chunks: Uint8Array[] = [];
  readonly #sealed: ((chunk: Uint8Array) => void) | undefined;

  /** @param sealed is given each chunk that is complete. Then chunks are in shared memory, and may be kept */
  constructor(sealed?: (chunk: Uint8Array) => void) {
    this.#sealed = sealed;
  }

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
    const { writer } = this;
    if (writer.position === 0) return;
    this.#chunks.push(this.#sealed === undefined ? writer.take() : shared(writer.written()));
    this.#sealed?.(this.#chunks.at(-1)!);
    writer.reset();
  }
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
