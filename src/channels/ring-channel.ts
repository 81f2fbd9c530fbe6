/**
 * A channel between two threads: batches are encoded into frames, frames go through a ring.
 *
 *  C1  Everything leaves in the order of the calls: what waits for room is handed over before
 *      anything newer.
 *  C2  A frame that does not fit waits here. When a second one waits, the output is `blocked` and the gate is
 *      closed. So at most the ring, two batches and what one record still emits are in flight.
 *  C3  While anything waits, the ring knows it, and the consumer wakes this thread (ring.ts, R3).
 *  C4  After a record was refused the output is broken, and says so again at every call: what
 *      follows must not pass for a complete stream.
 *  C5  An urgent announcement says where the first frame begins that waits here, and gives copies of
 *      the frames that wait ahead of the barrier. All frames before them are whole in the ring, where the consumer
 *      copies them. So exactly one of the two has each frame ahead of the barrier.
 *
 * A record is taken apart when it is pushed, so a later change of the object does not reach the consumer.
 */

import { assert } from '../base/assert.js';
import { HoldfastError } from '../base/errors.js';
import { checkValue } from '../codec/value-codec.js';
import type { ControlBlock } from '../threads/control-block.js';
import { ringDoorbell } from '../threads/doorbell.js';
import type {
  Announcement,
  ControlElement,
  Element,
  Gate,
  InputChannel,
  OutputChannel,
} from './element.js';
import { FrameDecoder } from './frame-decoder.js';
import { FrameEncoder } from './frame-encoder.js';
import { damagedFrame } from './frame-slow.js';
import { type RecordKeeper, type RecordsMode, recordKeeper } from './record-keeper.js';
import { RingReader, RingWriter } from './ring.js';
import { untransferable } from './untransferable.js';

export interface RingOutputOptions {
  /** Made by `createRing`; one ring for one output and one input. */
  readonly ring: SharedArrayBuffer;
  /** The control block of the consuming thread, for its doorbell. */
  readonly block: ControlBlock;
  /** The gate of the producing task. */
  readonly gate: Gate;
  readonly epoch: number;
  readonly incarnation: number;
  /** 'frozen': records are frozen on both sides, as in a channel within a thread. */
  readonly records?: RecordsMode | undefined;
  /** Records are copies that hold nothing which does not travel: none is looked at for that. */
  readonly areCopies?: boolean | undefined;
  /** Longest batch; 1 024 when absent. */
  readonly batchRecordsMax?: number | undefined;
  /** Batches have about so many bytes; a quarter of the ring, at most 256 KiB, when absent. */
  readonly batchBytesMax?: number | undefined;
  /** Shapes of records that get a compiled form; 64 when absent. */
  readonly layoutsMax?: number | undefined;
  /** Records of a shape that must have been seen before it gets one; 8 when absent. */
  readonly sightingsMin?: number | undefined;
}

const BATCH_BYTES_MAX = 256 * 1_024;
const BATCH_BYTES_MIN = 4_096;

/** A frame that waits for room. */
interface Waiting {
  /** The whole frame, even if a part of it has been handed over (C5). */
  readonly bytes: Uint8Array;
  readonly sequence: number;
  from: number;
}

export class RingOutput implements OutputChannel {
  readonly #ring: RingWriter;
  readonly #consumer: ControlBlock;
  readonly #gate: Gate;
  readonly #encoder: FrameEncoder;
  /** Freezes what was pushed, if the mode says so. */
  readonly #keeper: RecordKeeper | undefined;
  readonly #waiting: Waiting[] = [];
  /** Records of all batches before the open one. */
  #pushedBefore = 0;
  #broken: HoldfastError | undefined;
  /** Sequence of the last barrier. */
  #barrierSequence: number | undefined;

  constructor(options: RingOutputOptions) {
    this.#ring = new RingWriter(options.ring);
    this.#consumer = options.block;
    this.#gate = options.gate;
    this.#keeper = options.records === 'frozen' ? recordKeeper('frozen') : undefined;
    const { batchRecordsMax } = options;
    assert(batchRecordsMax === undefined || batchRecordsMax >= 1, 'batchRecordsMax is at least 1');
    this.#encoder = new FrameEncoder({
      epoch: options.epoch,
      incarnation: options.incarnation,
      batchRecordsMax,
      frameBytesMax:
        options.batchBytesMax ??
        Math.max(BATCH_BYTES_MIN, Math.min(BATCH_BYTES_MAX, this.#ring.capacityBytes / 4)),
      layoutsMax: options.layoutsMax,
      sightingsMin: options.sightingsMin,
      check: options.areCopies === true ? undefined : (record) => checkValue(record, 'record'),
    });
  }

  push(record: unknown, timestamp: number, group: number, behind: number): void {
    if (this.#broken !== undefined) throw this.#broken;
    let isFull = false;
    try {
      if (this.#keeper !== undefined) this.#keeper.keep(record);
      isFull = this.#encoder.add(record, timestamp, group, behind);
    } catch (error) {
      throw this.#refuse(error);
    }
    if (isFull) this.#publish();
  }

  control(element: ControlElement): void {
    this.#publish();
    if (element.kind === 'barrier') this.#barrierSequence = this.#encoder.sequence;
    this.#send(this.#encoder.control(element));
  }

  flush(): void {
    this.#publish();
  }

  pump(): boolean {
    if (this.#waiting.length === 0) return false;
    let moved = this.#drain();
    if (this.#waiting.length > 0) {
      this.#ring.awaitRoom();
      if (this.#drain()) moved = true;
    }
    if (moved) ringDoorbell(this.#consumer);
    return moved;
  }

  get blocked(): boolean {
    return this.#waiting.length > 1;
  }

  get pending(): boolean {
    return this.#encoder.count > 0 || this.#waiting.length > 0;
  }

  get barrierWaits(): boolean {
    const first = this.#waiting[0];
    return first !== undefined && this.#isUpToBarrier(first);
  }

  announce(checkpoint: number, urgent: boolean): readonly Uint8Array[] {
    const barrier = this.#barrierSequence;
    assert(barrier !== undefined, 'what is announced has been sent');
    assert(urgent || !this.barrierWaits, 'a barrier that waits is announced as urgent');
    const overtaken = this.#waiting.filter(
      (frame) => frame.sequence !== barrier && this.#isUpToBarrier(frame),
    );
    const position = overtaken[0]?.sequence ?? barrier;
    this.#ring.announcement.write({ checkpoint, position, urgent });
    ringDoorbell(this.#consumer);
    return overtaken.map(({ bytes }) => bytes);
  }

  /** Sequence of the next frame, from 0. */
  get sequence(): number {
    return this.#encoder.sequence;
  }

  #isUpToBarrier({ sequence }: Waiting): boolean {
    return this.#barrierSequence !== undefined && ((sequence - this.#barrierSequence) | 0) <= 0;
  }

  #publish(): void {
    if (this.#broken !== undefined) throw this.#broken;
    const { count } = this.#encoder;
    if (count === 0) return;
    this.#pushedBefore += count;
    this.#send(this.#encoder.batch());
  }

  /** C4 */
  #refuse(error: unknown): unknown {
    const refused = untransferable(error, this.#pushedBefore + this.#encoder.count);
    if (refused instanceof HoldfastError) this.#broken = refused;
    return refused;
  }

  /** C1, C2 */
  #send(frame: Uint8Array): void {
    if (this.#waiting.length === 0) {
      const sent = this.#ring.write(frame, 0);
      if (sent > 0) ringDoorbell(this.#consumer);
      if (sent === frame.length) return;
      this.#wait(frame, sent);
      return;
    }
    this.#wait(frame, 0);
  }

  #wait(frame: Uint8Array, from: number): void {
    const sequence = (this.#encoder.sequence - 1) | 0;
    // A copy, since the encoder writes its next frame to the same place. (A Buffer's `slice` is no copy.)
    this.#waiting.push({ bytes: new Uint8Array(frame), sequence, from });
    this.pump();
    if (this.blocked) this.#gate.closed = true;
  }

  #drain(): boolean {
    let moved = false;
    let frame = this.#waiting[0];
    while (frame !== undefined) {
      const sent = this.#ring.write(frame.bytes, frame.from);
      if (sent > frame.from) moved = true;
      frame.from = sent;
      if (sent < frame.bytes.length) break;
      this.#waiting.shift();
      frame = this.#waiting[0];
    }
    return moved;
  }
}

export interface RingInputOptions {
  readonly ring: SharedArrayBuffer;
  /** The control block of the producing thread, for its doorbell when it waits for room. */
  readonly block: ControlBlock;
  /** Frames of other epochs are dropped. */
  readonly epoch: number;
  /** See RingOutputOptions. */
  readonly records?: RecordsMode | undefined;
}

export class RingInput implements InputChannel {
  readonly #ring: RingReader;
  readonly #decoder: FrameDecoder;
  readonly #keeper: RecordKeeper | undefined;

  constructor(options: RingInputOptions) {
    this.#keeper = options.records === 'frozen' ? recordKeeper('frozen') : undefined;
    this.#ring = new RingReader(options.ring, options.block);
    this.#decoder = new FrameDecoder(options.epoch);
  }

  take(): Element | undefined {
    for (;;) {
      const place = this.#ring.next();
      if (place === undefined) return undefined;
      const element = this.#decoder.decode(place.views, place.offset, place.length);
      this.#ring.release();
      if (element === undefined) continue;
      return this.#keeper === undefined ? element : frozenElement(element, this.#keeper);
    }
  }

  get ready(): boolean {
    return this.#ring.ready;
  }

  get position(): number {
    return this.#decoder.sequence;
  }

  get announced(): Announcement | undefined {
    return this.#ring.announcement.read();
  }

  peek(position: number): readonly Uint8Array[] {
    const count = (position - this.#decoder.sequence) | 0;
    if (count <= 0) return [];
    const frames = this.#ring.peek(count);
    if (frames.length < count) throw damagedFrame(`${frames.length} of ${count} are there`, 0);
    return frames;
  }

  /** Sequence of the next frame to come, from 0. */
  get sequence(): number {
    return this.#decoder.sequence;
  }
}

function frozenElement(element: Element, keeper: RecordKeeper): Element {
  if (element.kind !== 'batch') return element;
  const records = element.records.slice(0, element.count).map((record) => keeper.keep(record));
  return { ...element, records };
}
