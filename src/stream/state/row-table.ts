/**
 * Numeric state in shared memory: rows of float64 words.
 *
 *     word 0            words 1…
 *     key reference     accumulators             (reference −1: the row is free)
 *
 * Rows lie in segments of SEGMENT_ROWS rows, so that growth never copies. This file does not find rows by their
 * keys: keyed operators have an index by key group (row-index.ts), windows find rows by pane.
 *
 * Taking the cut costs no time; the rows are copied later, page by page (w: a row of the page is written to, c: the
 * page is copied to the shadow):
 *
 *                     cut                        walker        done
 *     ─────────────────┼────────────────────────────┼────────────┼────────▶
 *     page 0      w    │    c w      w              │            │    w      its first write has it copied
 *     page 1      w    │                            c     w      │           the walker copies it
 *     newer rows       │        w         w         │     w      │    w      made since the cut: never copied
 *     guardRows   0    │    the number of rows at the cut        │    0
 *
 *  R1  At the cut `guardRows` becomes the number of rows. Before each write to a row below it the writer calls
 *      `protect(row)`, which has the row's page of PAGE_ROWS rows copied to the shadow, once.
 *      Outside of a snapshot `guardRows` is 0, so that the check on the hot path is one compare.
 *  R2  The capture's walker copies the pages that nobody writes to. When all pages are copied, the shadow is the
 *      state at the cut, whatever has been written since.
 *  R3  Rows at or above the number of rows at the cut are newer and need no protection.
 *  R4  Keys need no copy at all (key-blob.ts, K1). The blob is not cleaned while a snapshot is
 *      under way, because moving an entry writes to its row.
 *  R5  A table has as many shadows as checkpoints may be in flight at a time, k, and takes them in turn, for
 *      pages or for changed rows. The checkpoint of a cut and that of the k-th cut after it are never in flight
 *      together: by then the older one is complete, or was given up and nobody needs its bytes.
 *
 * With `track`, a snapshot may build on an earlier one (change-log.ts):
 *
 *  R6  `guardRows` is always above all rows, so that `protect` sees every write. The first write to a row since
 *      the last cut notes the row in `#changed`, one bit. Making, freeing and moving a row are writes.
 *  R7  A row that is noted already was protected after the last cut: only the first write after the cut matters
 *      to the snapshot under way. That write has the row's page saved (R1) or, when only changes are captured,
 *      the row itself if it is among them.
 *  R8  When the changes have more than half of the bytes, the snapshot holds everything: pages are copied faster
 *      than rows.
 *  R9  Rows keep their numbers and keys their references for the table's whole life. A restored table
 *      takes both over, so that its first snapshot may build on the checkpoint from which it was restored.
 */

import { assert } from '../../base/assert.js';
import type { RestoredSection } from '../operator.js';
import { ChangeLog } from './change-log.js';
import { KeyBlob } from './key-blob.js';
import type { KeyEntry } from './key-entry.js';
import { RowCapture, type RowSaver } from './row-capture.js';
import { RowDeltaCapture } from './row-delta-capture.js';
import { type RowImage, readRowImage, shapeOfRows } from './row-image.js';
import { SEGMENT_MASK, SEGMENT_ROWS, SEGMENT_SHIFT } from './row-layout.js';
import { corruptRows } from './row-section.js';
import { RowSet } from './row-set.js';
import { RowShadow, rowSegment } from './row-shadow.js';

const ROWS_MAX = 2 ** 30;
const FREE = -1;

/** Copies a row: `from` and `to` are where the rows begin, each with its key's reference. */
export type RowCopier = (
  source: Float64Array,
  from: number,
  target: Float64Array,
  to: number,
) => void;

export interface RowTableOptions {
  /** Float64 words per row behind the key reference. */
  readonly words: number;
  /** What the words mean (state-layout.ts). */
  readonly layout: string;
  /**
   * How rows of a former layout are copied into rows of this one; throws when they cannot be. Absent: a
   * section with another layout is refused.
   */
  readonly evolve?: ((before: string) => RowCopier) | undefined;
}

export class RowTable {
  /** Words per row, the key reference included. */
  readonly stride: number;
  readonly layout: string;
  readonly #evolve: RowTableOptions['evolve'];
  /** Row r lies in `segments[r >> SEGMENT_SHIFT]` at `(r & SEGMENT_MASK) * stride`. */
  readonly segments: Float64Array[] = [];
  /** Rows below it must be protected before they are written (R1). */
  guardRows = 0;
  readonly #blob = new KeyBlob();
  readonly #free: number[] = [];
  #rowCount = 0;
  /** The first is the next to be used (R5). */
  readonly #shadows: RowShadow[];
  #capture: RowSaver | undefined;
  /** Number of rows at the cut of the snapshot under way, 0 for none (R3). */
  #cutRows = 0;
  /** Rows changed since the last cut (R6); undefined when changes are not tracked. */
  #changed: RowSet | undefined;
  readonly #log = new ChangeLog<RowSet, number>((older, newer) => RowSet.union(older, newer));

  constructor(options: RowTableOptions) {
    this.stride = options.words + 1;
    this.layout = options.layout;
    this.#shadows = [new RowShadow(this.stride)];
    this.#evolve = options.evolve;
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
   * From now on checkpoints may overlap. To be called before the first snapshot.
   * @param maxConcurrent how many may be in flight at a time
   */
  overlap(maxConcurrent: number): void {
    while (this.#shadows.length < maxConcurrent) this.#shadows.push(new RowShadow(this.stride));
  }

  /** From now on snapshots may build on earlier ones. To be called before the first row is made. */
  track(): void {
    assert(this.#rowCount === 0, 'changes are tracked from the beginning');
    this.#changed = new RowSet(0);
    this.guardRows = ROWS_MAX;
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
    if (this.#capture === undefined) this.#tidy();
  }

  /** To be called before a row below `guardRows` is written to: saves and notes what has to be (R1, R6, R7). */
  protect(row: number): void {
    if (row >= this.guardRows) return;
    const changed = this.#changed;
    if (changed === undefined || (changed.add(row) && row < this.#cutRows)) {
      this.#capture!.save(row);
    }
  }

  /**
   * Starts a snapshot of what is in the table now.
   * @param base the newest completed checkpoint: the snapshot may hold only what has changed since
   */
  capture(section: string, checkpoint: number, base?: number): RowSaver {
    // Never happens in practice: a newer checkpoint starts after the older one is complete or given up.
    this.#capture?.abort();
    const changes = this.#cut(checkpoint, base);
    const rows = this.#rowCount;
    this.#cutRows = rows;
    if (this.#changed === undefined) this.guardRows = rows;
    const { stride, layout, segments } = this;
    const done = (): void => {
      this.#cutRows = 0;
      if (this.#changed === undefined) this.guardRows = 0;
      this.#capture = undefined;
    };
    const shadow = this.#nextShadow();
    const common = { section, stride, layout, segments, shadow, rows, done };
    if (changes === undefined || base === undefined) {
      shadow.reserveRows(rows);
      this.#capture = new RowCapture({ ...common, keys: this.#blob.prefix() });
    } else {
      this.#capture = new RowDeltaCapture({
        ...common,
        base,
        changed: changes.rows,
        firstSlot: this.#blob.firstSlot,
        keys: this.#blob.suffix(changes.keysFrom),
      });
    }
    return this.#capture;
  }

  /**
   * Adds what a section holds. A table that tracks changes and gets all of its instance's own state
   * takes the section over as it was (R9).
   * @param owns rows of other key groups are left out
   * @param restored called for each row taken over
   * @param alive called every 1 000 rows
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE
   */
  restore(
    section: Pick<RestoredSection, 'bytes' | 'deltas' | 'checkpoint'>,
    owns: (group: number) => boolean,
    restored: (row: number, entry: KeyEntry) => void,
    alive: () => void,
  ): void {
    const shape = shapeOfRows(section.bytes);
    const copier = shape.layout === this.layout ? undefined : this.#evolve?.(shape.layout);
    const image = readRowImage(
      section.bytes,
      section.deltas ?? [],
      copier === undefined ? this : shape,
      alive,
    );
    // State that has evolved is copied, and the next snapshot is whole (state-layout.ts, E5).
    const isOwn =
      this.#changed !== undefined && section.checkpoint !== undefined && copier === undefined;
    if (isOwn) this.#adopt(image);
    for (let row = 0; row < image.rows; row += 1) {
      if (row % 1_000 === 999) alive();
      const entry = image.entry(row);
      if (isOwn) {
        if (entry === undefined) this.#free.push(row);
        else if (!owns(entry.group)) throw corruptRows(`row ${row} is another instance's`);
        else {
          this.#blob.claim(this.#reference(row));
          restored(row, entry);
        }
      } else if (entry !== undefined && owns(entry.group)) {
        restored(this.#copy(image, row, entry, copier), entry);
      }
    }
    if (isOwn) this.#log.restored(section.checkpoint, this.#blob.end);
  }

  /** The changes that are enough for a snapshot; undefined when it has to hold everything. */
  #cut(checkpoint: number, base: number | undefined) {
    const changed = this.#changed;
    if (changed === undefined) return undefined;
    this.#changed = new RowSet(this.#rowCount);
    const mark = this.#blob.end;
    const found = this.#log.cut({ checkpoint, base, mark, changes: changed });
    if (found === undefined) return undefined;
    const rowBytes = this.stride * Float64Array.BYTES_PER_ELEMENT;
    const fullBytes = this.#rowCount * rowBytes + this.#blob.usedBytes;
    const deltaBytes = found.changes.size * (rowBytes + 4) + (mark - found.since);
    return deltaBytes * 2 > fullBytes ? undefined : { rows: found.changes, keysFrom: found.since };
  }

  /** Takes all rows over, each in its place (R9). */
  #adopt({ rows, data, slots }: RowImage): void {
    assert(this.#rowCount === 0, 'state is taken over by an empty table');
    this.#blob.adopt(slots);
    this.#rowCount = rows;
    this.#changed!.reserve(rows);
    for (let row = 0; row < rows; row += SEGMENT_ROWS) {
      const segment = rowSegment(this.stride);
      const end = Math.min(rows, row + SEGMENT_ROWS);
      segment.set(data.subarray(row * this.stride, end * this.stride));
      this.segments.push(segment);
    }
  }

  /** @returns the new row */
  #copy(
    { data, stride: before }: RowImage,
    from: number,
    entry: KeyEntry,
    copier: RowCopier | undefined,
  ): number {
    const { stride } = this;
    const row = this.create(entry.group, entry.key);
    const segment = this.segments[row >> SEGMENT_SHIFT]!;
    const to = (row & SEGMENT_MASK) * stride;
    if (copier !== undefined) {
      const reference = segment[to]!;
      copier(data, from * before, segment, to);
      segment[to] = reference;
      return row;
    }
    const at = from * stride;
    for (let word = 1; word < stride; word += 1) segment[to + word] = data[at + word]!;
    return row;
  }

  #entry(row: number): KeyEntry {
    return this.#blob.entry(this.#reference(row));
  }

  #reference(row: number): number {
    return this.segments[row >> SEGMENT_SHIFT]![(row & SEGMENT_MASK) * this.stride]!;
  }

  #grow(): number {
    const row = this.#rowCount;
    assert(row < ROWS_MAX, 'more than 2^30 rows of numeric state in one operator instance');
    if (row >> SEGMENT_SHIFT === this.segments.length) this.segments.push(rowSegment(this.stride));
    this.#rowCount += 1;
    this.#changed?.reserve(this.#rowCount);
    return row;
  }

  #nextShadow(): RowShadow {
    const shadow = this.#shadows.shift()!;
    this.#shadows.push(shadow);
    return shadow;
  }

  /** Gives memory back. Called outside of a snapshot (R4): without tracking nothing needs protection then. */
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
        this.protect(row);
        this.segments[row >> SEGMENT_SHIFT]![(row & SEGMENT_MASK) * this.stride] = reference;
      },
    );
  }
}
