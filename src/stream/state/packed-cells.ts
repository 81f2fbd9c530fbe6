/**
 * Keeps values of cells as the bytes that a snapshot has made of them.
 *
 * V8's collector looks through all objects again and again, and values that stay for good cost more there than they cost
 * when they are written. A snapshot encodes them anyway, once per change. So from then on the cell refers to these bytes,
 * which lie in shared memory, and a later snapshot that holds the value once more copies them.
 *
 *  P1  Only objects become bytes: for a number or a short text they would save nothing.
 *  P2  Who reads such a cell gets the value decoded, the same object until the next cut.
 *  P3  The next cut forgets values that were decoded and not changed since.
 *  P4  Whoever changes a value in place says so before (`Cell.changes`), and nobody holds on to a value beyond the
 *      callback that has read it. So only tables of which that is true keep bytes.
 *  P5  A cell refers to the newest snapshot that has its value. Chunks of which no cell is left go with the collector.
 *      What they hold beside is bounded as on storage (compaction.ts, B1): a snapshot that holds everything leaves
 *      no older chunk.
 *  P6  Values become bytes between callbacks: a chunk may be full in the midst of one.
 */

import type { Cell } from './cell.js';
import { CHUNK_BYTES } from './chunked-writer.js';
import { PackedChunk, type Repackable } from './packed-chunk.js';

/** P1 */
export function isPackable(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** A cell whose value lies in a chunk that is not complete yet. */
interface Encoded {
  readonly cell: Cell;
  readonly since: PackedChunk;
  readonly from: number;
  readonly to: number;
}

export class PackedCells {
  readonly #packed: (cell: Cell) => void;
  /** Cells that were decoded since the last cut. */
  readonly #opened: Repackable[] = [];

  /** @param packed is told of each cell that holds nothing but bytes from now on */
  constructor(packed: (cell: Cell) => void) {
    this.#packed = packed;
  }

  /** A snapshot begins (P3). */
  cut(): void {
    for (const cell of this.#opened) cell.repack();
    this.#opened.length = 0;
  }

  /** What encodes cells from now on. */
  batch(): PackedBatch {
    return new PackedBatch(this.#opened, this.#packed);
  }
}

export class PackedBatch {
  readonly #opened: Repackable[];
  readonly #packed: (cell: Cell) => void;
  #open: Encoded[] = [];
  /** Chunks that are complete, with their cells (P6). */
  #sealed: { readonly bytes: Uint8Array; readonly cells: readonly Encoded[] }[] = [];
  /** Values that were not encoded here, but copied. */
  #copies: Buffer | undefined;
  #copied = 0;

  constructor(opened: Repackable[], packed: (cell: Cell) => void) {
    this.#opened = opened;
    this.#packed = packed;
  }

  /** The cell's value was encoded, and lies there in the chunk that is open. */
  add(cell: Cell, from: number, to: number): void {
    this.#open.push({ cell, since: cell.encoded(), from, to });
  }

  /** Copies a value, which lies there as bytes. */
  copy(cell: Cell, bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    if (this.#copies === undefined || this.#copied + length > this.#copies.length) {
      this.settle();
      this.#copies = Buffer.from(new SharedArrayBuffer(Math.max(length, CHUNK_BYTES)));
      this.#copied = 0;
    }
    this.#copies.set(bytes.subarray(from, to), this.#copied);
    this.add(cell, this.#copied, this.#copied + length);
    this.#copied += length;
  }

  /** The chunk is complete. @param bytes in shared memory, as nobody will change them any more */
  seal(bytes: Uint8Array): void {
    if (this.#open.length === 0) return;
    this.#sealed.push({ bytes, cells: this.#open });
    this.#open = [];
  }

  /** From now on the cells hold nothing but bytes. To be called between callbacks (P6). */
  settle(): void {
    if (this.#copies !== undefined) this.seal(this.#copies);
    if (this.#sealed.length === 0) return;
    // Newest first: of a cell that is there twice, as after changes that were restored, only the last value counts.
    for (const { bytes, cells } of this.#sealed.reverse()) {
      const chunk = new PackedChunk(bytes, this.#opened);
      for (const { cell, since, from, to } of cells.toReversed()) {
        if (cell.pack(since, chunk, from, to)) this.#packed(cell);
      }
    }
    this.#sealed = [];
  }
}
