/** A value of state, and what is known of the writes to it. V1, V7 are rules of cell-table.ts, P1 … of packed-cells.ts. */

import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { NumberColumn } from './number-column.js';
import { PackedChunk, UNSEALED } from './packed-chunk.js';

/** Writes that held-frames.ts counts together (held-frames.ts, F1). */
export interface WriteBlock {
  /** Number of cells whose last write lies in this block. */
  live: number;
}

/** `seen` of a cell that is deleted. An integer of 32 bits, as all others: a field with any other number takes more room. */
export const GONE = 2 ** 31 - 1;

/** Stands for a value that lies elsewhere: as bytes alone, or in a column of numbers. */
const ELSEWHERE = Symbol('elsewhere');

export class Cell {
  // What each record looks at comes first: with many keys each line of memory counts.
  /** The key as the user gave it, as a value of its own (detached.ts). */
  readonly key: unknown;
  /** The value, or `ELSEWHERE`. */
  #content: unknown;
  /** See cell-table.ts, V1; `GONE` for a cell that is deleted. */
  seen: number;
  /** Where the value lies as bytes, if it has not changed since it was encoded; or the column that has it. */
  #home: PackedChunk | NumberColumn | undefined = undefined;
  readonly group: number;
  /** The block of the cell's last write, for held-frames.ts. */
  block: WriteBlock;
  /** Where in its home the value begins; in a column, its place. */
  #from = 0;
  #to = 0;

  constructor(group: number, key: unknown, value: unknown, seen: number, block: WriteBlock) {
    this.group = group;
    this.key = key;
    this.#content = value;
    this.seen = seen;
    this.block = block;
  }

  /** The value; decoded now if it is there as bytes (P2). It may be changed after `changes` alone. */
  get value(): unknown {
    const content = this.#content;
    return content === ELSEWHERE ? this.#fetch() : content;
  }

  set value(value: unknown) {
    if (this.#content === ELSEWHERE) this.#leave();
    this.#content = value;
    this.#home = undefined;
  }

  /** The value is about to be changed in place: the bytes will not be it any more. */
  changes(): void {
    if (this.#home === undefined) return;
    if (this.#content === ELSEWHERE) {
      const value = this.#fetch();
      this.#leave();
      this.#content = value;
    }
    this.#home = undefined;
  }

  /** The value is a number from now on, not NaN. @param place the cell's; the cell has seen the last cut */
  liesIn(column: NumberColumn, place: number, number: number): void {
    column.put(place, number);
    this.#content = ELSEWHERE;
    this.#home = column;
    this.#from = place;
  }

  /** Where the value lies as bytes; undefined when it does not. */
  get packed(): PackedSpan | undefined {
    const home = this.#home;
    if (!(home instanceof PackedChunk) || home === UNSEALED) return undefined;
    return { bytes: home.bytes, from: this.#from, to: this.#to };
  }

  /** The value, an object, was encoded into a chunk that is still open. @returns what `pack` asks for */
  encoded(): PackedChunk {
    this.#home ??= UNSEALED;
    return this.#home as PackedChunk;
  }

  /** Keeps the bytes alone, unless the value has changed since `encoded` gave `since`. @returns whether it does */
  pack(since: PackedChunk, chunk: PackedChunk, from: number, to: number): boolean {
    if (this.#home !== since) return false;
    this.#home = chunk;
    this.#from = from;
    this.#to = to;
    this.#content = ELSEWHERE;
    return true;
  }

  /** Forgets a value that was decoded only to be read (P3). */
  repack(): void {
    if (this.#home !== undefined && this.#home !== UNSEALED) this.#content = ELSEWHERE;
  }

  #fetch(): unknown {
    const home = this.#home!;
    if (home instanceof NumberColumn) return home.at(this.#from);
    this.#content = home.decode(this.#from, this);
    return this.#content;
  }

  #leave(): void {
    if (this.#home instanceof NumberColumn) this.#home.remove(this.#from);
  }
}

export interface PackedSpan {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** The cells of a bucket, by key. */
export interface Cells {
  readonly size: number;
  /** While they are walked through, cells may come, which are met or not, and go. */
  values(): Iterable<Cell>;
  /** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_KEY */
  find(key: unknown, group: number): Cell | undefined;
  /** Adds a cell of a key that has none. */
  add(cell: Cell): void;
  /** Takes out a cell that is there. */
  remove(cell: Cell): void;
}

/** Cells in a Map by canonical key, as it is. */
export class MappedCells extends Map<PrimitiveKey, Cell> implements Cells {
  find(key: unknown): Cell | undefined {
    return this.get(canonicalKey(key));
  }

  add(cell: Cell): void {
    this.set(canonicalKey(cell.key), cell);
  }

  remove({ key }: Cell): void {
    this.delete(canonicalKey(key));
  }
}

export interface CellBucket<C extends Cells = Cells> {
  /** Undefined: that of each cell is its key group. */
  readonly namespace: number | undefined;
  readonly cells: C;
  /** Cells written to since the last cut, if changes are tracked (cell-table.ts, V7). */
  changed: Cell[];
  /** The bucket is not in the table any more. */
  isDropped: boolean;
}
