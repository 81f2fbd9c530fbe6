/** The actors that have something to do: a ring, so that nobody looks at those at rest. */

import { type Random, randomInt } from '../../base/random.js';
import type { ActorCell } from './actor-cell.js';

export class ReadyQueue {
  readonly #order: Random | undefined;
  #cells: (ActorCell | undefined)[] = new Array<ActorCell | undefined>(64).fill(undefined);
  #from = 0;
  #size = 0;

  /** @param order picks who is next; undefined: first in, first out */
  constructor(order: Random | undefined) {
    this.#order = order;
  }

  get size(): number {
    return this.#size;
  }

  /** To be called once, until it is taken. */
  add(cell: ActorCell): void {
    cell.isReady = true;
    const { length } = this.#cells;
    if (this.#size === length) this.#grow();
    this.#cells[(this.#from + this.#size) & (this.#cells.length - 1)] = cell;
    this.#size += 1;
  }

  take(): ActorCell | undefined {
    if (this.#size === 0) return undefined;
    const cells = this.#cells;
    const mask = cells.length - 1;
    if (this.#order !== undefined) {
      const other = (this.#from + randomInt(this.#order, this.#size)) & mask;
      const first = cells[this.#from];
      cells[this.#from] = cells[other];
      cells[other] = first;
    }
    const cell = cells[this.#from]!;
    cells[this.#from] = undefined;
    this.#from = (this.#from + 1) & mask;
    this.#size -= 1;
    cell.isReady = false;
    return cell;
  }

  clear(): void {
    while (this.#size > 0) {
      const cell = this.#cells[this.#from]!;
      this.#cells[this.#from] = undefined;
      this.#from = (this.#from + 1) & (this.#cells.length - 1);
      this.#size -= 1;
      cell.isReady = false;
    }
  }

  /** Those in it, the next one first. */
  *[Symbol.iterator](): Iterator<ActorCell> {
    for (let i = 0; i < this.#size; i += 1) {
      yield this.#cells[(this.#from + i) & (this.#cells.length - 1)]!;
    }
  }

  #grow(): void {
    const cells = new Array<ActorCell | undefined>(this.#cells.length * 2).fill(undefined);
    let at = 0;
    for (const cell of this) {
      cells[at] = cell;
      at += 1;
    }
    this.#cells = cells;
    this.#from = 0;
  }
}
