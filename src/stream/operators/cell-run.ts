/** A run of cells. Values in it are never changed. */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Cell } from '../state/cell.js';
import { KeyRun } from './key-run.js';

export interface CellMerge {
  /** Gives a new value and leaves both as they are. @param after of later records */
  merge(before: unknown, after: unknown): unknown;
  row(value: unknown, key: unknown, windowStart: number, windowEnd: number): unknown;
}

export class CellRun extends KeyRun<Cell> {
  readonly #does: CellMerge;
  /** By place. */
  readonly #front: unknown[] = [];
  #back: unknown;

  constructor(canonical: PrimitiveKey, key: unknown, does: CellMerge) {
    super(canonical, key);
    this.#does = does;
  }

  protected override addFront({ value }: Cell, place: number): void {
    const front = this.#front;
    front[place] = place === 1 ? value : this.#does.merge(value, front[place - 1]);
  }

  protected override addBack({ value }: Cell, isFirst: boolean): void {
    this.#back = isFirst ? value : this.#does.merge(this.#back, value);
  }

  protected override rowOf(front: number, hasBack: boolean, start: number, end: number): unknown {
    const does = this.#does;
    let value = this.#back;
    if (front > 0) {
      value = this.#front[front];
      if (hasBack) value = does.merge(value, this.#back);
    }
    return does.row(value, this.key, start, end);
  }
}
