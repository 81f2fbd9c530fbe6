/**
 * The timers of an operator, of one kind: which there are for each key, and which is next.
 *
 *  Q1  Which timers there are is part of the key's state: a set of times in a slot (keyed-state.ts). So they are in its
 *      snapshots, go where its key group goes, and a time that is set twice is set once.
 *  Q2  Entries in two heaps tell which timer is next. An entry whose timer is not in the key's set any more is passed
 *      over. When most entries are such, the heap is made anew.
 *  Q3  Timers are taken in the order of time, across keys; at the same time the one that was set first comes first.
 *  Q4  A timer is taken out of the set as it fires. So a snapshot between two timers holds those that are left.
 */

import type { Cell } from '../state/cell.js';
import { type KeyedState, slotsOf } from '../state/keyed-state.js';
import { LeastFirst } from '../task/least-first.js';
import { hasPassed } from './lateness.js';

/** So many entries are always kept, however few of them are of timers that are still set (Q2). */
const ENTRIES_MIN = 1_024;

export interface Timer {
  /** Counts entries: of equal times the lower comes first. */
  readonly index: number;
  readonly time: number;
  readonly cell: Cell;
}

const newHeap = (): LeastFirst<Timer> => new LeastFirst(({ time }) => time);

export class TimerQueue {
  readonly #state: KeyedState;
  readonly #slot: number;
  /** Is a timer due as it is set? */
  readonly #isBehind: (group: number, time: number) => boolean;
  /** Timers that were due when they were set. */
  readonly #due = newHeap();
  #waiting = newHeap();
  /** Number of entries that there ever were. */
  #numbered = 0;
  #size = 0;

  /** @param slot the slot of the sets; −1: no key has timers */
  constructor(state: KeyedState, slot: number, isBehind: (group: number, time: number) => boolean) {
    this.#state = state;
    this.#slot = slot;
    this.#isBehind = isBehind;
    if (slot < 0) return;
    for (const cell of state.cells()) {
      for (const time of this.#timesOf(cell) ?? []) this.#enqueue(cell, time);
    }
  }

  /** Number of timers that are set. */
  get size(): number {
    return this.#size;
  }

  /** Number of entries in the heaps (Q2). */
  get entries(): number {
    return this.#due.size + this.#waiting.size;
  }

  /** The time of the next entry; undefined when there is none. It may turn out not to be set any more. */
  get nextMs(): number | undefined {
    const due = this.#due.least()?.time;
    const waiting = this.#waiting.least()?.time;
    return due === undefined || waiting === undefined ? (due ?? waiting) : Math.min(due, waiting);
  }

  /** Is there anything to be taken at that time? It may turn out not to be set any more. */
  areDue(nowMs: number): boolean {
    if (this.#due.size > 0) return true;
    return this.#waiting.size > 0 && hasPassed(nowMs, this.#waiting.least()!.time);
  }

  /** Sets a timer for the current key. */
  set(time: number): void {
    const state = this.#state;
    const times = state.read(this.#slot) as Set<number> | undefined;
    if (times?.has(time) === true) return;
    const cell = state.change();
    this.#put(cell, time);
    if (state.undoes) state.note(() => this.#remove(cell, time));
  }

  /** Sees to it that the current key has a timer no later than that. */
  setBy(time: number): void {
    const times = this.#state.read(this.#slot) as ReadonlySet<number> | undefined;
    for (const one of times ?? []) if (one <= time) return;
    this.set(time);
  }

  /** Takes a timer of the current key back. */
  delete(time: number): void {
    const state = this.#state;
    const times = state.read(this.#slot) as Set<number> | undefined;
    if (times?.has(time) !== true) return;
    const cell = state.change();
    this.#remove(cell, time);
    if (state.undoes) state.note(() => this.#put(cell, time));
    if (this.#waiting.size > 2 * this.#size + ENTRIES_MIN) this.#tidy();
  }

  /** The next timer that is due at that time; undefined when there is none. The caller calls `fires` with it. */
  next(nowMs: number): Timer | undefined {
    while (this.areDue(nowMs)) {
      const timer = this.#earliest(nowMs);
      if (this.#timesOf(timer.cell)?.has(timer.time) === true) return timer;
    }
    return undefined;
  }

  /** The timer fires now: begins a callback for its key, and takes the timer out of the key's state (Q4). */
  fires({ cell, time }: Timer): void {
    this.#state.enter(cell);
    this.#remove(this.#state.change(), time);
  }

  /** The times that are set for the key. */
  timesOf(cell: Cell): readonly number[] {
    return this.#slot < 0 ? [] : [...(this.#timesOf(cell) ?? [])].sort((a, b) => a - b);
  }

  #earliest(nowMs: number): Timer {
    const due = this.#due.least();
    const waiting = this.#waiting.least();
    if (due === undefined) return this.#waiting.take()!;
    if (waiting === undefined || due.time <= waiting.time) return this.#due.take()!;
    return (hasPassed(nowMs, waiting.time) ? this.#waiting : this.#due).take()!;
  }

  #put(cell: Cell, time: number): void {
    const slots = slotsOf(cell);
    const times = slots[this.#slot] as Set<number> | undefined;
    if (times === undefined) slots[this.#slot] = new Set([time]);
    else times.add(time);
    this.#enqueue(cell, time);
  }

  #enqueue(cell: Cell, time: number): void {
    const heap = this.#isBehind(cell.group, time) ? this.#due : this.#waiting;
    heap.add({ index: this.#numbered, time, cell });
    this.#numbered += 1;
    this.#size += 1;
  }

  /** Takes the time out of the cell's set. The cell was saved before, if need be. */
  #remove(cell: Cell, time: number): void {
    const slots = slotsOf(cell);
    const times = slots[this.#slot] as Set<number>;
    times.delete(time);
    this.#size -= 1;
    if (times.size > 0) return;
    slots[this.#slot] = undefined;
    this.#state.emptied();
  }

  /** Leaves out entries whose timers are not set any more, or that are there twice. */
  #tidy(): void {
    const kept = newHeap();
    const cells = new Set<Cell>();
    let timeMs = Number.NaN;
    for (let entry = this.#waiting.take(); entry !== undefined; entry = this.#waiting.take()) {
      const { cell, time } = entry;
      if (time !== timeMs) cells.clear();
      timeMs = time;
      if (cells.has(cell) || this.#timesOf(cell)?.has(time) !== true) continue;
      cells.add(cell);
      kept.add(entry);
    }
    this.#waiting = kept;
  }

  #timesOf(cell: Cell): Set<number> | undefined {
    return slotsOf(cell)[this.#slot] as Set<number> | undefined;
  }
}
