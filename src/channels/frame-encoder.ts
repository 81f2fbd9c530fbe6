/**
 * Turns records, one by one, and control elements into frames. One encoder per channel, which learns the shapes
 * of that channel's records.
 *
 *  F1  A record is taken apart when it is added (encoder-layout.ts): the frame holds what it was then.
 *  F2  A batch of one shape is one section of columns. A batch of several shapes has a section for each,
 *      and one byte per record says to which section it went, so order is kept.
 *  F3  Whatever has no layout (arrays, Maps, rare shapes, shapes beyond the limit) goes to the slow section, value
 *      by value. So every record has a form, or is refused with the name of its first unsupported value.
 *  F4  A batch is full when it has about `frameBytesMax` bytes: a frame exceeds them by one record at
 *      most.
 */

import { HoldfastError } from '../base/errors.js';
import { messageOf } from '../base/realm.js';
import { isLatin1 } from '../codec/value-encoder.js';
import { ByteViews } from './byte-views.js';
import { type ControlElement, NOT_BEHIND } from './element.js';
import { Columns, EncoderLayout, type OpenSection, SlowSection } from './encoder-layout.js';
import {
  FLAG_BEHIND,
  FLAG_GROUPS,
  FLAG_TIMESTAMPS,
  FLOAT_VALUE,
  FRAME_BARRIER,
  FRAME_BATCH,
  FRAME_END,
  FRAME_HEADER_BYTES,
  FRAME_IDLE,
  FRAME_WATERMARK,
  SECTIONS_MAX,
  WORD_BYTES,
  WORD_COUNT,
  WORD_EPOCH,
  WORD_INCARNATION,
  WORD_KIND,
  WORD_SEQUENCE,
} from './frame-header.js';
import { pad8 } from './frame-layout.js';
import { CHECKED_OF, isWhole, LayoutTable } from './layout-table.js';

export interface FrameEncoderOptions {
  readonly epoch: number;
  readonly incarnation: number;
  /** Number of records with which a batch is full; 1 024 when absent. */
  readonly batchRecordsMax?: number | undefined;
  /** See F4. */
  readonly frameBytesMax: number;
  /** Number of layouts that are compiled at most; records of further shapes use the value codec. 64 when absent. */
  readonly layoutsMax?: number | undefined;
  /** A shape gets a layout after so many records; 8 when absent. */
  readonly sightingsMin?: number | undefined;
  /** Looks closely at a record: at the first of each shape, and at one in CHECKED_OF. */
  readonly check?: ((record: unknown) => void) | undefined;
}

const BATCH_RECORDS_MAX = 1_024;
const SCRATCH_KEPT_BYTES = 1 << 20;
/** So many layouts get columns for a whole batch; with more shapes each gets a small share of it. */
const WIDE_LAYOUTS_MAX = 4;
const NARROW_ROWS = 64;

export class FrameEncoder {
  readonly #options: FrameEncoderOptions;
  readonly #recordsMax: number;
  readonly #layouts: LayoutTable<EncoderLayout>;
  readonly #slow = new SlowSection();
  /** Sections of the open batch, in the order of their numbers. */
  readonly #sections: OpenSection[] = [];
  /** The section that took the last record. */
  #section: OpenSection;
  readonly #sectionOf: Uint8Array;
  readonly #timestamps: Float64Array;
  /** Made for the first record with a key group. */
  #groups: Uint16Array | undefined;
  /** Made for the first record that has a mark. */
  #behind: Float64Array | undefined;
  #count = 0;
  /** Approximate size of the open batch. */
  #bytes = 0;
  #timed = false;
  #marked = false;
  #grouped = false;
  /** Records since the last one that was looked at closely. */
  #unchecked = 0;
  /** Memory for frames that are not made in place (encoder-layout.ts, O4). */
  #scratch = ByteViews.allocate(4_096);
  /** Where the frame under way lies: from byte `start` on, written up to `position`. */
  #views = this.#scratch;
  #start = 0;
  #position = 0;
  #sequence = 0;

  constructor(options: FrameEncoderOptions) {
    const recordsMax = options.batchRecordsMax ?? BATCH_RECORDS_MAX;
    this.#options = options;
    this.#recordsMax = recordsMax;
    let layouts = 0;
    this.#layouts = new LayoutTable({
      make: (keys) => {
        layouts += 1;
        const rows = layouts > WIDE_LAYOUTS_MAX ? Math.min(NARROW_ROWS, recordsMax) : recordsMax;
        return new EncoderLayout(keys, rows, options.frameBytesMax);
      },
      layoutsMax: options.layoutsMax ?? 64,
      sightingsMin: options.sightingsMin ?? 8,
      first: options.check,
    });
    this.#section = this.#slow;
    this.#sectionOf = new Uint8Array(recordsMax);
    this.#timestamps = new Float64Array(recordsMax);
  }

  /** Sequence of the next frame, from 0. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Number of records of the open batch. */
  get count(): number {
    return this.#count;
  }

  /** The frame of a control element: a view, valid until the next call. */
  control(element: ControlElement): Uint8Array {
    this.#begin(this.#scratch, 0);
    switch (element.kind) {
      case 'barrier':
        return this.#finish(FRAME_BARRIER, 0, element.checkpoint);
      case 'watermark':
        return this.#finish(FRAME_WATERMARK, 0, element.timeMs);
      case 'end':
        return this.#finish(FRAME_END, 0, 0);
      case 'idle':
        return this.#finish(FRAME_IDLE, 0, element.isSilent ? 1 : 0);
    }
  }

  /**
   * Adds a record to the open batch, which must not be full.
   * @returns whether it is full now
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE; nothing was added then
   */
  add(record: unknown, timestamp: number, group: number, behind: number): boolean {
    let section = this.#section;
    let bytes = -1;
    try {
      this.#unchecked += 1;
      if (this.#unchecked >= CHECKED_OF) this.#check(record);
      if (section !== this.#slow) bytes = section.put(record, section.count);
      if (bytes < 0) {
        bytes = this.#place(record);
        section = this.#section;
      }
    } catch (error) {
      throw unencodable(error);
    }
    const at = this.#count;
    section.count += 1;
    if (this.#sections.length > 1) this.#sectionOf[at] = section.index;
    if (this.#timed || !Number.isNaN(timestamp)) this.#time(at, timestamp);
    if (this.#marked || behind > NOT_BEHIND) this.#mark(at, behind);
    if (this.#grouped || group !== 0) this.#group(at, group);
    this.#count = at + 1;
    this.#bytes += bytes;
    return (
      at + 1 >= this.#recordsMax ||
      section.count >= section.capacity ||
      this.#bytes >= this.#options.frameBytesMax
    );
  }

  /** Closes the open batch, of at least one record. Its frame is a view, valid until the next call. */
  batch(): Uint8Array {
    const count = this.#count;
    const sections = this.#sections.length;
    const first = this.#sections[0];
    const groups = this.#grouped ? this.#groups : undefined;
    const timesBytes = (this.#timed ? count * 8 : 0) + (this.#marked ? count * 8 : 0);
    const groupsBytes = groups === undefined ? 0 : pad8(count * 2);
    if (sections === 1 && first instanceof Columns) {
      const ahead = FRAME_HEADER_BYTES + timesBytes + groupsBytes + 8;
      this.#begin(first.views, first.at - pad8(first.descriptor.length) - ahead);
    } else {
      if (this.#scratch.u8.length > Math.max(SCRATCH_KEPT_BYTES, this.#options.frameBytesMax * 2)) {
        this.#scratch = ByteViews.allocate(4_096);
      }
      this.#begin(this.#scratch, 0);
    }
    if (this.#timed) this.#times(this.#timestamps, count);
    if (this.#marked) this.#times(this.#behind!, count);
    if (groups !== undefined) {
      this.#ensure(groupsBytes);
      this.#views.u16.set(groups.subarray(0, count), this.#position >> 1);
      this.#position += groupsBytes;
    }
    if (sections > 1) {
      this.#ensure(pad8(count));
      this.#views.u8.set(this.#sectionOf.subarray(0, count), this.#position);
      this.#position += pad8(count);
    }
    for (const section of this.#sections) {
      if (section instanceof Columns) this.#columns(section);
      else this.#values(this.#slow);
    }
    const flags =
      (this.#timed ? FLAG_TIMESTAMPS : 0) |
      (this.#marked ? FLAG_BEHIND : 0) |
      (groups === undefined ? 0 : FLAG_GROUPS);
    this.#forget();
    return this.#finish(FRAME_BATCH | flags, count, sections);
  }

  /** Finds the section for a record, and puts it there. @returns its bytes */
  #place(record: unknown): number {
    const layout = this.#layouts.of(record);
    for (let columns = layout?.columns; layout !== undefined; columns = layout.columns) {
      if (columns !== undefined && this.#hasPlaceFor(columns)) {
        const bytes = columns.put(record, columns.count);
        if (bytes >= 0) return this.#opened(columns, bytes);
      }
      if (!layout.matches(record) || !layout.widen(record)) break;
      // A value of another kind may hide what the first record did not have.
      this.#options.check?.(record);
    }
    return this.#opened(this.#slow, this.#slow.put(record));
  }

  #check(record: unknown): void {
    this.#unchecked = 0;
    const section = this.#section;
    const isFlat = section instanceof Columns && !section.size.slow;
    if (isFlat && typeof record === 'object' && record !== null) {
      if (isWhole(record, section.keysCount)) return;
    }
    this.#options.check?.(record);
  }

  #hasPlaceFor(columns: Columns): boolean {
    return columns.index >= 0 || this.#sections.length < SECTIONS_MAX;
  }

  #opened(section: OpenSection, bytes: number): number {
    if (section.index < 0) {
      section.index = this.#sections.length;
      this.#sections.push(section);
      // While there was only one section, no section numbers were written: they are all 0.
      if (section.index === 1) this.#sectionOf.fill(0, 0, this.#count);
    }
    this.#section = section;
    return bytes;
  }

  /** The first time in a batch: the records before it get none. */
  #time(at: number, timestamp: number): void {
    if (!this.#timed) this.#timestamps.fill(Number.NaN, 0, at);
    this.#timed = true;
    this.#timestamps[at] = timestamp;
  }

  #mark(at: number, behind: number): void {
    this.#behind ??= new Float64Array(this.#recordsMax);
    if (!this.#marked) this.#behind.fill(NOT_BEHIND, 0, at);
    this.#marked = true;
    this.#behind[at] = behind;
  }

  #group(at: number, group: number): void {
    this.#groups ??= new Uint16Array(this.#recordsMax);
    if (!this.#grouped) this.#groups.fill(0, 0, at);
    this.#grouped = true;
    this.#groups[at] = group;
  }

  #times(times: Float64Array, count: number): void {
    this.#ensure(count * 8);
    this.#views.f64.set(times.subarray(0, count), this.#position >> 3);
    this.#position += count * 8;
  }

  #begin(views: ByteViews, start: number): void {
    this.#views = views;
    this.#start = start;
    this.#position = start + FRAME_HEADER_BYTES;
  }

  #columns(columns: Columns): void {
    const { descriptor, count, size, fixedBytes } = columns;
    this.#ensure(8 + pad8(descriptor.length) + fixedBytes);
    this.#pair(count, descriptor.length);
    this.#views.u8.set(descriptor, this.#position);
    this.#position += pad8(descriptor.length);
    columns.copyTo(this.#views.u8, this.#position);
    this.#position += fixedBytes;
    const texts = columns.takeTexts();
    for (let i = 0; i < size.strings; i += 1) this.#text(texts[i]!);
    const slow = columns.slowBytes();
    if (slow !== undefined) this.#slowBytes(slow);
  }

  /** F3: writes records one after the other. */
  #values(section: SlowSection): void {
    this.#ensure(8);
    this.#pair(section.count, 0);
    this.#slowBytes(section.slowBytes());
  }

  #text(text: string): void {
    const latin1 = isLatin1(text);
    const byteCount = latin1 ? text.length : text.length * 2;
    this.#ensure(8 + pad8(byteCount));
    this.#pair(byteCount, latin1 ? 0 : 1);
    this.#views.u8.write(text, this.#position, latin1 ? 'latin1' : 'utf16le');
    this.#position += pad8(byteCount);
  }

  #slowBytes(bytes: Uint8Array): void {
    this.#ensure(8 + pad8(bytes.length));
    this.#pair(bytes.length, 0);
    this.#views.u8.set(bytes, this.#position);
    this.#position += pad8(bytes.length);
  }

  #pair(first: number, second: number): void {
    const at = this.#position >> 2;
    this.#views.i32[at] = first;
    this.#views.i32[at + 1] = second;
    this.#position += 8;
  }

  /** Forgets the last section: the next record goes wherever its layout says. */
  #forget(): void {
    for (const section of this.#sections) section.clear();
    this.#sections.length = 0;
    this.#section = this.#slow;
    this.#count = 0;
    this.#bytes = 0;
    this.#timed = false;
    this.#marked = false;
    this.#grouped = false;
  }

  #finish(kind: number, count: number, value: number): Uint8Array {
    const { i32, f64, u8 } = this.#views;
    const start = this.#start;
    const words = start >> 2;
    i32[words + WORD_BYTES] = this.#position - start;
    i32[words + WORD_KIND] = kind;
    i32[words + WORD_SEQUENCE] = this.#sequence;
    i32[words + WORD_EPOCH] = this.#options.epoch;
    i32[words + WORD_INCARNATION] = this.#options.incarnation;
    i32[words + WORD_COUNT] = count;
    f64[(start >> 3) + FLOAT_VALUE] = value;
    this.#sequence = (this.#sequence + 1) | 0;
    return u8.subarray(start, this.#position);
  }

  #ensure(byteCount: number): void {
    const needed = this.#position + byteCount;
    if (needed <= this.#views.u8.length) return;
    if (needed > FRAME_BYTES_LIMIT) {
      throw unencodable(
        new RangeError(`a frame of ${needed} bytes is beyond the limit of ${FRAME_BYTES_LIMIT}`),
      );
    }
    // If the frame was being made in place, it no longer is.
    const grown = ByteViews.allocate(Math.max(needed, this.#views.u8.length * 2));
    grown.u8.set(this.#views.u8.subarray(this.#start, this.#position), this.#start);
    this.#views = grown;
    this.#scratch = grown;
  }
}

/** Offsets in a frame have 31 bits, and its columns are counted from its start. */
const FRAME_BYTES_LIMIT = 2 ** 30;

/** The error for a value beyond what V8 allows (a string, a buffer), or one that a getter threw. */
function unencodable(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `record cannot be encoded: ${messageOf(error)}. A getter ` +
      'that throws, or a text too long, is the usual reason.',
    { cause: error, details: { path: 'record' } },
  );
}
