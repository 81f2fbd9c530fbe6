/**
 * Elements as frames outside of a ring: the form in which a checkpoint keeps what is in flight. The frames are those
 * of channels (frame-header.ts). Their epoch and incarnation mean nothing any more. In frames that a producer kept,
 * the sequence is the element's position.
 */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { ByteViews } from './byte-views.js';
import { type Element, NOT_BEHIND } from './element.js';
import { FrameDecoder } from './frame-decoder.js';
import { FrameEncoder } from './frame-encoder.js';
import { WORD_SEQUENCE } from './frame-header.js';

const FRAME_BYTES_MAX = 1024 * 1024;

export class ElementFrames {
  readonly #encoder = new FrameEncoder({
    epoch: 0,
    incarnation: 0,
    frameBytesMax: FRAME_BYTES_MAX,
  });

  /**
   * One frame, or several for a batch of many bytes.
   * @param from the first record of a batch that counts
   * @throws HoldfastError ERR_HOLDFAST_UNTRANSFERABLE_RECORD
   */
  encode(element: Element, from = 0): Uint8Array[] {
    const encoder = this.#encoder;
    if (element.kind !== 'batch') return [new Uint8Array(encoder.control(element))];
    const { records, timestamps, behind, groups, count } = element;
    const frames: Uint8Array[] = [];
    for (let at = from; at < count; at += 1) {
      try {
        const time = timestamps?.[at] ?? Number.NaN;
        const isFull = encoder.add(
          records[at],
          time,
          groups?.[at] ?? 0,
          behind?.[at] ?? NOT_BEHIND,
        );
        if (isFull || at + 1 === count) frames.push(new Uint8Array(encoder.batch()));
      } catch (error) {
        throw isHoldfastError(error, 'ERR_HOLDFAST_UNSUPPORTED_VALUE') ? refusal(error) : error;
      }
    }
    return frames;
  }
}

function refusal(error: HoldfastError): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_UNTRANSFERABLE_RECORD',
    `a record in flight cannot be kept in an unaligned checkpoint: ${error.message} Send records that ` +
      "can travel between threads, or set checkpoint.alignment to 'aligned'.",
    { cause: error, details: error.details },
  );
}

/** Position of the element in its channel. */
export function positionOf(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return frame.length < (WORD_SEQUENCE + 1) * 4 ? 0 : view.getInt32(WORD_SEQUENCE * 4, true);
}

/** Reads frames that were stored. One reader per run of frames, since these share layouts. */
export class StoredFrames {
  readonly #decoder = new FrameDecoder(undefined);

  /**
   * The element of one frame; valid until the next call.
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
   */
  decode(frame: Uint8Array): Element {
    const views = ByteViews.allocate(frame.length);
    views.u8.set(frame);
    try {
      return this.#decoder.decode(views, 0, frame.length)!;
    } catch (error) {
      if (!isHoldfastError(error, 'ERR_HOLDFAST_INTERNAL')) throw error;
      throw new HoldfastError(
        'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
        'the checkpoint holds a record in flight that cannot be read: its bytes are damaged, or were ' +
          'not written by this format. Restore an older checkpoint.',
        { cause: error, details: error.details },
      );
    }
  }
}
