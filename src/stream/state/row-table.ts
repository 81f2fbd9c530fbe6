/**
 * Numeric state in shared memory: rows of float64 words.
 *
 *     word 0            words 1…
 *     key reference     accumulators             (reference −1: the row is free)
 *
 * Rows lie in segments of SEGMENT_ROWS rows, so that growth never copies. Who finds a row by its key is not
 * this file's business: keyed operators index by key group (row-index.ts), windows by pane.
 *
 * A snapshot is cut in no time and copied lazily:
 *
 *  R1  At the cut, `guardRows` becomes the number of rows: whoever is about to write to a row below it
 *      calls `protect(row)` first, which copies the row's page of PAGE_ROWS rows to the shadow, once.
 *      Outside a snapshot `guardRows` is 0, and the check on the hot path is that one compare.
 *  R2  The capture's walker copies the pages that nobody writes to. When all are copied, the shadow is the
 *      state at the cut, whatever has been written since.
 *  R3  Rows at or above `guardRows` are newer than the cut and need no protection.
 *  R4  Keys need no copy at all (key-blob.ts, K1). The blob is not cleaned while pages are copied:
 *      moving an entry writes to its row.
 *  R5  The shadow is used again by the next cut. A job has one checkpoint in flight at a time, so by then
 *      the last one is complete, or was given up and its bytes are of no interest.
 */

import { assert } from '../../base/assert.js';
import { KeyBlob } from './key-blob.js';
import type { KeyEntry } from './key-entry.js';
import { RowCapture } from './row-capture.js';
import { PAGE_ROWS, PAGE_SHIFT, SEGMENT_MASK, SEGMENT_ROWS, SEGMENT_SHIFT } from './row-layout.js';
import { readRowSection } from './row-section.js';

const FREE = -1;

export interface RowTableOptions {
  /** Float64 words per row behind the key reference. */
  readonly words: number;
  /** What the words mean, e.g. `count:1|average:2`; a section with another layout is refused. */
  readonly layout: string;
}

export class RowTable {
  /** Words per row, the key reference included. */
  readonly stride: number;
  readonly layout: string;
  /** Row r lies in `segments[r >> SEGMENT_SHIFT]` at `(r & SEGMENT_MASK) * stride`. */
  readonly segments: Float64Array[] = [];
  /** Rows below it must be protected before they are written (R1). */
  guardRows = 0;
  readonly #blob = new KeyBlob();
  readonly #free: number[] = [];
  #rowCount = 0;
  #copied = new Uint8Array(0);
  #shadow: Float64Array[] = [];
  #capture: RowCapture | undefined;

  constructor(options: RowTableOptions) {
    this.stride = options.words + 1;
    this.layout = options.layout;
  }

  /** Rows in use. */
  get size(): number {
    return this.#rowCount - this.#free.length;
  }

  /** Bytes of keys held, garbage included; for metrics and tests. */
  get keyBytes(): number {
    return this.#blob.usedBytes;
  }

  /**
   * A new row for `key`. Its accumulators hold whatever was there: the caller sets them.
   * @param group key group, kept with the key
   */
  create(group: number, key: unknown): number {
    const row = this.#free.pop() ?? this.#grow();
    this.protect(row);
    this.segments[row >> SEGMENT_SHIFT]![(row & SEGMENT_MASK) * this.stride] = this.#blob.append(
      row,
      group,
      key,
    );
    return row;
  }

  /** The key as it was given to `create`, as a fresh value: its text is flat. */
  keyOf(row: number): unknown {
    return this.#entry(row).key;
  }

  groupOf(row: number): number {
    return this.#entry(row).group;
  }

  /** Frees the row. */
  release(row: number): void {
    this.protect(row);
    const segment = this.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * this.stride;
    this.#blob.release(segment[at]!);
    segment[at] = FREE;
    this.#free.push(row);
    if (this.guardRows === 0) this.#tidy();
  }

  /** Before the first write to a row after the cut: saves its page (R1). */
  protect(row: number): void {
    if (row < this.guardRows && this.#copied[row >> PAGE_SHIFT] === 0) {
      this.copyPage(row >> PAGE_SHIFT);
    }
  }

  /** Starts a snapshot of what is in the table now. */
  capture(section: string): RowCapture {
    // Never in practice: a newer checkpoint starts after the older one is complete or given up.
    this.#capture?.finish();
    this.#makeRoom();
    this.guardRows = this.#rowCount;
    this.#copied = new Uint8Array(Math.ceil(this.#rowCount / PAGE_ROWS));
    const capture = new RowCapture({
      section,
      table: this,
      rows: this.#rowCount,
      shadow: this.#shadow,
      keys: this.#blob.prefix(),
      done: () => {
        this.guardRows = 0;
        this.#capture = undefined;
      },
    });
    this.#capture = capture;
    return capture;
  }

  /** For the capture: is the page safe? */
  isCopied(page: number): boolean {
    return this.#copied[page] === 1;
  }

  /** For the capture: saves a page. */
  copyPage(page: number): void {
    this.#copied[page] = 1;
    const row = page << PAGE_SHIFT;
    const from = (row & SEGMENT_MASK) * this.stride;
    const rows = Math.min(PAGE_ROWS, this.guardRows - row);
    const segment = row >> SEGMENT_SHIFT;
    this.#shadow[segment]!.set(
      this.segments[segment]!.subarray(from, from + rows * this.stride),
      from,
    );
  }

  /**
   * Adds what a section holds.
   * @param owns rows of other key groups are left out
   * @param restored called for each row taken over
   * @param alive called every 1 000 rows
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE
   */
  restore(
    bytes: Uint8Array,
    owns: (group: number) => boolean,
    restored: (row: number, entry: KeyEntry) => void,
    alive: () => void,
  ): void {
    const stride = this.stride;
    let read = 0;
    readRowSection(bytes, stride, this.layout, (entry, data, at) => {
      read += 1;
      if (read % 1_000 === 0) alive();
      if (!owns(entry.group)) return;
      const row = this.create(entry.group, entry.key);
      const segment = this.segments[row >> SEGMENT_SHIFT]!;
      const to = (row & SEGMENT_MASK) * stride;
      for (let word = 1; word < stride; word += 1) segment[to + word] = data[at + word]!;
      restored(row, entry);
    });
  }

  #entry(row: number): KeyEntry {
    return this.#blob.entry(this.#reference(row));
  }

  #reference(row: number): number {
    return this.segments[row >> SEGMENT_SHIFT]![(row & SEGMENT_MASK) * this.stride]!;
  }

  #grow(): number {
    const row = this.#rowCount;
    assert(row < 2 ** 30, 'more than 2^30 rows of numeric state in one operator instance');
    if (row >> SEGMENT_SHIFT === this.segments.length) this.segments.push(this.#newSegment());
    this.#rowCount += 1;
    return row;
  }

  #newSegment(): Float64Array {
    return new Float64Array(
      new SharedArrayBuffer(SEGMENT_ROWS * this.stride * Float64Array.BYTES_PER_ELEMENT),
    );
  }

  #makeRoom(): void {
    while (this.#shadow.length < this.segments.length) this.#shadow.push(this.#newSegment());
  }

  /** Outside a snapshot: gives memory back (R4). */
  #tidy(): void {
    if (this.size === 0) {
      // Free rows would be written to every snapshot.
      this.#rowCount = 0;
      this.#free.length = 0;
    }
    if (!this.#blob.wasteful) return;
    this.#blob.cleanOldest(
      (row, reference) => row < this.#rowCount && this.#reference(row) === reference,
      (row, reference) => {
        this.segments[row >> SEGMENT_SHIFT]![(row & SEGMENT_MASK) * this.stride] = reference;
      },
    );
  }
}
