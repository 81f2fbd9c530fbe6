/**
 * Things with a time, the earliest first: a binary heap in which each entry knows its place. So an entry that is
 * called off leaves at once, and does not stay until its time.
 *
 *  D1  `#heap[i].place === i`; an entry that has left has place −1.
 *  D2  Of two entries with the same time, the one that was added first comes first.
 */

export interface Deadline<T> {
  readonly atMs: number;
  readonly item: T;
  readonly turn: number;
  /** Written by the queue only. */
  place: number;
}

export class DeadlineQueue<T> {
  readonly #heap: Deadline<T>[] = [];
  #turn = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, item: T): Deadline<T> {
    const entry = { atMs, item, turn: this.#turn++, place: this.#heap.length };
    this.#heap.push(entry);
    this.#rise(entry);
    return entry;
  }

  /** Does nothing when the entry has left already. */
  remove(entry: Deadline<T>): void {
    const { place } = entry;
    if (place < 0) return;
    entry.place = -1;
    const last = this.#heap.pop()!;
    if (last === entry) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  earliestMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** The earliest whose time has come; it leaves the queue. */
  takeDue(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > now) return undefined;
    this.remove(first);
    return first.item;
  }

  #rise(entry: Deadline<T>): void {
    let { place } = entry;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#heap[above]!;
      if (!isBefore(entry, other)) break;
      this.#put(other, place);
      place = above;
    }
    this.#put(entry, place);
  }

  #sink(entry: Deadline<T>): void {
    const { length } = this.#heap;
    let { place } = entry;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= length) break;
      if (below + 1 < length && isBefore(this.#heap[below + 1]!, this.#heap[below]!)) below += 1;
      const other = this.#heap[below]!;
      if (!isBefore(other, entry)) break;
      this.#put(other, place);
      place = below;
    }
    this.#put(entry, place);
  }

  #put(entry: Deadline<T>, place: number): void {
    entry.place = place;
    this.#heap[place] = entry;
  }
}

function isBefore<T>(a: Deadline<T>, b: Deadline<T>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.turn < b.turn);
}
