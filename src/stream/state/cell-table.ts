/**
 * State that is not numeric: immutable values in mutable cells.
 *
 * Cells lie in buckets: one per window for windowed operators, and one for keyed operators. In the snapshot each has a
 * namespace: the bucket's number, which is the window's start, or its key group.
 *
 * Taking the cut costs no time; the cells are encoded later, bit by bit. Four cells of a table that tracks changes,
 * with `seen` of each: at cut 4 a cell is unsaved while `seen` < 3, at cut 6 while `seen` < 5.
 *
 *                    cut 4                    walker           cut 6
 *     ─────────────────┼────────────────────────┼────────────────┼──────▶
 *     untouched        2  unsaved               3  saved         3  unsaved
 *     written to       2  unsaved    4  saved ahead of the write 4  unsaved
 *     deleted          2  unsaved    +∞ saved ahead of the deletion
 *     made since                     4  not in snapshot 4        4  unsaved
 *
 *  V1  Cuts have even numbers. A cell's `seen` is the number of the last cut before the cell was made or written
 *      to. If the walker has saved the cell for cut n since, it is n − 1 (n in a table that does not track
 *      changes). A cell is unsaved at cut n while `seen < n − 1`.
 *  V2  Before each change or deletion of a cell with `seen < active` the caller calls `save`. If the cell is
 *      unsaved, `save` encodes the old value at once. `active` is the number of the snapshot under way, and
 *      0 outside of one, so that the check is one compare.
 *  V3  The capture's walker goes from bucket to bucket and encodes the cells that nobody touches. It skips cells
 *      made after the cut, which are born with the cut's number.
 *  V4  A bucket that is dropped as a whole stays with the capture, which goes on walking it: nobody will
 *      change its cells any more.
 *  V5  A value may hold on to the frame that it came in. held-frames.ts sees to it that not too many frames are
 *      held, and may at any write exchange a cell's value for an equal one.
 *  V6  A value that cannot be encoded fails the snapshot, never the record that was being processed.
 *
 * With `track`, a snapshot may build on an earlier one (change-log.ts):
 *
 *  V7  `active` is always the number of the last cut. So `save` sees the first write to a cell after each cut, and
 *      notes the cell in its bucket's `changed`. New cells are noted when they are made.
 *  V8  A cell that was written to after cut n has `seen ≥ n`. While the changes since n are captured, `save`
 *      encodes a cell only if it is among these changes. It may also encode a cell that an abandoned snapshot had
 *      saved: a value too many does no harm.
 *  V9  Tombstones tell what is gone: whole buckets, and cells. In a section they come before the values, since a
 *      key or a bucket may have come back.
 *  V10 When more than half of the cells have changed, the snapshot holds everything.
 */

import { assert } from '../../base/assert.js';
import { shownKey } from '../../hashring/canonical-key.js';
import type { RestoredSection } from '../operator.js';
import { Cell, type CellBucket, type Cells, GONE, MappedCells } from './cell.js';
import { CellCapture } from './cell-capture.js';
import { type CellChanges, mergeChanges, noChanges, sizeOfChanges } from './cell-changes.js';
import {
  type CellChangesVisitor,
  layoutOfCells,
  readCellChanges,
  readCellSection,
} from './cell-section.js';
import { ChangeLog } from './change-log.js';
import { HeldFrames } from './held-frames.js';
import { isPackable, PackedCells } from './packed-cells.js';
import { stateRefused } from './state-layout.js';

/** The distance between the numbers of two cuts (V1). */
const CUT = 2;
/** The number of a table's only bucket. */
const ONLY = 0;
/** So many cells are noted in one list: a longer one would be copied as it grows. */
const NOTED_MAX = 4_096;
/** So many changes are always kept, however few cells there are. */
const CHANGES_MIN = 1_024;

/** @typeParam C how the cells of a bucket are found */
export interface CellTableOptions<C extends Cells = MappedCells> {
  /** For messages. */
  readonly operator: string;
  /** What the values mean. */
  readonly layout: string;
  /**
   * How values of a former layout become values of this one; throws when they cannot. Absent: a section
   * with another layout is refused.
   */
  readonly evolve?: ((before: string) => (value: unknown, key: unknown) => unknown) | undefined;
  /** Values may be kept as bytes: nobody holds on to one, and who changes one says so before (packed-cells.ts, P4). */
  readonly packs?: boolean | undefined;
  /** On so many levels of values, from the outermost, arrays are the runtime's own (value-encoder.ts, E4). Default: none. */
  readonly ownLevels?: number | undefined;
  /** The cells of the only bucket, whose namespace is of each cell its key group. Default: many buckets, by canonical key. */
  readonly cells?: C | undefined;
}

export class CellTable<C extends Cells = MappedCells> {
  readonly operator: string;
  readonly layout: string;
  readonly #evolve: CellTableOptions['evolve'];
  readonly #only: CellBucket<C> | undefined;
  readonly #ownLevels: number;
  readonly buckets = new Map<number, CellBucket<C>>();
  /** Cells that have not seen this cut must be saved before they change (V2, V7). */
  active = 0;
  /** Number of the last cut. The first number is of no cut; cells of a restored table count as older than it. */
  #number = CUT;
  #capture: CellCapture | undefined;
  /** Changes since the last cut; undefined when changes are not tracked. */
  #changes: CellChanges | undefined;
  readonly #log = new ChangeLog<CellChanges, number>((older, newer) =>
    // Checkpoints that fail again and again must not pile up changes.
    sizeOfChanges(older) + sizeOfChanges(newer) > this.size * 4 + CHANGES_MIN
      ? undefined
      : mergeChanges(older, newer),
  );
  readonly #held = new HeldFrames(() => [...this.buckets.values()]);
  readonly #packed: PackedCells | undefined;

  constructor(options: CellTableOptions<C>) {
    if (options.packs === true) this.#packed = new PackedCells((cell) => this.release(cell));
    this.operator = options.operator;
    this.layout = options.layout;
    this.#evolve = options.evolve;
    const { cells } = options;
    if (cells !== undefined) {
      this.#only = { namespace: undefined, cells, changed: [], isDropped: false };
      this.buckets.set(ONLY, this.#only);
    }
    this.#ownLevels = options.ownLevels ?? 0;
  }

  get size(): number {
    let size = 0;
    for (const { cells } of this.buckets.values()) size += cells.size;
    return size;
  }

  /** From now on snapshots may build on earlier ones. To be called before the first cell is made. */
  track(): void {
    this.#changes = noChanges();
    this.active = this.#number;
  }

  /** The bucket of that number, made when missing; or the only one. */
  bucket(namespace = ONLY): CellBucket<C> {
    if (this.#only !== undefined) return this.#only;
    let bucket = this.buckets.get(namespace);
    if (bucket === undefined) {
      bucket = { namespace, cells: new MappedCells() as Cells as C, changed: [], isDropped: false };
      this.buckets.set(namespace, bucket);
    }
    return bucket;
  }

  /**
   * A new cell for a key that the bucket does not have.
   * @param key one that holds on to nothing else, and that nobody else holds (detached.ts)
   */
  create(bucket: CellBucket, group: number, key: unknown, value: unknown): Cell {
    const cell = this.#add(bucket, group, key, value, this.#number);
    if (this.#changes !== undefined) this.#note(bucket, cell, this.#changes);
    return cell;
  }

  /** Sets a cell's value. The cell was saved before, if need be. */
  set(cell: Cell, value: unknown): void {
    cell.value = value;
    this.#held.wrote(cell);
  }

  /** To be called before a cell with `seen < active` changes or goes (V2, V7). */
  save(bucket: CellBucket, cell: Cell): void {
    this.#capture?.save(bucket.namespace, cell);
    cell.seen = this.active;
    if (this.#changes !== undefined) this.#note(bucket, cell, this.#changes);
  }

  /** Takes a cell out of its bucket. */
  delete(bucket: CellBucket, cell: Cell): void {
    if (cell.seen < this.active) this.save(bucket, cell);
    cell.seen = GONE;
    bucket.cells.remove(cell);
    this.release(cell);
    const { group, key } = cell;
    this.#changes?.deleted.push({ namespace: bucket.namespace ?? group, group, key });
  }

  /** The cell holds nothing any more. If it is gone, its bucket is dropped as a whole later. */
  release(cell: Cell): void {
    this.#held.forget(cell);
  }

  /** Forgets a bucket and all that is in it (V4). Its cells were released before. */
  drop(bucket: CellBucket): void {
    const { namespace } = bucket;
    assert(namespace !== undefined, 'the only bucket of a table stays');
    this.buckets.delete(namespace);
    bucket.isDropped = true;
    this.#changes?.dropped.push(namespace);
  }

  /**
   * Starts a snapshot of what is in the table now.
   * @param base the newest completed checkpoint: the snapshot may hold only what has changed since
   */
  capture(section: string, checkpoint: number, base?: number): CellCapture {
    // Never happens in practice: a newer checkpoint starts after the older one is complete or given up.
    this.#capture?.abort();
    this.#number += CUT;
    this.active = this.#number;
    const found = this.#cut(checkpoint, base);
    this.#packed?.cut();
    const isTracked = this.#changes !== undefined;
    const capture = new CellCapture({
      section,
      operator: this.operator,
      layout: this.layout,
      number: this.#number,
      // In a table that tracks changes, a write that comes later has to be noted, whether the cell is saved or not.
      savedMark: isTracked ? this.#number - 1 : this.#number,
      live: this.size,
      walks:
        found?.changes.written ??
        [...this.buckets.values()].map(({ namespace, cells }) => ({
          namespace,
          cells: cells.values(),
        })),
      delta: found === undefined || base === undefined ? undefined : { ...found, base },
      packs: this.#packed?.batch(),
      ownLevels: this.#ownLevels,
      done: () => {
        if (!isTracked) this.active = 0;
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
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE,
   *   ERR_HOLDFAST_STATE_MIGRATION
   */
  restore(
    section: Pick<RestoredSection, 'bytes' | 'deltas' | 'checkpoint'>,
    owns: (group: number) => boolean,
    alive: () => void,
  ): void {
    const before = layoutOfCells(section.bytes);
    const evolve = before === this.layout ? undefined : this.#evolution(before);
    /** Cells whose values have to evolve. */
    const taken = new Set<Cell>();
    let read = 0;
    const packs = this.#packed?.batch();
    let { bytes } = section;
    const put: CellChangesVisitor['put'] = (namespace, group, key, value, from, to) => {
      read += 1;
      if (read % 1_000 === 0) alive();
      if (!owns(group)) return;
      const bucket = this.bucket(namespace);
      let cell = bucket.cells.find(key, group);
      if (cell !== undefined) this.set(cell, value);
      // Former versions kept the key as the first record had it.
      else cell = this.#add(bucket, group, shownKey(key), value, this.#number - 1);
      if (evolve !== undefined) taken.add(cell);
      else if (isPackable(value)) packs?.copy(cell, bytes, from, to);
    };
    const remove = (namespace: number, group: number, key: unknown): void => {
      const { cells } = this.#only ?? this.buckets.get(namespace) ?? {};
      const cell = cells?.find(key, group);
      if (cell === undefined) return;
      cells?.remove(cell);
      taken.delete(cell);
      this.release(cell);
    };
    const drop = (namespace: number): void => {
      for (const cell of this.buckets.get(namespace)?.cells.values() ?? []) {
        taken.delete(cell);
        this.release(cell);
      }
      this.buckets.delete(namespace);
    };
    readCellSection(bytes, put);
    for (const delta of section.deltas ?? []) {
      bytes = delta;
      readCellChanges(bytes, before, { put, remove, drop });
      alive();
    }
    packs?.settle();
    if (evolve !== undefined) {
      // Once per value, when all changes are in; the next snapshot is whole (state-layout.ts, E2, E5).
      for (const cell of taken) {
        read += 1;
        if (read % 1_000 === 0) alive();
        this.set(cell, evolve(cell.value, cell.key));
      }
    } else if (section.checkpoint !== undefined) {
      this.#log.restored(section.checkpoint, this.#number);
    }
  }

  #evolution(before: string): (value: unknown, key: unknown) => unknown {
    if (this.#evolve !== undefined) return this.#evolve(before);
    throw stateRefused(this.operator, 'it consists of something else now', before, this.layout);
  }

  /** The changes that are enough for a snapshot; undefined when it has to hold everything. */
  #cut(checkpoint: number, base: number | undefined) {
    const changes = this.#changes;
    if (changes === undefined) return undefined;
    for (const written of changes.written) written.bucket.changed = [];
    this.#changes = noChanges();
    const found = this.#log.cut({ checkpoint, base, mark: this.#number, changes });
    if (found === undefined) return undefined;
    // Buckets that were dropped by the cut have nothing left to be written.
    const written = found.changes.written.filter(({ bucket }) => !bucket.isDropped);
    const left = { ...found.changes, written };
    if (sizeOfChanges(left) * 2 > this.size) return undefined;
    return { changes: left, since: found.since };
  }

  #add(bucket: CellBucket, group: number, key: unknown, value: unknown, seen: number): Cell {
    const cell = new Cell(group, key, value, seen, this.#held.newborn);
    bucket.cells.add(cell);
    this.#held.wrote(cell);
    return cell;
  }

  #note(bucket: CellBucket, cell: Cell, changes: CellChanges): void {
    const { changed, namespace } = bucket;
    if (changed.length > 0 && changed.length < NOTED_MAX) {
      changed.push(cell);
      return;
    }
    bucket.changed = [cell];
    changes.written.push({ bucket, namespace, cells: bucket.changed });
  }
}
