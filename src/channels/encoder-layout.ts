/**
 * The columns of a frame's section while its batch is open. A record is taken apart when it is pushed, so whatever
 * happens to the object afterwards changes nothing that is sent.
 *
 *  O1  A row that was refused, or did not fit, leaves no trace: values behind the last row are written
 *      over, and the slow part goes back to where the row began.
 *  O2  When a column cannot hold a value, new columns with wider kinds are made. The old columns keep the rows
 *      that they have, so a batch may have several sections of one shape.
 *  O3  Texts are kept as they are until the batch is closed, and joined then: one join of a column costs less
 *      than many joins on the way.
 *  O4  Columns have room before them for the rest of a frame, and behind them for texts. So the frame of a batch
 *      of one shape, the usual batch, is made where its columns lie.
 */

import { ByteViews } from './byte-views.js';
import { compilePut, type PutLoop } from './frame-codegen.js';
import { FRAME_HEADER_BYTES } from './frame-header.js';
import {
  type ColumnKind,
  describeLayout,
  fixedBytes,
  kindFor,
  type LayoutSize,
  layoutSize,
  pad8,
  seen,
} from './frame-layout.js';
import { SlowWriter } from './frame-slow.js';
import { Shape } from './layout-table.js';

/** Generated code for the widest layouts is slow to compile; a layout rarely needs more widenings per key. */
const WIDENINGS_MAX = 64;
const CAPACITY_MIN = 64;
/** Room for texts behind the columns. When texts need more, the frame is made elsewhere. */
const TEXT_BYTES_PER_ROW = 128;

/** A section of an open batch. */
export interface OpenSection {
  /** The section's number in the batch; −1 while it has no rows. */
  index: number;
  /** Rows it has. */
  count: number;
  readonly capacity: number;
  /**
   * Takes a record as the row after the last.
   * @returns about how many bytes it needs; −1, and nothing taken, when it does not fit
   */
  put(record: unknown, row: number): number;
  /** The section's rows have been sent. */
  clear(): void;
}

/** The columns of one layout. */
export class Columns implements OpenSection {
  readonly size: LayoutSize;
  readonly descriptor: Buffer;
  readonly keysCount: number;
  readonly capacity: number;
  readonly put: PutLoop['put'];
  /** The memory where the columns lie, with room for a frame around them (O4). */
  readonly views: ByteViews;
  /** Byte in `views` at which they begin. */
  readonly at: number;
  readonly #take: PutLoop['take'];
  readonly #slow: SlowWriter | undefined;
  readonly #strings: string[] = [];
  index = -1;
  count = 0;

  /**
   * @param rows the most rows that a batch has
   * @param textBytes room for texts behind the columns
   */
  constructor(
    keys: readonly string[] | undefined,
    kinds: readonly ColumnKind[],
    rows: number,
    textBytes: number,
  ) {
    const layout = { keys, kinds };
    const capacity = pad8(rows);
    this.capacity = capacity;
    this.size = layoutSize(kinds);
    this.keysCount = keys?.length ?? 0;
    this.descriptor = Buffer.from(describeLayout(layout), 'latin1');
    this.at = FRAME_HEADER_BYTES + 18 * capacity + 8 + pad8(this.descriptor.length);
    const behind = this.size.strings > 0 || this.size.slow ? textBytes : 0;
    this.views = ByteViews.allocate(this.at + fixedBytes(this.size, capacity) + behind);
    this.#slow = this.size.slow ? new SlowWriter() : undefined;
    const place = { views: this.views, at: this.at, capacity };
    const { put, take } = compilePut(layout, place, this.#slow);
    this.put = put;
    this.#take = take;
  }

  /** Bytes of the columns of fixed width. */
  get fixedBytes(): number {
    return fixedBytes(this.size, this.count);
  }

  /** Copies the columns of fixed width to byte `to` of `target`, which may be their own memory. */
  copyTo(target: Uint8Array, to: number): void {
    const { size, count, capacity } = this;
    const source = this.views.u8;
    if (target.buffer === source.buffer && count === capacity && to === this.at) return;
    let from = this.at;
    let start = to;
    for (const [columns, width] of [
      [size.wide, 8],
      [size.words, 4],
      [size.bytes, 1],
    ] as const) {
      for (let i = 0; i < columns; i += 1) {
        const at = from + i * width * capacity;
        target.set(source.subarray(at, at + width * count), start + i * width * count);
      }
      from += columns * width * capacity;
      start += pad8(columns * width * count);
    }
  }

  /** The texts of each string column, joined (O3). Valid until the next call. */
  takeTexts(): readonly string[] {
    this.#take(this.count, this.#strings);
    return this.#strings;
  }

  /** What the slow part holds; undefined when there is none. */
  slowBytes(): Uint8Array | undefined {
    return this.#slow?.written();
  }

  clear(): void {
    this.index = -1;
    this.count = 0;
    this.#strings.fill('');
    this.#slow?.reset();
  }
}

/** Takes records without a layout, through the value codec one by one. */
export class SlowSection implements OpenSection {
  readonly capacity = Number.POSITIVE_INFINITY;
  readonly #slow = new SlowWriter();
  index = -1;
  count = 0;

  put(record: unknown): number {
    return this.#slow.record(record);
  }

  slowBytes(): Uint8Array {
    return this.#slow.written();
  }

  clear(): void {
    this.index = -1;
    this.count = 0;
    this.#slow.reset();
  }
}

/** A shape, and the columns for what its records have held so far. */
export class EncoderLayout extends Shape {
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  readonly #bits: number[];
  #widenings = 0;
  #kinds: readonly ColumnKind[] = [];
  /** Undefined before the first `widen`, and when no columns can take all that was seen. */
  columns: Columns | undefined;

  /** @param rowsMax most rows of a batch; it is fewer where they would need more than `bytesMax` */
  constructor(keys: readonly string[] | undefined, rowsMax: number, bytesMax: number) {
    super(keys);
    this.#rowsMax = rowsMax;
    this.#bytesMax = bytesMax;
    this.#bits = new Array<number>(keys?.length ?? 1).fill(0);
  }

  /**
   * Takes in the kinds of a record's values. False when the columns stay what they were, or when widening
   * does not end (values that differ each time they are read).
   */
  widen(record: unknown): boolean {
    const bits = this.#bits;
    const { keys } = this;
    if (keys === undefined) bits[0]! |= seen(record);
    else {
      for (let i = 0; i < keys.length; i += 1) {
        // An accessor may answer differently each time: the slow column takes whatever comes.
        bits[i]! |= seen((record as Record<string, unknown>)[keys[i]!]);
      }
    }
    const kinds = bits.map(kindFor);
    if (kinds.join() === this.#kinds.join() || this.#widenings >= WIDENINGS_MAX) return false;
    this.#widenings += 1;
    this.#kinds = kinds;
    // The records are values of many kinds, not objects: no column takes them all.
    const isColumnar = keys !== undefined || kinds[0] !== 'x';
    const rowBytes = Math.max(1, fixedBytes(layoutSize(kinds), 1));
    const rows = Math.min(
      this.#rowsMax,
      Math.max(CAPACITY_MIN, Math.floor(this.#bytesMax / rowBytes)),
    );
    const textBytes = Math.min(this.#bytesMax, rows * TEXT_BYTES_PER_ROW);
    this.columns = isColumnar ? new Columns(keys, kinds, rows, textBytes) : undefined;
    return isColumnar;
  }
}
