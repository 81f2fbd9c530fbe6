/**
 * Keeps cells from holding frames.
 *
 * A value that was folded from a record may hold strings that were cut out of the frame the record came in. Each
 * such string keeps its column of the whole frame alive. That does no harm while most of a frame's records are in
 * state anyway; it does when few are left of each of very many frames. Copying every value would be dear (it
 * doubles the cost of a fold), so only the stragglers are copied.
 *
 *  F1  Writes are grouped in blocks of BLOCK_WRITES, about a frame each. `live` is the number of cells whose
 *      last write lies in the block; only blocks with live cells can hold frames.
 *  F2  When there are more than BLOCKS_KEPT such blocks, with fewer than SPARSE live cells on average, a
 *      sweep begins: it goes through all cells, a few per write, and copies the values of the cells in sparse
 *      blocks. A cell that was copied belongs to no block until it is written to again.
 *  F3  So what is held beyond the state's own size is bounded: by BLOCKS_KEPT frames, or by 1 / SPARSE
 *      of a frame per cell.
 */

import type { Cell, CellBucket, WriteBlock } from './cell.js';
import { detachedValue } from './detached.js';

const BLOCK_WRITES = 1_024;
const BLOCKS_KEPT = 512;
const SPARSE = 64;
const CELLS_PER_WRITE = 4;

/** The block of cells that hold no frame. */
const NO_BLOCK: WriteBlock = { live: Number.POSITIVE_INFINITY };

export class HeldFrames {
  readonly #buckets: () => readonly CellBucket[];
  #current: WriteBlock = { live: 0 };
  #writes = 0;
  /** Number of blocks before the current one that have live cells, and how many cells these are. */
  #blocks = 0;
  #cells = 0;
  #sweep: Iterator<Cell> | undefined;

  /** @param buckets gives the buckets that there are; called when a sweep begins */
  constructor(buckets: () => readonly CellBucket[]) {
    this.#buckets = buckets;
  }

  /** The block for a cell that is being made. */
  get newborn(): WriteBlock {
    return NO_BLOCK;
  }

  /** The cell's value was set. */
  wrote(cell: Cell): void {
    if (cell.block !== this.#current) {
      this.forget(cell);
      cell.block = this.#current;
      this.#current.live += 1;
    }
    this.#writes += 1;
    if (this.#writes === BLOCK_WRITES) this.#nextBlock();
    if (this.#sweep !== undefined) this.#step(this.#sweep);
  }

  /** The cell is gone, or holds no frame any more. */
  forget(cell: Cell): void {
    const { block } = cell;
    if (block === NO_BLOCK) return;
    cell.block = NO_BLOCK;
    block.live -= 1;
    if (block === this.#current) return;
    this.#cells -= 1;
    if (block.live === 0) this.#blocks -= 1;
  }

  #nextBlock(): void {
    const { live } = this.#current;
    if (live > 0) this.#blocks += 1;
    this.#cells += live;
    this.#current = { live: 0 };
    this.#writes = 0;
    if (this.#blocks > BLOCKS_KEPT && this.#cells < this.#blocks * SPARSE) {
      this.#sweep ??= cellsOf(this.#buckets());
    }
  }

  #step(sweep: Iterator<Cell>): void {
    for (let i = 0; i < CELLS_PER_WRITE; i += 1) {
      const next = sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        return;
      }
      const cell = next.value;
      if (cell.block.live >= SPARSE || cell.block === this.#current) continue;
      cell.value = detachedValue(cell.value);
      this.forget(cell);
    }
  }
}

function* cellsOf(buckets: readonly CellBucket[]): Generator<Cell> {
  for (const bucket of buckets) yield* bucket.cells.values();
}
