/**
 * Windows of several slices: puts the slots of each key together, so that a row costs about the same in however many
 * slices a window has.
 *
 *  M1  A pane *enters* with the first window that fires with it. Then its slots go to the runs of their keys. A run
 *      holds what one key has in the window that fired last, merged. Where one pane enters, and in its turn, its keys fire
 *      as they enter, and then those that have something in earlier slices alone: so each run is looked at once.
 *  M2  A run has a front and a back, which meet at the window's pivot:
 *
 *          slices          | a | b | c | d | e | f | g |
 *          window of b…f       [───────────────────)
 *          pivot                       ↑
 *          front               b+c+d, c+d, d           of the slices up to the pivot: what is left at each start
 *          back                          e+f           of the slices behind it, one sum
 *
 *      Each slice is merged into the back once, and into the front once, when the window's start comes to it: two
 *      merges and one for the row. (A published way to aggregate over sliding windows; van Herk, Gil and Werman
 *      had it for least and greatest values.) One of two slices is merged when its row is made.
 *  M3  Pivots follow from time alone, and slices are merged in order. So fractions are rounded in the same way
 *      whatever was restored in between.
 *  M4  Runs are no part of a snapshot. A run is filled anew from the panes when a record was added to a pane that
 *      has entered, and when a pane enters out of turn: after a restore, or with records that are late for some of
 *      its windows.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { WindowAssigner } from '../windows/assigner.js';
import type { KeyRun, Window } from './key-run.js';
import type { OpenPanes } from './open-panes.js';
import type { Pane, PaneStore } from './pane.js';

const NO_WINDOW: Window = {
  start: Number.NaN,
  end: Number.NEGATIVE_INFINITY,
  startNumber: Number.NaN,
  pivotNumber: Number.NaN,
  turn: 0,
};

export class WindowMerge<S> {
  readonly #assigner: WindowAssigner;
  readonly #store: PaneStore<S>;
  readonly #panes: OpenPanes<S>;
  readonly #runs = new Map<PrimitiveKey, KeyRun<S>>();
  /** The window that fires, or that fired last. */
  #window: Window = NO_WINDOW;
  /** Which window of all that have fired it is, counted from 1. */
  #serial = 0;
  /** Slices are counted from the first that was met, since small integers are cheaper. */
  #origin: number | undefined;
  /** The window's panes; undefined until somebody needs them. */
  #inWindow: readonly Pane<S>[] | undefined;
  /** A pane that fires as it enters (M1), and the slots of it that have not; undefined: there is none. */
  #entering: { readonly pane: Pane<S>; readonly slots: Iterator<[PrimitiveKey, S]> } | undefined;
  /** The run that has entered last. Keys often come in the order in which they came before. */
  #entered: KeyRun<S> | undefined;
  /** Runs that may have to fire; undefined until then. */
  #others: Iterator<KeyRun<S>> | undefined;
  /** With how many keys it has fired. */
  #fired = 0;
  /** Where the last window ends that anything is in that has entered. */
  #lastEnd = Number.NEGATIVE_INFINITY;

  constructor(assigner: WindowAssigner, store: PaneStore<S>, panes: OpenPanes<S>) {
    this.#assigner = assigner;
    this.#store = store;
    this.#panes = panes;
  }

  /** Where the next window ends that has anything in it; infinite when there is none. */
  get nextEnd(): number {
    const entering = this.#panes.nextToFire?.dueEnd ?? Number.POSITIVE_INFINITY;
    const { end } = this.#window;
    return this.#lastEnd > end ? Math.min(entering, this.#assigner.nextEnd(end)) : entering;
  }

  /** Where the first window ends, of those that the pane is in, that is to fire beyond that time. */
  endAfter(timeMs: number, { firstEnd, lastEnd }: Pick<Pane<S>, 'firstEnd' | 'lastEnd'>): number {
    let end = firstEnd;
    while (end <= lastEnd && end - 1 <= timeMs) end = this.#assigner.nextEnd(end);
    return end <= lastEnd ? end : Number.POSITIVE_INFINITY;
  }

  /**
   * Begins to fire the window that `nextEnd` tells (M1). Each run that is `next` has to `advance` before its row is made.
   * @param alive called every 1 000 slots
   */
  begin(alive: () => void): void {
    const end = this.nextEnd;
    this.#window = this.#windowOf(end);
    this.#serial += 1;
    this.#inWindow = undefined;
    this.#entering = undefined;
    this.#entered = undefined;
    this.#others = undefined;
    this.#fired = 0;
    const panes: Pane<S>[] = [];
    for (;;) {
      const pane = this.#panes.nextToFire;
      if (pane === undefined || pane.dueEnd > end) break;
      this.#panes.fired(pane);
      this.#lastEnd = Math.max(this.#lastEnd, pane.lastEnd);
      panes.push(pane);
    }
    const [only] = panes;
    if (panes.length === 1 && this.#isInTurn(only!)) {
      this.#entering = { pane: only!, slots: only!.slots.entries() };
    } else for (const pane of panes) this.#enter(pane, alive);
  }

  /** The next run that may have anything in the window; undefined: there are no more. */
  next(): KeyRun<S> | undefined {
    const entering = this.#entering;
    if (entering !== undefined) {
      const next = entering.slots.next();
      if (next.done !== true) return this.#enters(entering.pane, next.value[0], next.value[1]);
      this.#entering = undefined;
    }
    if (this.#others === undefined) {
      if (this.#fired === this.#runs.size) return undefined;
      this.#others = this.#runs.values();
    }
    const next = this.#others.next();
    return next.done === true ? undefined : next.value;
  }

  /** Takes a run to the window that fires. @returns whether it is to fire with it now */
  advance(run: KeyRun<S>): boolean {
    if (run.firedWith === this.#serial) return false;
    const window = this.#window;
    if (run.isStale) {
      this.#inWindow ??= this.#between(window.start, window.end);
      this.#fill(run, window, this.#inWindow);
    }
    if (run.advance(window)) {
      run.firedWith = this.#serial;
      this.#fired += 1;
      return true;
    }
    this.#runs.delete(run.canonical);
    run.isGone = true;
    run.next = undefined;
    return false;
  }

  /** The keys with which the window has fired so far. */
  get firedKeys(): readonly unknown[] {
    const fired: unknown[] = [];
    for (const { firedWith, key } of this.#runs.values()) {
      if (firedWith === this.#serial) fired.push(key);
    }
    return fired;
  }

  get window(): Window {
    return this.#window;
  }

  /** The window has fired. */
  finish(): void {
    this.#inWindow = undefined;
    this.#others = undefined;
    if (this.#lastEnd <= this.#window.end) this.#runs.clear();
  }

  /** A record was added to a pane that may have entered, perhaps the first of its key. */
  changed(canonical: PrimitiveKey, key: unknown, pane: Pane<S>): void {
    if (pane.dueEnd !== Number.POSITIVE_INFINITY || pane.lastEnd <= this.#window.end) return;
    const run = this.#runs.get(canonical) ?? this.#newRun(canonical, key);
    run.goesStale();
  }

  /** What a key has in the pane's windows, one after another. */
  *runsOf(canonical: PrimitiveKey, key: unknown, pane: Pane<S>): Generator<[Window, KeyRun<S>]> {
    const { firstEnd, lastEnd } = pane;
    const panes = this.#between(this.#assigner.startOf(firstEnd), lastEnd).filter(({ slots }) =>
      slots.has(canonical),
    );
    const run = this.#store.newRun(canonical, key);
    for (let end = firstEnd; end <= lastEnd; end = this.#assigner.nextEnd(end)) {
      const window = this.#windowOf(end);
      this.#fill(run, window, panes);
      run.advance(window);
      yield [window, run];
    }
  }

  #windowOf(end: number): Window {
    const start = this.#assigner.startOf(end);
    const pivotNumber = this.#numberOf(this.#assigner.indexAt(this.#assigner.pivotOf(start)));
    const startNumber = this.#numberOf(this.#assigner.indexAt(start));
    const before = this.#window;
    const turn = before.pivotNumber === pivotNumber ? before.turn : before.turn + 1;
    return { start, end, startNumber, pivotNumber, turn };
  }

  #numberOf(index: number): number {
    this.#origin ??= index;
    return index - this.#origin;
  }

  #isInTurn({ index, whole, firstEnd }: Pane<S>): boolean {
    return index === whole && firstEnd === this.#window.end;
  }

  #enter(pane: Pane<S>, alive: () => void): void {
    const isInTurn = this.#isInTurn(pane);
    let slots = 0;
    for (const [canonical, slot] of pane.slots) {
      slots += 1;
      if (slots % 1_000 === 0) alive();
      const run = this.#enters(pane, canonical, slot);
      if (!isInTurn) run.goesStale();
    }
  }

  #enters(pane: Pane<S>, canonical: PrimitiveKey, slot: S): KeyRun<S> {
    const before = this.#entered;
    let run = before?.next;
    if (run?.canonical !== canonical || run.isGone) {
      run =
        this.#runs.get(canonical) ?? this.#newRun(canonical, this.#store.keyOf(canonical, slot));
      if (before !== undefined) before.next = run;
    }
    this.#entered = run;
    if (!run.isStale) run.add(slot, this.#numberOf(pane.index), this.#window.turn);
    return run;
  }

  /** The panes of a stretch of time, in order. */
  #between(from: number, to: number): readonly Pane<S>[] {
    const found: Pane<S>[] = [];
    for (let time = from; time < to; ) {
      const index = this.#assigner.indexAt(time);
      const whole = this.#panes.find(index);
      if (whole !== undefined) found.push(whole);
      found.push(...this.#panes.partsOf(index));
      time = (whole ?? this.#assigner.slice(index)).end;
    }
    return found;
  }

  #newRun(canonical: PrimitiveKey, key: unknown): KeyRun<S> {
    const run = this.#store.newRun(canonical, key);
    this.#runs.set(canonical, run);
    return run;
  }

  /** @param panes those of the window and perhaps others, in order */
  #fill(run: KeyRun<S>, { start, end }: Window, panes: readonly Pane<S>[]): void {
    run.clear();
    for (const pane of panes) {
      if (pane.start < start || pane.firstEnd > end) continue;
      const slot = pane.slots.get(run.canonical);
      if (slot !== undefined) run.take(slot, this.#numberOf(pane.index));
    }
  }
}
