/**
 * The windows that are open: found by their number, and asked for what is due first. There may be hundreds of
 * thousands (small windows, much allowed lateness), so nothing here looks through all of them.
 *
 *  Q1  A pane waits in one of two queues: first to fire, then to be freed. All windows have one size and one
 *      lateness, so in each queue the earliest window is due first.
 *  Q2  While work on a pane is under way, it stays where it is. When that is done, it moves on, or goes.
 *  Q3  Windows mostly begin, and always fire, in order of time: these stand in a list. Only a pane that comes
 *      behind a later window goes to a heap.
 */

import { assert } from '../../base/assert.js';
import { LeastFirst } from '../task/least-first.js';
import type { Pane } from './pane.js';

export class OpenPanes<S> {
  readonly #byIndex = new Map<number, Pane<S>>();
  readonly #toFire = new PaneQueue<S>();
  readonly #toFree = new PaneQueue<S>();

  /** @param index number of the window */
  find(index: number): Pane<S> | undefined {
    return this.#byIndex.get(index);
  }

  add(pane: Pane<S>): void {
    this.#byIndex.set(pane.index, pane);
    (pane.fired ? this.#toFree : this.#toFire).add(pane);
  }

  /** The earliest pane that has not fired. */
  get nextToFire(): Pane<S> | undefined {
    return this.#toFire.earliest();
  }

  /** The earliest pane that has fired. */
  get nextToFree(): Pane<S> | undefined {
    return this.#toFree.earliest();
  }

  /** `nextToFire` has fired. */
  fired(pane: Pane<S>): void {
    assert(!pane.fired && this.#toFire.take() === pane, 'the earliest window fires');
    pane.fired = true;
    this.#toFree.add(pane);
  }

  /** @param pane one of the two that are next */
  remove(pane: Pane<S>): void {
    const queue = pane.fired ? this.#toFree : this.#toFire;
    assert(queue.take() === pane, 'the earliest window is freed');
    this.#byIndex.delete(pane.index);
  }
}

/** The list is cut only when so many of its panes have been taken. */
const TAKEN_MIN = 1_024;

/** Q3 */
class PaneQueue<S> {
  /** A pane that was taken leaves undefined, since it may hold much. */
  readonly #inOrder: (Pane<S> | undefined)[] = [];
  #first = 0;
  readonly #others = new LeastFirst<Pane<S>>((pane) => pane.index);

  add(pane: Pane<S>): void {
    const inOrder = this.#inOrder;
    const last = inOrder.at(-1);
    if (last === undefined || pane.index > last.index) inOrder.push(pane);
    else this.#others.add(pane);
  }

  earliest(): Pane<S> | undefined {
    const first = this.#inOrder[this.#first];
    const other = this.#others.least();
    if (first === undefined || other === undefined) return first ?? other;
    return other.index < first.index ? other : first;
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
}
