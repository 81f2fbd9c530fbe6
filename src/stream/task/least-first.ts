/**
 * A binary heap of items whose times only grow; the item with the least time comes first. An item's time is
 * looked at again when the item comes to the top. So a time may grow at no cost, and asking for the least takes a
 * few comparisons for each item whose time has grown past another's. Of equal times the lower index comes first.
 */
export class LeastFirst<T extends { readonly index: number }> {
  readonly #timeOf: (item: T) => number;
  readonly #items: T[] = [];
  /** The times by which `#items` is in order; the items' times now may be greater. */
  readonly #times: number[] = [];

  constructor(timeOf: (item: T) => number) {
    this.#timeOf = timeOf;
  }

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#times.push(this.#timeOf(item));
    this.#rise(this.#items.length - 1);
  }

  /** @returns undefined when there is none */
  least(): T | undefined {
    for (;;) {
      const first = this.#items[0];
      if (first === undefined) return undefined;
      const time = this.#timeOf(first);
      if (time <= this.#times[0]!) return first;
      this.#times[0] = time;
      this.#sink(0);
      if (this.#items[0] === first) return first;
    }
  }

  /** Takes the least out. */
  take(): T | undefined {
    const least = this.least();
    if (least !== undefined) this.#removeAt(0);
    return least;
  }

  /** No item's time is below this; +Infinity when there is none. */
  get boundMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the least out if its time is not above that. Looks at no item again whose time was above it before. */
  takeBy(timeMs: number): T | undefined {
    while (this.#items.length > 0 && this.#times[0]! <= timeMs) {
      const first = this.#items[0]!;
      const time = this.#timeOf(first);
      if (time <= this.#times[0]!) {
        this.#removeAt(0);
        return first;
      }
      this.#times[0] = time;
      this.#sink(0);
    }
    return undefined;
  }

  /** Looks through all items: for what happens once in an item's life. */
  remove(item: T): void {
    const at = this.#items.indexOf(item);
    if (at >= 0) this.#removeAt(at);
  }

  #removeAt(at: number): void {
    const lastItem = this.#items.pop()!;
    const lastTime = this.#times.pop()!;
    if (at === this.#items.length) return;
    this.#items[at] = lastItem;
    this.#times[at] = lastTime;
    this.#sink(at);
    this.#rise(at);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #sink(from: number): void {
    const { length } = this.#items;
    let at = from;
    for (;;) {
      let least = at;
      const below = 2 * at + 1;
      if (below < length && this.#isBefore(below, least)) least = below;
      if (below + 1 < length && this.#isBefore(below + 1, least)) least = below + 1;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const time = this.#times[one]!;
    const otherTime = this.#times[other]!;
    return time === otherTime
      ? this.#items[one]!.index < this.#items[other]!.index
      : time < otherTime;
  }

  #swap(one: number, other: number): void {
    const item = this.#items[one]!;
    const time = this.#times[one]!;
    this.#items[one] = this.#items[other]!;
    this.#times[one] = this.#times[other]!;
    this.#items[other] = item;
    this.#times[other] = time;
  }
}
