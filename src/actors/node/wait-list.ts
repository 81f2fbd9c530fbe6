/** First in, first out; taking costs the same however many wait. There may be a million letters before one mailbox. */

/** Places in front that may be empty before the list is moved up. */
const EMPTY_MAX = 1_024;

export class WaitList<T> {
  #items: (T | undefined)[] = [];
  #from = 0;

  get length(): number {
    return this.#items.length - this.#from;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  take(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#from];
    this.#items[this.#from] = undefined;
    this.#from += 1;
    if (this.#from >= EMPTY_MAX && this.#from * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = this.#from; at < this.#items.length; at += 1) yield this.#items[at] as T;
  }
}
