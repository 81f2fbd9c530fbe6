/**
 * The slots of one key in the slices of a window, merged: M2 of window-merge.ts.
 *
 * It knows slices by numbers that grow with time. What it has of each slice, and what is merged of them, is kept by those
 * that know what slots are. There are as many runs as keys, and each is gone through with each window: so a run is small.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';

export interface Window {
  readonly start: number;
  readonly end: number;
  /** The slices that begin at the window's start and at its pivot, or would. */
  readonly startNumber: number;
  readonly pivotNumber: number;
  /** Counts pivots, from 1. */
  readonly turn: number;
}

/** Some slots of a run with the numbers of their slices, the latest first. */
export interface Found<S> {
  readonly slots: S[];
  readonly numbers: number[];
}

/** A window of so few slices is merged when its row is made: what else would be kept costs more. */
const FEW = 2;

/** Nothing is merged. */
const NONE = 0;
/** The slots are not those that the key has (M4). */
const STALE = -1;

export abstract class KeyRun<S> {
  readonly canonical: PrimitiveKey;
  readonly key: unknown;
  /** The last window that has fired with it, as window-merge.ts counts them. */
  firedWith = 0;
  isGone = false;
  /** The run that entered behind it when it entered last; undefined for none, or when it is gone. */
  next: KeyRun<S> | undefined;
  /** The turn for which it is merged; or NONE, or STALE. */
  #turn = NONE;
  /** Number of the last slice, if there is any. */
  protected last = 0;
  #isBlank = true;
  /** How many slices in front have not left the window. */
  #front = 0;
  #hasBack = false;
  /** Its slices could not be merged: it has no row, and is stale. */
  #failed: { readonly error: unknown } | undefined;

  constructor(canonical: PrimitiveKey, key: unknown) {
    this.canonical = canonical;
    this.key = key;
  }

  /** It has not all the slots that the key has: to be filled anew (M4). */
  get isStale(): boolean {
    return this.#turn === STALE;
  }

  goesStale(): void {
    this.#turn = STALE;
  }

  /** Forgets all slices: it may be filled. */
  clear(): void {
    this.forget();
    this.#isBlank = true;
    this.#turn = NONE;
    this.#failed = undefined;
  }

  /** Takes in a slice behind all others. */
  take(slot: S, number: number): void {
    this.push(slot, number);
    this.last = number;
    this.#isBlank = false;
  }

  /** The same. It counts at once if what is merged is of that turn. */
  add(slot: S, number: number, turn: number): void {
    this.take(slot, number);
    if (this.#turn !== turn) return;
    try {
      this.addBack(slot, !this.#hasBack);
      this.#hasBack = true;
    } catch (error) {
      this.#fails(error);
    }
  }

  /** Holds that window from here on. @returns whether anything is in it */
  advance(window: Window): boolean {
    if (this.#isBlank || this.last < window.startNumber) return false;
    if (this.#turn === window.turn) {
      while (this.#front > 0 && this.frontNumber(this.#front) < window.startNumber)
        this.#front -= 1;
      return true;
    }
    try {
      this.#merge(window);
    } catch (error) {
      this.#fails(error);
    }
    return true;
  }

  /** Of the window that it holds. @throws whatever user code throws, which answers or merges */
  row({ start, end, startNumber }: Window): unknown {
    if (this.#failed !== undefined) throw this.#failed.error;
    if (this.#turn === NONE) {
      const { slots } = this.since(startNumber);
      return this.rowOfFew(slots[0]!, slots[1], start, end);
    }
    return this.rowOf(this.#front, this.#hasBack, start, end);
  }

  protected abstract push(slot: S, number: number): void;

  protected abstract forget(): void;

  /** Those of that number and behind it. Earlier ones are not asked for any more. */
  protected abstract since(number: number): Found<S>;

  /** Puts the slot before what is in front at `place` − 1; place 1 is the first. */
  protected abstract addFront(slot: S, number: number, place: number): void;

  /** What was given with that place. */
  protected abstract frontNumber(place: number): number;

  /** @param isFirst there is nothing in the back */
  protected abstract addBack(slot: S, isFirst: boolean): void;

  /** @param front the place in front from which on it counts; 0: nothing there does */
  protected abstract rowOf(
    front: number,
    hasBack: boolean,
    windowStart: number,
    windowEnd: number,
  ): unknown;

  /** Of one slot, or of two. */
  protected abstract rowOfFew(
    last: S,
    before: S | undefined,
    windowStart: number,
    windowEnd: number,
  ): unknown;

  #merge({ startNumber, pivotNumber, turn }: Window): void {
    const { slots, numbers } = this.since(startNumber);
    const count = slots.length;
    this.#turn = NONE;
    if (count <= FEW) return;
    let back = 0;
    while (back < count && numbers[back]! >= pivotNumber) back += 1;
    for (let at = back; at < count; at += 1) this.addFront(slots[at]!, numbers[at]!, at - back + 1);
    for (let at = back - 1; at >= 0; at -= 1) this.addBack(slots[at]!, at === back - 1);
    this.#front = count - back;
    this.#hasBack = back > 0;
    this.#turn = turn;
  }

  #fails(error: unknown): void {
    this.#failed = { error };
    this.#turn = STALE;
  }
}
