/**
 * Readers that have given all, and are kept until a checkpoint that knows of it is complete: what they gave last can
 * only be acknowledged then. They take no place from others: when more readers are open than may be, those that have
 * been kept longest are closed, and hear of no more.
 */

import type { OpenReaders } from './open-readers.js';
import type { SplitReader } from './split-reader.js';

export class EndedReaders {
  readonly #max: number;
  readonly #open: readonly OpenReaders[];
  /** The one that has been kept longest first. */
  readonly #kept = new Set<SplitReader>();

  /** @param max readers that may be open in all @param open those that still read */
  constructor(max: number, open: readonly OpenReaders[]) {
    this.#max = max;
    this.#open = open;
  }

  keep(reader: SplitReader): void {
    this.#kept.add(reader);
    this.makeRoom();
  }

  /** Others may have been opened since. */
  makeRoom(): void {
    let left = this.#max;
    for (const { count } of this.#open) left -= count;
    for (const reader of this.#kept) {
      if (this.#kept.size <= left) return;
      this.release(reader);
    }
  }

  /** It has heard of its end, or will not. */
  release(reader: SplitReader): void {
    if (this.#kept.delete(reader)) reader.release();
  }
}
