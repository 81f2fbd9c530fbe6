/**
 * A word ahead of the queue: a producer tells its consumer of a barrier while the barrier itself still waits
 * behind everything that was sent before it. The announcement lies in the ring's header.
 *
 *  N1  Only the newest announcement counts, and ids of checkpoints increase: one place is enough.
 *  N2  The consumer sees an announcement whole or not at all. While it is written, the count is odd; the
 *      consumer looks at the count before and after reading. If it has seen an odd count, the doorbell that follows
 *      wakes it.
 *  N3  The announcement is written before the producer publishes anything from `position` on. So a consumer that
 *      has taken such an element sees it.
 */

import type { Announcement } from './element.js';

/** Indexes, counted from the first of the given words. */
const COUNT = 0;
const CHECKPOINT_LOW = 1;
const CHECKPOINT_HIGH = 2;
const POSITION = 3;
const URGENT = 4;

/** 32-bit words that an announcement takes. */
export const ANNOUNCEMENT_WORDS = 5;

const LOW_WORD = 2 ** 32;

export class AnnouncementCell {
  readonly #words: Int32Array;

  /** @param words of shared memory, all 0 at first */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  write({ checkpoint, position, urgent }: Announcement): void {
    const words = this.#words;
    Atomics.add(words, COUNT, 1);
    Atomics.store(words, CHECKPOINT_LOW, checkpoint | 0);
    Atomics.store(words, CHECKPOINT_HIGH, Math.floor(checkpoint / LOW_WORD));
    Atomics.store(words, POSITION, position);
    Atomics.store(words, URGENT, urgent ? 1 : 0);
    Atomics.add(words, COUNT, 1);
  }

  /** Undefined when there is none, or one is just being written (N2). */
  read(): Announcement | undefined {
    const words = this.#words;
    const count = Atomics.load(words, COUNT);
    if (count === 0 || (count & 1) === 1) return undefined;
    const low = Atomics.load(words, CHECKPOINT_LOW) >>> 0;
    const checkpoint = Atomics.load(words, CHECKPOINT_HIGH) * LOW_WORD + low;
    const position = Atomics.load(words, POSITION);
    const urgent = Atomics.load(words, URGENT) === 1;
    return Atomics.load(words, COUNT) === count ? { checkpoint, position, urgent } : undefined;
  }
}
