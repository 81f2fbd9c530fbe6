/** A run of cells. Values in it are never changed. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Cell } from '../state/cell.js';
import { type Found, KeyRun } from './key-run.js';

export interface CellMerge {
  /** Gives a new value and leaves both as they are. @param after of later records */
  merge(before: unknown, after: unknown): unknown;
  row(value: unknown, key: unknown, windowStart: number, windowEnd: number): unknown;
}

/** A cell with the number of its slice. */
interface Numbered {
  readonly cell: Cell;
  readonly number: number;
}

export class CellRun extends KeyRun<Cell> {
  readonly #does: CellMerge;
  /** In order. */
  #cells: Numbered[] = [];
  /** By place. */
  readonly #front: { readonly value: unknown; readonly number: number }[] = [];
  #back: unknown;

  constructor(canonical: PrimitiveKey, key: unknown, does: CellMerge) {
    super(canonical, key);
    this.#does = does;
  }

  protected override push(cell: Cell, number: number): void {
    this.#cells.push({ cell, number });
  }

  protected override forget(): void {
    this.#cells = [];
  }

  protected override since(number: number): Found<Cell> {
    const cells = this.#cells;
    let first = 0;
    while (first < cells.length && cells[first]!.number < number) first += 1;
    if (first > 0) cells.splice(0, first);
    const found: Found<Cell> = { slots: [], numbers: [] };
    for (let at = cells.length - 1; at >= 0; at -= 1) {
      found.slots.push(cells[at]!.cell);
      found.numbers.push(cells[at]!.number);
    }
    return found;
  }

  protected override addFront({ value }: Cell, number: number, place: number): void {
    const front = this.#front;
    const merged = place === 1 ? value : this.#does.merge(value, front[place - 1]!.value);
    front[place] = { value: merged, number };
  }

  protected override frontNumber(place: number): number {
    return this.#front[place]!.number;
  }

  protected override addBack({ value }: Cell, isFirst: boolean): void {
    this.#back = isFirst ? value : this.#does.merge(this.#back, value);
  }

  protected override rowOf(front: number, hasBack: boolean, start: number, end: number): unknown {
    const does = this.#does;
    let value = this.#back;
    if (front > 0) {
      value = this.#front[front]!.value;
      if (hasBack) value = does.merge(value, this.#back);
    }
    return does.row(value, this.key, start, end);
  }

  protected override rowOfFew(
    { value }: Cell,
    before: Cell | undefined,
    start: number,
    end: number,
  ): unknown {
    const does = this.#does;
    const merged = before === undefined ? value : does.merge(before.value, value);
    return does.row(merged, this.key, start, end);
  }
}
