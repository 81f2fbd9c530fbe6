/**
 * Events in one order: each is handled when the one before it has been, also one that comes of handling it. What follows
 * from all of them is done once, behind the last.
 */
export class EventLine<E> {
  readonly #handle: (event: E) => void;
  readonly #after: () => void;
  readonly #waiting: E[] = [];
  #isHandling = false;

  /** @param after called when nothing waits any more */
  constructor(handle: (event: E) => void, after: () => void) {
    this.#handle = handle;
    this.#after = after;
  }

  /** The next event will wait. */
  get isHandling(): boolean {
    return this.#isHandling;
  }

  /** What `handle` throws is thrown here; what waits behind it is handled all the same. */
  tell(event: E): void {
    if (this.#isHandling) {
      this.#waiting.push(event);
      return;
    }
    this.#isHandling = true;
    try {
      let next: E | undefined = event;
      for (; next !== undefined; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#isHandling = false;
      const left = this.#waiting.shift();
      if (left === undefined) this.#after();
      else this.tell(left);
    }
  }
}
