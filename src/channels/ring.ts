/**
 * A ring of bytes in shared memory: one producer, one consumer, each on a thread of its own.
 *
 *      | head |  …  | tail |  …  | waiting, announcement |  …  | data: capacity bytes |
 *      0            64            128                           192
 *
 * `head` counts the bytes ever written and `tail` the bytes ever freed, both modulo 2³²; what lies
 * between them is in the ring. Each has a cache line of its own, or every write on one side would
 * take the line from the other.
 *
 * Bytes travel in chunks: a header of 8 bytes (byte count, 1 when the frame ends here) and the
 * bytes, padded to 8. A frame that fits is one chunk; a longer one is divided into several, so that a
 * frame may be longer than the ring.
 *
 *  R1  The producer publishes `head` after the bytes, the consumer publishes `tail` after it has
 *      decoded them; both with sequentially consistent stores.
 *  R2  Capacity is a power of two and chunks begin at multiples of 8: a header never wraps, and typed
 *      arrays can look at a frame where it lies. Only a chunk's bytes may wrap; they are copied then.
 *  R3  The producer says "waiting" before it looks for room once more, and the consumer frees before it looks
 *      whether somebody waits: no wake-up is lost. The consumer rings only once half of the ring is free, and
 *      the producer divides a frame only to fill a quarter or more. Without this the two would take turns at every
 *      chunk.
 */

import { HoldfastError } from '../base/errors.js';
import type { ControlBlock } from '../threads/control-block.js';
import { ringDoorbell } from '../threads/doorbell.js';
import { ANNOUNCEMENT_WORDS, AnnouncementCell } from './announcement.js';
import { ByteViews } from './byte-views.js';

const HEAD = 0;
const TAIL = 16;
const WAITING = 32;
const ANNOUNCEMENT = 36;
const HEADER_BYTES = 192;
/** From so many bytes on, a call into Node pays. */
const FILLED_BYTES = 8_192;
const CHUNK_HEADER_BYTES = 8;

export const RING_CAPACITY_BYTES_MIN = 64;
export const RING_CAPACITY_BYTES_MAX = 2 ** 30;

/** All rings between the threads of one shuffle, or of one system of actors, have about this size at most. */
const RINGS_BYTES_MAX = 64 * 1024 * 1024;
const RING_SHARE_BYTES_MIN = 16 * 1024;

/** @returns what a ring gets of `wantedBytes`, if there is one from each of so many threads to each other */
export function ringCapacity(wantedBytes: number, threads: number): number {
  const pairs = Math.max(1, threads * (threads - 1));
  const share = Math.max(RING_SHARE_BYTES_MIN, Math.floor(RINGS_BYTES_MAX / pairs));
  return Math.min(wantedBytes, share);
}

/** Shared memory for a ring of `capacityBytes`, rounded up to a power of two (64 B … 1 GiB). */
export function createRing(capacityBytes: number): SharedArrayBuffer {
  if (!(capacityBytes >= 1 && capacityBytes <= RING_CAPACITY_BYTES_MAX)) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `channel.capacityBytes is ${capacityBytes}; allowed are 1 to ${RING_CAPACITY_BYTES_MAX} bytes.`,
      { details: { capacityBytes, limit: RING_CAPACITY_BYTES_MAX } },
    );
  }
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(RING_CAPACITY_BYTES_MIN, capacityBytes)));
  return new SharedArrayBuffer(HEADER_BYTES + capacity);
}

/** What both ends see. */
class RingEnd {
  readonly capacityBytes: number;
  protected readonly words: Int32Array;
  protected readonly data: Buffer;
  protected readonly mask: number;
  /** Written by the producer, read by the consumer. */
  readonly announcement: AnnouncementCell;

  constructor(shared: SharedArrayBuffer) {
    this.capacityBytes = shared.byteLength - HEADER_BYTES;
    this.mask = this.capacityBytes - 1;
    if (this.capacityBytes < RING_CAPACITY_BYTES_MIN || (this.capacityBytes & this.mask) !== 0) {
      throw new HoldfastError(
        'ERR_HOLDFAST_INTERNAL',
        `a ring over ${shared.byteLength} bytes: make its memory with createRing.`,
      );
    }
    this.words = new Int32Array(shared, 0, HEADER_BYTES / 4);
    this.data = Buffer.from(shared, HEADER_BYTES);
    this.announcement = new AnnouncementCell(
      this.words.subarray(ANNOUNCEMENT, ANNOUNCEMENT + ANNOUNCEMENT_WORDS),
    );
  }

  protected get usedBytes(): number {
    return (Atomics.load(this.words, HEAD) - Atomics.load(this.words, TAIL)) >>> 0;
  }
}

/** The producing end. */
export class RingWriter extends RingEnd {
  readonly #headers: Int32Array;
  #head: number;

  constructor(shared: SharedArrayBuffer) {
    super(shared);
    this.#headers = new Int32Array(shared, HEADER_BYTES);
    this.#head = Atomics.load(this.words, HEAD);
  }

  /**
   * Writes as much of `frame`, from byte `from` on, as there is room for and as is worth a chunk.
   * Returns where the rest begins (`frame.length` when all is written, `from` when nothing).
   */
  write(frame: Uint8Array, from: number): number {
    let at = from;
    while (at < frame.length) {
      const free = this.capacityBytes - this.usedBytes - CHUNK_HEADER_BYTES;
      const rest = frame.length - at;
      // All that is left, or (R3) at least a quarter of the ring.
      if (free < rest && free < this.capacityBytes / 4 - CHUNK_HEADER_BYTES) break;
      const byteCount = Math.min(rest, free & ~7);
      this.#chunk(frame, at, byteCount, byteCount === rest);
      at += byteCount;
    }
    return at;
  }

  /** Asks to be woken when there is room. The caller tries to write once more afterwards (R3). */
  awaitRoom(): void {
    Atomics.store(this.words, WAITING, 1);
  }

  #chunk(frame: Uint8Array, from: number, byteCount: number, last: boolean): void {
    const head = this.#head;
    const position = head & this.mask;
    this.#headers[position >> 2] = byteCount;
    this.#headers[(position >> 2) + 1] = last ? 1 : 0;
    const start = (position + CHUNK_HEADER_BYTES) & this.mask;
    const untilEnd = this.capacityBytes - start;
    if (byteCount <= untilEnd) {
      this.#copy(frame, from, from + byteCount, start);
    } else {
      this.#copy(frame, from, from + untilEnd, start);
      this.#copy(frame, from + untilEnd, from + byteCount, 0);
    }
    this.#head = (head + CHUNK_HEADER_BYTES + padded(byteCount)) | 0;
    Atomics.store(this.words, HEAD, this.#head);
  }

  /**
   * V8's `set` copies into shared memory word by word, for readers that look on meanwhile. Here nobody does before
   * the head is stored. Node's `fill`, with as many bytes as there is room, is one memcpy and takes half the time.
   */
  #copy(frame: Uint8Array, from: number, to: number, start: number): void {
    const bytes = frame.subarray(from, to);
    if (bytes.length < FILLED_BYTES) this.data.set(bytes, start);
    else this.data.fill(bytes, start, start + bytes.length);
  }
}

/** A frame where it can be read: bytes `offset`…`offset + length` of `views`; `offset` is a multiple of 8. */
export interface FramePlace {
  views: ByteViews;
  offset: number;
  length: number;
}

/** The consuming end. */
export class RingReader extends RingEnd {
  readonly #views: ByteViews;
  readonly #producer: ControlBlock | undefined;
  /** Memory for frames that wrap, and for frames in several chunks. */
  #scratch: ByteViews | undefined;
  #gathered = 0;
  /** One giant record must not hold its memory for ever. */
  readonly #scratchKeptBytes: number;
  #tail: number;
  readonly #place: FramePlace;

  /** @param producer its doorbell is rung when it waits for room */
  constructor(shared: SharedArrayBuffer, producer: ControlBlock | undefined) {
    super(shared);
    this.#views = new ByteViews(shared, HEADER_BYTES, this.capacityBytes);
    this.#producer = producer;
    this.#scratchKeptBytes = Math.max(this.capacityBytes, 1 << 20);
    this.#tail = Atomics.load(this.words, TAIL);
    this.#place = { views: this.#views, offset: 0, length: 0 };
  }

  /** Is there something to read, if only a part of a frame? */
  get ready(): boolean {
    return Atomics.load(this.words, HEAD) !== this.#tail;
  }

  /**
   * The next whole frame, or undefined. It stays valid until `release`, which must follow before the
   * next call.
   */
  next(): FramePlace | undefined {
    while (this.ready) {
      const position = this.#tail & this.mask;
      const byteCount = this.#views.i32[position >> 2]!;
      const last = this.#views.i32[(position >> 2) + 1] === 1;
      const start = (position + CHUNK_HEADER_BYTES) & this.mask;
      const chunkBytes = CHUNK_HEADER_BYTES + padded(byteCount);
      if (byteCount <= 0 || chunkBytes > this.usedBytes) {
        throw new HoldfastError(
          'ERR_HOLDFAST_INTERNAL',
          `a chunk of ${byteCount} bytes in a ring that holds ${this.usedBytes}. Please report this.`,
        );
      }
      const place = this.#place;
      if (last && this.#gathered === 0 && start + byteCount <= this.capacityBytes) {
        place.views = this.#views;
        place.offset = start;
        place.length = byteCount;
        this.#tail = (this.#tail + chunkBytes) | 0;
        return place;
      }
      this.#gather(start, byteCount);
      this.#tail = (this.#tail + chunkBytes) | 0;
      if (last) {
        place.views = this.#scratch!;
        place.offset = 0;
        place.length = this.#gathered;
        this.#gathered = 0;
        return place;
      }
      this.release();
    }
    return undefined;
  }

  /**
   * Copies of the next `count` whole frames, fewer when fewer are there. Takes nothing, not even from a frame that
   * `next` has gathered half of. Not to be called between `next` and `release`.
   */
  peek(count: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const head = Atomics.load(this.words, HEAD);
    let pieces: Uint8Array[] =
      this.#gathered === 0 ? [] : [this.#scratch!.u8.slice(0, this.#gathered)];
    for (let at = this.#tail; at !== head && frames.length < count; ) {
      const position = at & this.mask;
      const byteCount = this.#views.i32[position >> 2]!;
      const last = this.#views.i32[(position >> 2) + 1] === 1;
      const start = (position + CHUNK_HEADER_BYTES) & this.mask;
      const untilEnd = Math.min(byteCount, this.capacityBytes - start);
      pieces.push(this.#views.u8.subarray(start, start + untilEnd));
      pieces.push(this.#views.u8.subarray(0, byteCount - untilEnd));
      at = (at + CHUNK_HEADER_BYTES + padded(byteCount)) | 0;
      if (!last) continue;
      frames.push(new Uint8Array(Buffer.concat(pieces)));
      pieces = [];
    }
    return frames;
  }

  /** Frees what `next` gave out. Wakes the producer if it waits and there is room enough (R3). */
  release(): void {
    if (this.#gathered === 0 && (this.#scratch?.u8.length ?? 0) > this.#scratchKeptBytes) {
      this.#scratch = undefined;
    }
    Atomics.store(this.words, TAIL, this.#tail);
    if (Atomics.load(this.words, WAITING) === 0) return;
    if (this.usedBytes > this.capacityBytes / 2) return;
    Atomics.store(this.words, WAITING, 0);
    if (this.#producer !== undefined) ringDoorbell(this.#producer);
  }

  #gather(start: number, byteCount: number): void {
    const needed = this.#gathered + byteCount;
    let scratch = this.#scratch;
    if (scratch === undefined || scratch.u8.length < needed) {
      const grown = ByteViews.allocate(Math.max(needed, (scratch?.u8.length ?? 0) * 2, 1_024));
      if (scratch !== undefined) grown.u8.set(scratch.u8.subarray(0, this.#gathered));
      scratch = grown;
      this.#scratch = grown;
    }
    const untilEnd = Math.min(byteCount, this.capacityBytes - start);
    scratch.u8.set(this.data.subarray(start, start + untilEnd), this.#gathered);
    if (untilEnd < byteCount) {
      scratch.u8.set(this.data.subarray(0, byteCount - untilEnd), this.#gathered + untilEnd);
    }
    this.#gathered = needed;
  }
}

function padded(byteCount: number): number {
  return (byteCount + 7) & ~7;
}
