/**
 * The panes that are open: found by their number, and asked for what is due first. There may be hundreds of
 * thousands (small windows, much allowed lateness), so nothing here looks through all of them.
 *
 *  Q1  A pane waits in one of two queues: first for a window to fire with it, by `dueEnd`, then to be freed, by the
 *      end of its last window, and among equals in order of time. All windows have one lateness, so in each queue
 *      the earliest is due first.
 *  Q2  While work on a pane is under way, it stays where it is. When that is done, it moves on, or goes.
 *  Q3  Panes mostly begin, and always fire, in order of time: these stand in a list. Only a pane that comes
 *      behind a later one goes to a heap.
 */

import { assert } from '../../base/assert.js';
import { LeastFirst } from '../task/least-first.js';
import type { Pane } from './pane.js';

export class OpenPanes<S> {
  readonly #byIndex = new Map<number, Pane<S>>();
  /** Parts of slices, by the number of the whole. */
  readonly #parts = new Map<number, Pane<S>[]>();
  readonly #toFire = new PaneQueue<S>(({ dueEnd }) => dueEnd);
  readonly #toFree = new PaneQueue<S>(({ lastEnd }) => lastEnd);

  /** @param index number of the slice */
  find(index: number): Pane<S> | undefined {
    return this.#byIndex.get(index);
  }

  add(pane: Pane<S>): void {
    this.#byIndex.set(pane.index, pane);
    if (pane.index !== pane.whole) {
      const parts = this.partsOf(pane.whole);
      this.#parts.set(
        pane.whole,
        [...parts, pane].sort((a, b) => a.index - b.index),
      );
    }
    (pane.dueEnd === Number.POSITIVE_INFINITY ? this.#toFree : this.#toFire).add(pane);
  }

  /** Parts of the slice of that number, by their numbers. */
  partsOf(whole: number): readonly Pane<S>[] {
    return this.#parts.get(whole) ?? NO_PANES;
  }

  /** The earliest pane for which a window is to fire. */
  get nextToFire(): Pane<S> | undefined {
    return this.#toFire.earliest();
  }

  /** The earliest pane that waits for nothing but to be freed. */
  get nextToFree(): Pane<S> | undefined {
    return this.#toFree.earliest();
  }

  /** `nextToFire` has fired. */
  fired(pane: Pane<S>): void {
    assert(this.#toFire.take() === pane, 'the earliest pane fires');
    pane.fired = true;
    pane.dueEnd = Number.POSITIVE_INFINITY;
    this.#toFree.add(pane);
  }

  /** @param pane one of the two that are next */
  remove(pane: Pane<S>): void {
    const queue = pane.dueEnd === Number.POSITIVE_INFINITY ? this.#toFree : this.#toFire;
    assert(queue.take() === pane, 'the earliest pane is freed');
    this.#byIndex.delete(pane.index);
    if (pane.index === pane.whole) return;
    const left = this.partsOf(pane.whole).filter((part) => part !== pane);
    if (left.length > 0) this.#parts.set(pane.whole, left);
    else this.#parts.delete(pane.whole);
  }
}

const NO_PANES: readonly never[] = [];

/** The list is cut only when so many of its panes have been taken. */
const TAKEN_MIN = 1_024;

/** Q3 */
class PaneQueue<S> {
  /** A pane that was taken leaves undefined, since it may hold much. */
  readonly #inOrder: (Pane<S> | undefined)[] = [];
  #first = 0;
  readonly #others: LeastFirst<Pane<S>>;
  readonly #endOf: (pane: Pane<S>) => number;

  constructor(endOf: (pane: Pane<S>) => number) {
    this.#endOf = endOf;
    this.#others = new LeastFirst(endOf);
  }

  add(pane: Pane<S>): void {
    const inOrder = this.#inOrder;
    const last = inOrder.at(-1);
    if (last === undefined || this.#isBefore(last, pane)) inOrder.push(pane);
    else this.#others.add(pane);
  }

  earliest(): Pane<S> | undefined {
    const first = this.#inOrder[this.#first];
    const other = this.#others.least();
    if (first === undefined || other === undefined) return first ?? other;
    return this.#isBefore(other, first) ? other : first;
  }

  take(): Pane<S> | undefined {
    const pane = this.earliest();
    if (pane === undefined || pane !== this.#inOrder[this.#first]) return this.#others.take();
    this.#inOrder[this.#first] = undefined;
    this.#first += 1;
    if (this.#first >= TAKEN_MIN && this.#first * 2 >= this.#inOrder.length) {
      this.#inOrder.splice(0, this.#first);
      this.#first = 0;
    }
    return pane;
  }

  #isBefore(one: Pane<S>, other: Pane<S>): boolean {
    const [end, otherEnd] = [this.#endOf(one), this.#endOf(other)];
    return end === otherEnd ? one.index < other.index : end < otherEnd;
  }
}
