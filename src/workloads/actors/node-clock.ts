/**
 * A node's time: milliseconds since 1970 as the machine had it when the node began, and from then on what has passed
 * since. It never goes back, also not behind the snapshot that the node comes from, and clocks that are set do not
 * reach it.
 */
export class NodeClock {
  readonly #offset: number;

  /** @param notBefore the time of the node that is restored */
  constructor(notBefore = 0) {
    this.#offset = Math.max(Date.now(), notBefore) - performance.now();
  }

  /** A whole number. */
  now(): number {
    return Math.floor(performance.now() + this.#offset);
  }

  /** That time as the thread's scheduler has it: `performance.now()`. */
  scheduled(atMs: number): number {
    return atMs - this.#offset;
  }
}
