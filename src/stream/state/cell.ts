/** A value of state, and what is known of the writes to it. V1, V7 are rules of cell-table.ts, P1 … of packed-cells.ts. */

import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { type PackedChunk, UNSEALED } from './packed-chunk.js';

/** Writes that held-frames.ts counts together (held-frames.ts, F1). */
export interface WriteBlock {
  /** Number of cells whose last write lies in this block. */
  live: number;
}

/** `seen` of a cell that is deleted. An integer of 32 bits, as all others: a field with any other number takes more room. */
export const GONE = 2 ** 31 - 1;

/** Stands for a value that is there as bytes alone. */
const PACKED = Symbol('packed');

export class Cell {
  // What each record looks at comes first: with many keys each line of memory counts.
  /** The key as the user gave it, as a value of its own (detached.ts). */
  readonly key: unknown;
  /** The value, or `PACKED`. */
  #content: unknown;
  /** See cell-table.ts, V1; `GONE` for a cell that is deleted. */
  seen: number;
  /** Where the value lies as bytes, if it has not changed since it was encoded. */
  #chunk: PackedChunk | undefined = undefined;
  readonly group: number;
  /** The block of the cell's last write, for held-frames.ts. */
  block: WriteBlock;
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
    return content === PACKED ? this.#unpack() : content;
  }

  set value(value: unknown) {
    this.#content = value;
    this.#chunk = undefined;
  }

  /** The value is about to be changed in place: the bytes will not be it any more. */
  changes(): void {
    if (this.#chunk === undefined) return;
    if (this.#content === PACKED) this.#unpack();
    this.#chunk = undefined;
  }

  /** Where the value lies as bytes; undefined when it does not. */
  get packed(): PackedSpan | undefined {
    const chunk = this.#chunk;
    if (chunk === undefined || chunk === UNSEALED) return undefined;
    return { bytes: chunk.bytes, from: this.#from, to: this.#to };
  }

  /** The value was encoded into a chunk that is still open. @returns what `pack` asks for */
  encoded(): PackedChunk {
    this.#chunk ??= UNSEALED;
    return this.#chunk;
  }

  /** Keeps the bytes alone, unless the value has changed since `encoded` gave `since`. @returns whether it does */
  pack(since: PackedChunk, chunk: PackedChunk, from: number, to: number): boolean {
    if (this.#chunk !== since) return false;
    this.#chunk = chunk;
    this.#from = from;
    this.#to = to;
    this.#content = PACKED;
    return true;
  }

  /** Forgets a value that was decoded only to be read (P3). */
  repack(): void {
    if (this.#chunk !== undefined && this.#chunk !== UNSEALED) this.#content = PACKED;
  }

  #unpack(): unknown {
    this.#content = this.#chunk!.decode(this.#from, this);
    return this.#content;
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
  find(key: unknown): Cell | undefined;
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
  readonly namespace: number;
  readonly cells: C;
  /** Cells written to since the last cut, if changes are tracked (cell-table.ts, V7). */
  changed: Cell[];
  /** The bucket is not in the table any more. */
  isDropped: boolean;
}
