/** A run of cells (window-merge.ts, M2). Values in it are never changed. */

import type { Cell } from '../state/cell.js';
import type { KeyRun } from './pane.js';

export interface CellMerge {
  /** Gives a new value and leaves both as they are. @param after of later records */
  merge(before: unknown, after: unknown): unknown;
  row(value: unknown, windowStart: number, windowEnd: number): unknown;
}

interface Front {
  readonly start: number;
  readonly value: unknown;
}

/** In place of a value where there is none: undefined may be one. */
const NONE: unique symbol = Symbol('none');

export class CellRun implements KeyRun<Cell> {
  readonly key: unknown;
  pivot = Number.NaN;
  readonly #does: CellMerge;
  /** The latest first. */
  readonly #front: Front[] = [];
  #back: unknown = NONE;

  constructor(key: unknown, does: CellMerge) {
    this.key = key;
    this.#does = does;
  }

  get isEmpty(): boolean {
    return this.#back === NONE && this.#front.length === 0;
  }

  clear(): void {
    this.#front.length = 0;
    this.#back = NONE;
  }

  addFront(start: number, cell: Cell): void {
    const after = this.#front.at(-1);
    const value = after === undefined ? cell.value : this.#does.merge(cell.value, after.value);
    this.#front.push({ start, value });
  }

  dropFront(start: number): void {
    const front = this.#front;
    while (front.length > 0 && front[front.length - 1]!.start < start) front.pop();
  }

  addBack(cell: Cell): void {
    this.#back = this.#back === NONE ? cell.value : this.#does.merge(this.#back, cell.value);
  }

  row(windowStart: number, windowEnd: number): unknown {
    const front = this.#front.at(-1);
    const back = this.#back;
    if (front === undefined) return this.#does.row(back, windowStart, windowEnd);
    const value = back === NONE ? front.value : this.#does.merge(front.value, back);
    return this.#does.row(value, windowStart, windowEnd);
  }
}
