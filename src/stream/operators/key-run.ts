/** The slots of one key in the slices of a window, merged: M2 of window-merge.ts. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';

export abstract class KeyRun<S> {
  readonly canonical: PrimitiveKey;
  readonly key: unknown;
  /** The pivot of the window that it holds; NaN: to be filled anew (M4). */
  pivot = Number.NaN;
  /** The slices, in order, and where each begins. Those before `#first` are gone. */
  readonly #slots: S[] = [];
  readonly #starts: number[] = [];
  #first = 0;
  /** From here on slices are in the back. */
  #back = 0;
  /** Its slices could not be merged: it has no row, and is filled anew for the next window. */
  #failed: { readonly error: unknown } | undefined;

  constructor(canonical: PrimitiveKey, key: unknown) {
    this.canonical = canonical;
    this.key = key;
  }

  get isEmpty(): boolean {
    return this.#first === this.#slots.length;
  }

  /** Forgets all slices. */
  clear(): void {
    this.#slots.length = 0;
    this.#starts.length = 0;
    this.#first = 0;
    this.#back = 0;
    this.#failed = undefined;
  }

  /** Takes in a slice behind all others. It counts at once if the run holds the window that has this pivot. */
  add(start: number, slot: S, pivot: number): void {
    if (this.pivot === pivot) {
      try {
        this.addBack(slot, this.#back === this.#slots.length);
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#slots.push(slot);
    this.#starts.push(start);
  }

  /** Holds the window from here on. */
  advance(start: number, pivot: number): void {
    const starts = this.#starts;
    while (this.#first < starts.length && starts[this.#first]! < start) this.#first += 1;
    if (this.pivot === pivot || this.#failed !== undefined) return;
    try {
      this.#turn(pivot);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws whatever user code throws, which answers or merges */
  row(windowStart: number, windowEnd: number): unknown {
    if (this.#failed !== undefined) throw this.#failed.error;
    const front = this.#back - this.#first;
    return this.rowOf(front, this.#back < this.#slots.length, windowStart, windowEnd);
  }

  /** Puts the slot before what is in front at `place` − 1; place 1 is the first. */
  protected abstract addFront(slot: S, place: number): void;

  /** @param isFirst there is nothing in the back */
  protected abstract addBack(slot: S, isFirst: boolean): void;

  /** @param front the place in front from which on it counts; 0 or less: nothing there does */
  protected abstract rowOf(
    front: number,
    hasBack: boolean,
    windowStart: number,
    windowEnd: number,
  ): unknown;

  #fail(error: unknown): void {
    this.#failed = { error };
    this.pivot = Number.NaN;
  }

  #turn(pivot: number): void {
    const [slots, starts] = [this.#slots, this.#starts];
    slots.splice(0, this.#first);
    starts.splice(0, this.#first);
    this.pivot = pivot;
    this.#first = 0;
    let back = 0;
    while (back < starts.length && starts[back]! < pivot) back += 1;
    this.#back = back;
    for (let i = back - 1; i >= 0; i -= 1) this.addFront(slots[i]!, back - i);
    for (let i = back; i < slots.length; i += 1) this.addBack(slots[i]!, i === back);
  }
}
