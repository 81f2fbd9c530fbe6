/**
 * Windows of several slices: puts the slots of each key together, so that a row costs about the same in however many
 * slices a window has.
 *
 *  M1  A pane *enters* with the first window that fires with it. Then its slots go to the runs of their keys. A run
 *      holds what one key has in the window that fired last, merged.
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
 *      had it for least and greatest values.)
 *  M3  Pivots follow from time alone, and slices are merged in order. So fractions are rounded in the same way
 *      whatever was restored in between.
 *  M4  Runs are no part of a snapshot. A run is filled anew from the panes when a record was added to a pane that
 *      has entered, and when a pane enters out of turn: after a restore, or with records that are late for some of
 *      its windows.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { WindowAssigner } from '../windows/assigner.js';
import type { KeyRun } from './key-run.js';
import type { OpenPanes } from './open-panes.js';
import type { Pane, PaneStore } from './pane.js';

interface Window {
  readonly start: number;
  readonly end: number;
  readonly pivot: number;
}

/** The pivot of a run that has slices and holds no window yet. */
const NONE = Number.NEGATIVE_INFINITY;

export class WindowMerge<S> {
  readonly #assigner: WindowAssigner;
  readonly #store: PaneStore<S>;
  readonly #panes: OpenPanes<S>;
  readonly #runs = new Map<PrimitiveKey, KeyRun<S>>();
  /** The window that fires, or that fired last. */
  #window: Window = { start: Number.NaN, end: Number.NEGATIVE_INFINITY, pivot: Number.NaN };
  /** Its panes; undefined until somebody needs them. */
  #inWindow: readonly Pane<S>[] | undefined;
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
   * Begins to fire the window that `nextEnd` tells (M1). Each run has to `advance` before its row is made.
   * @param alive called every 1 000 slots
   */
  begin(alive: () => void): Iterator<KeyRun<S>> {
    const end = this.nextEnd;
    const start = this.#assigner.startOf(end);
    this.#window = { start, end, pivot: this.#assigner.pivotOf(start) };
    this.#inWindow = undefined;
    for (;;) {
      const pane = this.#panes.nextToFire;
      if (pane === undefined || pane.dueEnd > end) break;
      this.#panes.fired(pane);
      this.#enter(pane, alive);
    }
    return this.#runs.values();
  }

  /** All that are left, in the order in which they fire. */
  get runs(): Iterable<KeyRun<S>> {
    return this.#runs.values();
  }

  get window(): Window {
    return this.#window;
  }

  /** Takes the run to the window that fires. @returns whether anything is in it */
  advance(run: KeyRun<S>): boolean {
    const window = this.#window;
    if (Number.isNaN(run.pivot)) {
      this.#inWindow ??= this.#between(window.start, window.end);
      fill(run, window, this.#inWindow);
    }
    run.advance(window.start, window.pivot);
    if (!run.isEmpty) return true;
    this.#runs.delete(run.canonical);
    return false;
  }

  /** The window has fired. */
  finish(): void {
    this.#inWindow = undefined;
    if (this.#lastEnd <= this.#window.end) this.#runs.clear();
  }

  /** A record was added to a pane that may have entered, perhaps the first of its key. */
  changed(canonical: PrimitiveKey, key: unknown, pane: Pane<S>): void {
    if (pane.dueEnd !== Number.POSITIVE_INFINITY || pane.lastEnd <= this.#window.end) return;
    let run = this.#runs.get(canonical);
    if (run === undefined) {
      run = this.#store.newRun(canonical, key);
      this.#runs.set(canonical, run);
    }
    run.pivot = Number.NaN;
  }

  /** What a key has in the pane's windows, one after another. */
  *runsOf(canonical: PrimitiveKey, key: unknown, pane: Pane<S>): Generator<[Window, KeyRun<S>]> {
    const { firstEnd, lastEnd } = pane;
    const panes = this.#between(this.#assigner.startOf(firstEnd), lastEnd).filter(({ slots }) =>
      slots.has(canonical),
    );
    const run = this.#store.newRun(canonical, key);
    for (let end = firstEnd; end <= lastEnd; end = this.#assigner.nextEnd(end)) {
      const start = this.#assigner.startOf(end);
      const window = { start, end, pivot: this.#assigner.pivotOf(start) };
      fill(run, window, panes);
      run.advance(start, window.pivot);
      yield [window, run];
    }
  }

  #enter(pane: Pane<S>, alive: () => void): void {
    const { end, pivot } = this.#window;
    const isInTurn = pane.index === pane.whole && pane.firstEnd === end;
    this.#lastEnd = Math.max(this.#lastEnd, pane.lastEnd);
    let slots = 0;
    for (const [canonical, slot] of pane.slots) {
      slots += 1;
      if (slots % 1_000 === 0) alive();
      let run = this.#runs.get(canonical);
      if (run === undefined) {
        run = this.#store.newRun(canonical, this.#store.keyOf(canonical, slot));
        run.pivot = NONE;
        this.#runs.set(canonical, run);
      }
      if (isInTurn) run.add(pane.start, slot, pivot);
      else run.pivot = Number.NaN;
    }
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
}

/** @param panes those of the window and perhaps others, in order */
function fill<S>(run: KeyRun<S>, { start, end }: Window, panes: readonly Pane<S>[]): void {
  run.clear();
  run.pivot = NONE;
  for (const pane of panes) {
    if (pane.start < start || pane.firstEnd > end) continue;
    const slot = pane.slots.get(run.canonical);
    if (slot !== undefined) run.add(pane.start, slot, Number.NaN);
  }
}
