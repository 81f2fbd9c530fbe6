/**
 * Batches of records, and control elements, to frames. One encoder per channel; it learns the
 * shapes of that channel's records.
 *
 *  F1  A batch of one shape is one section of columns. A batch of several shapes is split by shape,
 *      and one byte per record says which section it went to; order is kept.
 *  F2  Whatever has no layout (arrays, Maps, rare shapes, shapes beyond the limit) goes to the slow
 *      section, value by value. So every batch has a form, or its first unsupported value is named.
 *  F3  A layout is made when its shape has been seen `sightingsMin` times: objects used as
 *      dictionaries, each of a shape of its own, never use up the limit.
 *  F4  A frame stays near its limit: a batch of several records that needs more is refused with
 *      `TooBig`, and the caller cuts it in two.
 */

import { HoldfastError } from '../base/errors.js';
import { isLatin1 } from '../codec/value-encoder.js';
import { ByteViews } from './byte-views.js';
import type { ControlElement } from './element.js';
import {
  FLAG_BEHIND,
  FLAG_GROUPS,
  FLAG_TIMESTAMPS,
  FLOAT_VALUE,
  FRAME_BARRIER,
  FRAME_BATCH,
  FRAME_END,
  FRAME_HEADER_BYTES,
  FRAME_WATERMARK,
  SECTIONS_MAX,
  WORD_BYTES,
  WORD_COUNT,
  WORD_EPOCH,
  WORD_INCARNATION,
  WORD_KIND,
  WORD_SEQUENCE,
} from './frame-header.js';
import { fixedBytes, pad8 } from './frame-layout.js';
import { SlowWriter, TooBig, Untransferable } from './frame-slow.js';
import { type EncoderLayout, LayoutTable } from './layout-table.js';

export interface FrameEncoderOptions {
  readonly epoch: number;
  readonly incarnation: number;
  /** A batch of several records that needs more is refused (F4). */
  readonly frameBytesMax: number;
  /** Most layouts to compile; beyond, records travel through the value codec. */
  readonly layoutsMax?: number | undefined;
  /** See F3. */
  readonly sightingsMin?: number | undefined;
}

interface Section {
  readonly layout: EncoderLayout | undefined;
  readonly records: unknown[];
  /** Where in the batch they stood. */
  readonly indexes: number[];
}

const SCRATCH_KEPT_BYTES = 1 << 20;

export class FrameEncoder {
  readonly #options: FrameEncoderOptions;
  readonly #layouts: LayoutTable;
  readonly #slow: SlowWriter;
  readonly #strings: string[] = [];
  #views = ByteViews.allocate(4_096);
  #position = 0;
  #sequence = 0;

  constructor(options: FrameEncoderOptions) {
    this.#options = options;
    this.#layouts = new LayoutTable(options.layoutsMax ?? 64, options.sightingsMin ?? 8);
    this.#slow = new SlowWriter(options.frameBytesMax);
  }

  /** Sequence of the next frame, from 0. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The frame of a control element: a view, valid until the next call. */
  control(element: ControlElement): Uint8Array {
    this.#position = FRAME_HEADER_BYTES;
    switch (element.kind) {
      case 'barrier':
        return this.#finish(FRAME_BARRIER, 0, element.checkpoint);
      case 'watermark':
        return this.#finish(FRAME_WATERMARK, 0, element.timeMs);
      case 'end':
        return this.#finish(FRAME_END, 0, 0);
    }
  }

  /**
   * The frame of the first `count` records: a view, valid until the next call. Throws `TooBig` and
   * `Untransferable`; no sequence number is used up then.
   * @param timestamps left out of the frame when undefined; likewise `groups` and `behind`
   */
  batch(
    records: readonly unknown[],
    count: number,
    timestamps: Float64Array | undefined,
    groups: Uint16Array | undefined,
    behind: Float64Array | undefined,
  ): Uint8Array {
    this.#position = FRAME_HEADER_BYTES;
    if (this.#views.u8.length > Math.max(SCRATCH_KEPT_BYTES, this.#options.frameBytesMax * 2)) {
      this.#views = ByteViews.allocate(4_096);
    }
    try {
      this.#times(count, timestamps);
      this.#times(count, behind);
      this.#groups(count, groups);
      const sections = this.#sections(records, count);
      const flags =
        (timestamps === undefined ? 0 : FLAG_TIMESTAMPS) |
        (behind === undefined ? 0 : FLAG_BEHIND) |
        (groups === undefined ? 0 : FLAG_GROUPS);
      return this.#finish(FRAME_BATCH | flags, count, sections);
    } catch (error) {
      if (error instanceof TooBig || error instanceof Untransferable) throw error;
      // Beyond what V8 allows (a string, a buffer), or thrown by a getter: find the record.
      if (count > 1) throw new TooBig();
      throw new Untransferable(0, unencodable(error));
    }
  }

  #times(count: number, times: Float64Array | undefined): void {
    if (times === undefined) return;
    this.#ensure(count * 8);
    this.#views.f64.set(times.subarray(0, count), this.#position >> 3);
    this.#position += count * 8;
  }

  #groups(count: number, groups: Uint16Array | undefined): void {
    if (groups === undefined) return;
    this.#ensure(pad8(count * 2));
    this.#views.u16.set(groups.subarray(0, count), this.#position >> 1);
    this.#position += pad8(count * 2);
  }

  #sections(records: readonly unknown[], count: number): number {
    const layout = this.#layouts.of(records[0], count);
    if (layout !== undefined && this.#columns(layout, records, count)) return 1;
    if (count === 1) {
      this.#values(records, count, undefined);
      return 1;
    }
    return this.#split(records, count);
  }

  /** F1, F2 */
  #split(records: readonly unknown[], count: number): number {
    const sections: Section[] = [];
    const sectionOf = new Uint8Array(count);
    let rest: number | undefined;
    for (let r = 0; r < count; r += 1) {
      const record = records[r];
      const layout = this.#layouts.of(record, 1);
      let s = sections.findIndex((section) => section.layout === layout);
      if (s < 0) {
        if (sections.length < SECTIONS_MAX || (layout === undefined && rest === undefined)) {
          s = sections.length;
          sections.push({ layout, records: [], indexes: [] });
          if (layout === undefined) rest = s;
        } else if (rest !== undefined) {
          s = rest;
        } else {
          s = sections.length;
          rest = s;
          sections.push({ layout: undefined, records: [], indexes: [] });
        }
      }
      sectionOf[r] = s;
      sections[s]!.records.push(record);
      sections[s]!.indexes.push(r);
    }
    if (sections.length > 1) {
      this.#ensure(pad8(count));
      this.#views.u8.set(sectionOf, this.#position);
      this.#position += pad8(count);
    }
    for (const { layout, records: members, indexes } of sections) {
      const fits = layout !== undefined && this.#columns(layout, members, members.length);
      if (!fits) this.#values(members, members.length, indexes);
    }
    return sections.length;
  }

  /** A section of columns. False, and nothing written, when not all records fit the layout's shape. */
  #columns(layout: EncoderLayout, records: readonly unknown[], count: number): boolean {
    const start = this.#position;
    if (layout.kinds.length === 0) layout.widen(records, count);
    for (;;) {
      if (!layout.columnar) return false;
      const taken = this.#tryColumns(layout, records, count);
      if (taken === count) return true;
      this.#position = start;
      if (!layout.matches(records[taken]) || !layout.widen(records, count)) return false;
    }
  }

  #tryColumns(layout: EncoderLayout, records: readonly unknown[], count: number): number {
    const { size, descriptor } = layout;
    this.#ensure(8 + pad8(descriptor.length) + fixedBytes(size, count));
    this.#pair(count, descriptor.length);
    this.#views.u8.set(descriptor, this.#position);
    const wideAt = this.#position + pad8(descriptor.length);
    const wordsAt = wideAt + size.wide * 8 * count;
    const bytesAt = wordsAt + pad8(size.words * 4 * count);
    this.#slow.reset();
    const taken = layout.encode(
      records,
      count,
      this.#views,
      wideAt >> 3,
      wordsAt >> 2,
      bytesAt,
      this.#strings,
      this.#slow,
    );
    if (taken < count) return taken;
    this.#position = bytesAt + pad8(size.bytes * count);
    for (let i = 0; i < size.strings; i += 1) {
      const text = this.#strings[i]!;
      this.#strings[i] = '';
      this.#text(text, count);
    }
    if (size.slow) this.#slowBytes();
    return count;
  }

  /** F2: records one after the other. */
  #values(
    records: readonly unknown[],
    count: number,
    indexes: readonly number[] | undefined,
  ): void {
    this.#slow.reset();
    for (let r = 0; r < count; r += 1) this.#slow.record(records[r], indexes?.[r] ?? r, count);
    this.#ensure(8);
    this.#pair(count, 0);
    this.#slowBytes();
  }

  #text(text: string, count: number): void {
    const latin1 = isLatin1(text);
    const byteCount = latin1 ? text.length : text.length * 2;
    if (count > 1 && byteCount > this.#options.frameBytesMax) throw new TooBig();
    this.#ensure(8 + pad8(byteCount));
    this.#pair(byteCount, latin1 ? 0 : 1);
    this.#views.u8.write(text, this.#position, latin1 ? 'latin1' : 'utf16le');
    this.#position += pad8(byteCount);
  }

  #slowBytes(): void {
    const bytes = this.#slow.written();
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

  #finish(kind: number, count: number, value: number): Uint8Array {
    const { i32, f64, u8 } = this.#views;
    i32[WORD_BYTES] = this.#position;
    i32[WORD_KIND] = kind;
    i32[WORD_SEQUENCE] = this.#sequence;
    i32[WORD_EPOCH] = this.#options.epoch;
    i32[WORD_INCARNATION] = this.#options.incarnation;
    i32[WORD_COUNT] = count;
    f64[FLOAT_VALUE] = value;
    this.#sequence = (this.#sequence + 1) | 0;
    return u8.subarray(0, this.#position);
  }

  #ensure(byteCount: number): void {
    const needed = this.#position + byteCount;
    if (needed <= this.#views.u8.length) return;
    if (needed > FRAME_BYTES_LIMIT) {
      throw new RangeError(
        `a frame of ${needed} bytes is beyond the limit of ${FRAME_BYTES_LIMIT}`,
      );
    }
    const grown = ByteViews.allocate(Math.max(needed, this.#views.u8.length * 2));
    grown.u8.set(this.#views.u8.subarray(0, this.#position));
    this.#views = grown;
  }
}

/** Offsets in a frame are 31 bits, and its columns are counted from its start. */
const FRAME_BYTES_LIMIT = 2 ** 30;

function unencodable(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `record cannot be encoded: ${error instanceof Error ? error.message : String(error)}. A getter ` +
      'that throws, or a text too long, is the usual reason.',
    { cause: error, details: { path: 'record' } },
  );
}
