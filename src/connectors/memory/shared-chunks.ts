/**
 * Bytes that are state of a sink and only grow, chunk by chunk. They lie in shared memory, because they stay here and are
 * read elsewhere, so they cannot be transferred. Neighbouring chunks of about the same size are joined, so that a long
 * job has a few dozen of them, not one per checkpoint.
 */

export class SharedChunks {
  readonly #chunks: Uint8Array[] = [];

  /** A list of its own; the chunks never change. */
  get all(): readonly Uint8Array[] {
    return [...this.#chunks];
  }

  /** Appends a copy. */
  append(bytes: Uint8Array): void {
    let joined: readonly Uint8Array[] = [bytes];
    let length = bytes.length;
    for (;;) {
      const last = this.#chunks.at(-1);
      if (last === undefined || last.length > length) break;
      this.#chunks.pop();
      joined = [last, ...joined];
      length += last.length;
    }
    const chunk = new Uint8Array(new SharedArrayBuffer(length));
    let at = 0;
    for (const part of joined) {
      chunk.set(part, at);
      at += part.length;
    }
    this.#chunks.push(chunk);
  }

  clear(): void {
    this.#chunks.length = 0;
  }
}
