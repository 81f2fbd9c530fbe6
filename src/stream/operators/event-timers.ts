/**
 * Event-time timers, by key: when event time has passed a timer's time (lateness.ts), the timer is due.
 *
 *  E1  Which timers there are is part of the key's state: a set of times in the first slot (keyed-state.ts). So they are
 *      in its snapshots, go where its key group goes, and a time that is set twice is set once.
 *  E2  Queues tell which timer is next. An entry whose timer is not in the key's set any more is passed over. When
 *      most entries are such, the queue is made anew.
 *  E3  Due timers are taken in the order of time, across keys; at the same time the key that set it first comes first.
 *  E4  A timer is taken out of the set as it is taken. So a snapshot may fall between two timers of a watermark: it
 *      holds the watermark, and the timers that are left. After a restore these are due from the start.
 *  E5  The watermark is in the snapshot, per key group where instances were at different times (group-times.ts): what
 *      was behind it stays so.
 */

import type { OperatorContext, RestoredSection, StateSection } from '../operator.js';
import type { Cell } from '../state/cell.js';
import { type KeyedState, slotsOf } from '../state/keyed-state.js';
import { earliestTime, encodeTime } from '../state/time-section.js';
import { LeastFirst } from '../task/least-first.js';
import { type GroupTimes, groupTimes } from './group-times.js';
import { hasPassed } from './lateness.js';

const TIME_SECTION = 'time';
const SLOT = 0;
/** So many entries are always kept, however few of them are of timers that are still set (E2). */
const ENTRIES_MIN = 1_024;

export interface Timer {
  /** Counts entries: of equal times the lower comes first. */
  readonly index: number;
  readonly time: number;
  readonly cell: Cell;
}

type Queue = LeastFirst<Timer>;

const newQueue = (): Queue => new LeastFirst(({ time }) => time);

export class EventTimers {
  readonly #state: KeyedState;
  /** Timers that were behind the watermark when they were set, or restored. */
  readonly #due = newQueue();
  #waiting = newQueue();
  /** Number of entries that there ever were. */
  #numbered = 0;
  /** Number of timers that are set. */
  #set = 0;
  #watermark: number;
  /** Undefined while no key group is ahead of the watermark (E5). */
  #ahead: GroupTimes | undefined;

  /** @param hasSlot the state has a slot for timers */
  constructor(
    context: OperatorContext,
    restored: readonly RestoredSection[],
    state: KeyedState,
    hasSlot: boolean,
  ) {
    this.#state = state;
    this.#watermark = earliestTime(TIME_SECTION, restored);
    const ahead = groupTimes({ fired: TIME_SECTION }, 0, restored, context);
    if (ahead.isAhead(this.#watermark)) this.#ahead = ahead;
    if (!hasSlot) return;
    for (const cell of state.cells()) {
      for (const time of timesOf(cell) ?? []) this.#enqueue(cell, time);
    }
  }

  /** How far event time has come for the key group, in ms. */
  watermarkOf(group: number): number {
    if (this.#ahead === undefined) return this.#watermark;
    return Math.max(this.#watermark, this.#ahead.closedMs(group));
  }

  get watermark(): number {
    return this.#watermark;
  }

  advance(timeMs: number): void {
    if (timeMs > this.#watermark) this.#watermark = timeMs;
    if (this.#ahead?.isAhead(this.#watermark) === false) this.#ahead = undefined;
  }

  /** Is there anything to be taken? What is there may turn out not to be set any more. */
  get areDue(): boolean {
    if (this.#due.size > 0) return true;
    return this.#waiting.size > 0 && hasPassed(this.#watermark, this.#waiting.least()!.time);
  }

  /** Number of entries in the queues (E2). */
  get entries(): number {
    return this.#due.size + this.#waiting.size;
  }

  /** Sets a timer for the current key. */
  set(time: number): void {
    const state = this.#state;
    if ((state.slots?.[SLOT] as Set<number> | undefined)?.has(time) === true) return;
    const cell = state.change();
    this.#put(cell, time);
    if (state.undoes) state.note(() => this.#remove(cell, time));
  }

  /** Takes a timer of the current key back. */
  delete(time: number): void {
    const state = this.#state;
    const times = state.slots?.[SLOT] as Set<number> | undefined;
    if (times?.has(time) !== true) return;
    const cell = state.change();
    this.#remove(cell, time);
    if (state.undoes) state.note(() => this.#put(cell, time));
    if (this.#waiting.size > 2 * this.#set + ENTRIES_MIN) this.#tidy();
  }

  /** The next timer that is due; undefined when there is none. The caller calls `fires` with it. */
  next(): Timer | undefined {
    while (this.areDue) {
      const timer = this.#earliest();
      if (timesOf(timer.cell)?.has(timer.time) === true) return timer;
    }
    return undefined;
  }

  /** The timer fires now: begins a callback for its key, and takes the timer out of the key's state (E4). */
  fires({ cell, time }: Timer): void {
    this.#state.enter(cell);
    this.#remove(this.#state.change(), time);
  }

  capture(): readonly StateSection[] {
    return [encodeTime(TIME_SECTION, this.#watermark), ...(this.#ahead?.capture() ?? [])];
  }

  #earliest(): Timer {
    const due = this.#due.least();
    const waiting = this.#waiting.least();
    if (due === undefined) return this.#waiting.take()!;
    if (waiting === undefined || due.time <= waiting.time) return this.#due.take()!;
    const isDue = hasPassed(this.#watermark, waiting.time);
    return (isDue ? this.#waiting : this.#due).take()!;
  }

  #put(cell: Cell, time: number): void {
    const slots = slotsOf(cell);
    const times = slots[SLOT] as Set<number> | undefined;
    if (times === undefined) slots[SLOT] = new Set([time]);
    else times.add(time);
    this.#enqueue(cell, time);
  }

  #enqueue(cell: Cell, time: number): void {
    const queue = hasPassed(this.watermarkOf(cell.group), time) ? this.#due : this.#waiting;
    queue.add({ index: this.#numbered, time, cell });
    this.#numbered += 1;
    this.#set += 1;
  }

  /** Takes the time out of the cell's set. The cell was saved before, if need be. */
  #remove(cell: Cell, time: number): void {
    const slots = slotsOf(cell);
    const times = slots[SLOT] as Set<number>;
    times.delete(time);
    this.#set -= 1;
    if (times.size > 0) return;
    slots[SLOT] = undefined;
    this.#state.emptied();
  }

  /** Leaves out entries whose timers are not set any more, or that are there twice. */
  #tidy(): void {
    const kept = newQueue();
    const cells = new Set<Cell>();
    let timeMs = Number.NaN;
    for (let entry = this.#waiting.take(); entry !== undefined; entry = this.#waiting.take()) {
      const { cell, time } = entry;
      if (time !== timeMs) cells.clear();
      timeMs = time;
      if (cells.has(cell) || timesOf(cell)?.has(time) !== true) continue;
      cells.add(cell);
      kept.add(entry);
    }
    this.#waiting = kept;
  }
}

function timesOf(cell: Cell): Set<number> | undefined {
  return slotsOf(cell)[SLOT] as Set<number> | undefined;
}
