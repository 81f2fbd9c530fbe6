/**
 * Frames to elements. One decoder per channel.
 *
 *  X1  Frames of the channel's epoch carry the sequence 0, 1, 2 … A gap or a repetition is a fault
 *      of ours: it is thrown, never skipped. Frames of another epoch are dropped and not counted.
 *  X2  Nothing that is given out refers to the frame's memory, because that will be written to again.
 *  X3  The columns of a batch (times, marks, key groups) are reused for the next one; its records are not.
 */

import type { ByteViews } from './byte-views.js';
import type { Batch, Element } from './element.js';
import { compileDecode, type DecodeLoop } from './frame-codegen.js';
import {
  FLAG_BEHIND,
  FLAG_GROUPS,
  FLAG_TIMESTAMPS,
  FLAGS_KNOWN,
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
  WORD_KIND,
  WORD_SEQUENCE,
} from './frame-header.js';
import { fixedBytes, type LayoutSize, layoutSize, pad8, parseLayout } from './frame-layout.js';
import { damagedFrame, SlowReader } from './frame-slow.js';

interface DecoderLayout {
  readonly decode: DecodeLoop;
  readonly size: LayoutSize;
}

/** Number of loops kept. A channel that needs more of them compiles some again. */
const LAYOUTS_KEPT_MAX = 512;
const END = { kind: 'end' } as const;

export class FrameDecoder {
  readonly #epoch: number | undefined;
  readonly #layouts = new Map<string, DecoderLayout>();
  readonly #slow = new SlowReader();
  readonly #strings: string[] = [];
  #timestamps = new Float64Array(0);
  #behind = new Float64Array(0);
  #groups = new Uint16Array(0);
  #sequence = 0;
  #views!: ByteViews;
  #start = 0;
  #position = 0;
  #end = 0;

  /** @param epoch undefined for stored frames, which may be of any epoch and sequence */
  constructor(epoch: number | undefined) {
    this.#epoch = epoch;
  }

  /** Sequence of the next frame to come. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The element in `length` bytes from `offset` on (a multiple of 8); undefined for a frame of another epoch. */
  decode(views: ByteViews, offset: number, length: number): Element | undefined {
    const words = offset >> 2;
    const { i32 } = views;
    if (length < FRAME_HEADER_BYTES || i32[words + WORD_BYTES] !== length) {
      throw damagedFrame(`a length of ${i32[words + WORD_BYTES]} in ${length} bytes`, 0);
    }
    if (this.#epoch !== undefined) {
      if (i32[words + WORD_EPOCH] !== this.#epoch) return undefined;
      const sequence = i32[words + WORD_SEQUENCE]!;
      if (sequence !== this.#sequence) {
        throw damagedFrame(`frame ${sequence} where ${this.#sequence} is due`, WORD_SEQUENCE * 4);
      }
      this.#sequence = (sequence + 1) | 0;
    }
    const kind = i32[words + WORD_KIND]!;
    const value = views.f64[(offset >> 3) + FLOAT_VALUE]!;
    switch (kind & 0xff) {
      case FRAME_BATCH:
        this.#views = views;
        this.#start = offset;
        this.#position = offset + FRAME_HEADER_BYTES;
        this.#end = offset + length;
        return this.#batch(i32[words + WORD_COUNT]!, kind, value);
      case FRAME_BARRIER:
        return { kind: 'barrier', checkpoint: value };
      case FRAME_WATERMARK:
        return { kind: 'watermark', timeMs: value };
      case FRAME_END:
        return END;
      case FRAME_IDLE:
        return { kind: 'idle', isSilent: value === 1 };
      default:
        throw damagedFrame(`an unknown kind ${kind}`, WORD_KIND * 4);
    }
  }

  #batch(count: number, flags: number, sections: number): Batch {
    if ((flags & ~0xff & ~FLAGS_KNOWN) !== 0) throw this.#damaged(`unknown flags ${flags >> 8}`);
    const timestamps = (flags & FLAG_TIMESTAMPS) === 0 ? undefined : this.#times(count);
    const behind = (flags & FLAG_BEHIND) === 0 ? undefined : this.#marks(count);
    const groups = (flags & FLAG_GROUPS) === 0 ? undefined : this.#keyGroups(count);
    if (!(count >= 0 && count <= this.#end - this.#start)) throw this.#damaged(`${count} records`);
    // A new array: V8 takes note of each young object that is put into an old array, which costs more.
    const records = new Array<unknown>(count);
    if (sections === 1) this.#section(records, count);
    else this.#sections(records, count, sections);
    if (this.#position !== this.#end) throw this.#damaged('does not end where it should');
    return { kind: 'batch', records, timestamps, behind, groups, count };
  }

  #times(count: number): Float64Array {
    const at = this.#advance(count * 8) >> 3;
    if (this.#timestamps.length < count) this.#timestamps = new Float64Array(roomFor(count));
    this.#timestamps.set(this.#views.f64.subarray(at, at + count));
    return this.#timestamps;
  }

  #marks(count: number): Float64Array {
    const at = this.#advance(count * 8) >> 3;
    if (this.#behind.length < count) this.#behind = new Float64Array(roomFor(count));
    this.#behind.set(this.#views.f64.subarray(at, at + count));
    return this.#behind;
  }

  #keyGroups(count: number): Uint16Array {
    const at = this.#advance(pad8(count * 2)) >> 1;
    if (this.#groups.length < count) this.#groups = new Uint16Array(roomFor(count));
    this.#groups.set(this.#views.u16.subarray(at, at + count));
    return this.#groups;
  }

  #sections(records: unknown[], count: number, sections: number): void {
    if (!(sections > 1 && sections <= SECTIONS_MAX + 1))
      throw this.#damaged(`${sections} sections`);
    const at = this.#advance(pad8(count));
    const sectionOf = this.#views.u8.subarray(at, at + count);
    const members: unknown[][] = [];
    for (let s = 0; s < sections; s += 1) {
      const size = this.#views.i32[this.#position >> 2]!;
      const part: unknown[] = [];
      this.#section(part, size);
      members.push(part);
    }
    const next = new Uint32Array(sections);
    for (let r = 0; r < count; r += 1) {
      const s = sectionOf[r]!;
      const from = members[s];
      if (from === undefined || next[s]! >= from.length)
        throw this.#damaged('sections do not add up');
      records[r] = from[next[s]!];
      next[s]! += 1;
    }
  }

  #section(records: unknown[], count: number): void {
    const [size, descriptorBytes] = this.#pair();
    if (size !== count) throw this.#damaged(`a section of ${size} records where ${count} are due`);
    if (descriptorBytes === 0) {
      this.#openSlow();
      for (let r = 0; r < count; r += 1) records[r] = this.#slow.record();
      this.#slow.close();
      return;
    }
    const { u8 } = this.#views;
    const at = this.#advance(pad8(descriptorBytes));
    const layout = this.#layout(u8.toString('latin1', at, at + descriptorBytes));
    const wideAt = this.#advance(fixedBytes(layout.size, count));
    const wordsAt = wideAt + layout.size.wide * 8 * count;
    const bytesAt = wordsAt + pad8(layout.size.words * 4 * count);
    for (let i = 0; i < layout.size.strings; i += 1) this.#strings[i] = this.#text();
    if (layout.size.slow) this.#openSlow();
    const whole = layout.decode(
      records,
      count,
      this.#views,
      wideAt >> 3,
      wordsAt >> 2,
      bytesAt,
      this.#strings,
      this.#slow,
    );
    for (let i = 0; i < layout.size.strings; i += 1) this.#strings[i] = '';
    if (!whole) throw this.#damaged('texts and their lengths do not agree');
    if (layout.size.slow) this.#slow.close();
  }

  #layout(descriptor: string): DecoderLayout {
    const known = this.#layouts.get(descriptor);
    if (known !== undefined) return known;
    const layout = parseLayout(descriptor);
    if (layout === undefined) throw this.#damaged('an unknown layout');
    if (this.#layouts.size >= LAYOUTS_KEPT_MAX) this.#layouts.clear();
    const made = { decode: compileDecode(layout), size: layoutSize(layout.kinds) };
    this.#layouts.set(descriptor, made);
    return made;
  }

  #text(): string {
    const [byteCount, encoding] = this.#pair();
    const at = this.#advance(pad8(byteCount));
    return this.#views.u8.toString(encoding === 0 ? 'latin1' : 'utf16le', at, at + byteCount);
  }

  #openSlow(): void {
    const [byteCount] = this.#pair();
    const at = this.#advance(pad8(byteCount));
    this.#slow.open(this.#views.u8.subarray(at, at + byteCount));
  }

  #pair(): readonly [number, number] {
    const at = this.#advance(8) >> 2;
    return [this.#views.i32[at]!, this.#views.i32[at + 1]!];
  }

  #advance(byteCount: number): number {
    const at = this.#position;
    if (!(byteCount >= 0 && byteCount <= this.#end - at)) throw this.#damaged('ends too early');
    this.#position = at + byteCount;
    return at;
  }

  #damaged(problem: string): ReturnType<typeof damagedFrame> {
    return damagedFrame(problem, this.#position - this.#start);
  }
}

/** Arrays grow in steps, so that batches of many sizes share one. */
function roomFor(count: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2(count)));
}
