/**
 * State of any other kind: immutable values in mutable cells.
 *
 * Cells lie in buckets: one per key group for keyed operators, one per window for windowed ones. A
 * bucket's number (the group, or the window's start) is its namespace in the snapshot.
 *
 * A snapshot is cut in no time and encoded lazily:
 *
 *  V1  At the cut `active` becomes the number of the snapshot. A cell is unsaved while `seen < active`.
 *  V2  Whoever is about to change or delete an unsaved cell calls `save` first, which encodes the old
 *      value there and then. Outside a snapshot `active` is 0, and the check is one compare.
 *  V3  The capture's walker encodes the cells that nobody touches, bucket by bucket. Cells made after
 *      the cut are born with `seen = active` and are skipped.
 *  V4  A bucket that is dropped whole stays with the capture, which goes on walking it: nobody will
 *      change its cells any more.
 *  V5  A value may hold on to the frame it came in; held-frames.ts sees to it that not too many are held,
 *      and may exchange a cell's value for an equal one at any write.
 *  V6  A value that cannot be encoded fails the snapshot, never the record that was being processed.
 */

import { canonicalKey } from '../../hashring/canonical-key.js';
import { CellCapture } from './cell-capture.js';
import { readCellSection } from './cell-section.js';
import { detachedKey } from './detached.js';
import { HeldFrames, type WriteBlock } from './held-frames.js';
import type { PrimitiveKey } from './primitive-key.js';

export interface Cell {
  readonly group: number;
  /** The key as the user gave it, as a value of its own. */
  readonly key: unknown;
  value: unknown;
  /** The last snapshot that holds this cell's value, or that it is too new for. */
  seen: number;
  /** For held-frames.ts. */
  block: WriteBlock;
}

export interface CellBucket {
  readonly namespace: number;
  readonly cells: Map<PrimitiveKey, Cell>;
}

export interface CellTableOptions {
  /** For messages. */
  readonly operator: string;
  /** What the values mean; a section with another layout is refused. */
  readonly layout: string;
}

export class CellTable {
  readonly operator: string;
  readonly layout: string;
  readonly buckets = new Map<number, CellBucket>();
  /** The snapshot under way, 0 for none (V1). */
  active = 0;
  #sequence = 0;
  #capture: CellCapture | undefined;
  readonly #held = new HeldFrames(() => [...this.buckets.values()]);

  constructor(options: CellTableOptions) {
    this.operator = options.operator;
    this.layout = options.layout;
  }

  /** The bucket of that number, made when missing. */
  bucket(namespace: number): CellBucket {
    let bucket = this.buckets.get(namespace);
    if (bucket === undefined) {
      bucket = { namespace, cells: new Map() };
      this.buckets.set(namespace, bucket);
    }
    return bucket;
  }

  /** A new cell for a key that the bucket does not have. */
  create(bucket: CellBucket, group: number, key: unknown, value: unknown): Cell {
    const own = detachedKey(key);
    const cell: Cell = { group, key: own, value, seen: this.#sequence, block: this.#held.newborn };
    bucket.cells.set(canonicalKey(own), cell);
    this.#held.wrote(cell);
    return cell;
  }

  /** A new value for a cell; it was saved, if need be. */
  set(cell: Cell, value: unknown): void {
    cell.value = value;
    this.#held.wrote(cell);
  }

  /** Before a cell with `seen < active` changes or goes: keeps its value for the snapshot (V2). */
  save(bucket: CellBucket, cell: Cell): void {
    cell.seen = this.active;
    this.#capture?.encode(bucket.namespace, cell);
  }

  /** The cell will not be used any more; its bucket is dropped as a whole later. */
  release(cell: Cell): void {
    this.#held.forget(cell);
  }

  /** Forgets a bucket and all that is in it (V4). Its cells were released. */
  drop(bucket: CellBucket): void {
    this.buckets.delete(bucket.namespace);
  }

  /** Starts a snapshot of what is in the table now. */
  capture(section: string): CellCapture {
    // Never in practice: a newer checkpoint starts after the older one is complete or given up.
    this.#capture?.abort();
    this.#sequence += 1;
    this.active = this.#sequence;
    const capture = new CellCapture({
      section,
      operator: this.operator,
      layout: this.layout,
      number: this.active,
      buckets: [...this.buckets.values()],
      done: () => {
        this.active = 0;
        this.#capture = undefined;
      },
    });
    this.#capture = capture;
    return capture;
  }

  /**
   * Adds what a section holds.
   * @param owns cells of other key groups are left out
   * @param alive called every 1 000 cells
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE
   */
  restore(bytes: Uint8Array, owns: (group: number) => boolean, alive: () => void): void {
    let read = 0;
    readCellSection(bytes, this.layout, (namespace, group, key, value) => {
      read += 1;
      if (read % 1_000 === 0) alive();
      if (owns(group)) this.create(this.bucket(namespace), group, key, value);
    });
  }
}
