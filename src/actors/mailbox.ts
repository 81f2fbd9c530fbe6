/**
 * The messages that wait for one actor, in two lanes.
 *
 *  B1  Each lane is first in, first out. All that is on the system lane comes before what is on the other.
 *  B2  The system lane refuses nothing: control must get through to an actor that cannot keep up. The other lane
 *      holds `capacity` messages, and refuses more.
 *  B3  What is put in comes out exactly once, by `next`.
 *
 * Letters are chained, so that an empty mailbox holds no arrays: there may be a million of them.
 */

/** A message, and who waits for what becomes of it. */
export interface Letter<M, R> {
  readonly message: M;
  readonly reply: ((reply: R) => void) | undefined;
}

interface Link<T> {
  readonly value: T;
  next: Link<T> | undefined;
}

export class Mailbox<T> {
  readonly #capacity: number;
  #system: Link<T> | undefined;
  #lastSystem: Link<T> | undefined;
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #count = 0;

  /** @param capacity messages that may wait, beside those on the system lane */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get isEmpty(): boolean {
    return this.#system === undefined && this.#first === undefined;
  }

  /** A message waits on the system lane. */
  get hasSystem(): boolean {
    return this.#system !== undefined;
  }

  /** Puts a message on the system lane. */
  putSystem(value: T): void {
    const link: Link<T> = { value, next: undefined };
    if (this.#lastSystem === undefined) this.#system = link;
    else this.#lastSystem.next = link;
    this.#lastSystem = link;
  }

  /** Puts a message on the other lane. @returns false: it is full, and the message is not in it (B2) */
  put(value: T): boolean {
    if (this.#count >= this.#capacity) return false;
    const link: Link<T> = { value, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#count += 1;
    return true;
  }

  /** Takes the next message out (B1). */
  next(): T | undefined {
    const system = this.#system;
    if (system !== undefined) {
      this.#system = system.next;
      if (system.next === undefined) this.#lastSystem = undefined;
      return system.value;
    }
    const first = this.#first;
    if (first === undefined) return undefined;
    this.#first = first.next;
    if (first.next === undefined) this.#last = undefined;
    this.#count -= 1;
    return first.value;
  }
}
