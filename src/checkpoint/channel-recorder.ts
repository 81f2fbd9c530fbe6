/**
 * What is in flight when a task takes its part of an unaligned checkpoint: the recording half of
 * Chandy and Lamport's snapshot (1985), for one task. A pure machine; frames are opaque bytes.
 *
 * In an aligned checkpoint a barrier waits behind the records that were sent before it, and under
 * back-pressure these do not move. In an unaligned one the barrier is *announced* ahead of them, and
 * the task takes its part at once. What the barrier has overtaken is then neither in the producer's
 * state (it has been sent) nor in the consumer's (it has not been processed): it is channel state.
 *
 *      producer ─▶ [ waits for room: s … b−1 │ barrier b ] ─▶ ring: [ c … s−1 ] ─▶ consumer
 *
 * Let *c* be the position of the consumer's next element when it takes its part, *s* the position of the first
 * element that waits at the producer when it announces, and *b* the barrier's position. The life of a recording:
 *
 *      the task takes its part
 *        ├─ b was delivered before ────▶ nothing to record (U4)
 *        ▼ b is missing
 *      open
 *        ├─ an element is taken ───────▶ it is recorded, then processed; still open (U3)
 *        ├─ s is announced ────────────▶ what lies before s in the ring is copied; closed (U2)
 *        ├─ b is taken ────────────────▶ all before it is recorded; closed (U3)
 *        └─ the checkpoint is given up ▶ forgotten
 *
 *  U1  A channel's state is c … b−1, and each element of it is kept once (I2, I3). The producer keeps
 *      s … b−1 with its own part, because they are in its memory; the consumer keeps c … s−1. The
 *      consumer may have taken elements from s on before its own part. Then c lies behind s: the consumer keeps
 *      no element, but its part says c, and a restore skips what the producer kept before c. Of a
 *      half-processed batch the consumer keeps the records that are left.
 *  U2  Everything before s is in the ring when s is announced. So the consumer copies c … s−1 where
 *      they lie, and its recording of that channel is complete, whether it goes on consuming or not:
 *      it waits for nothing that is blocked (I9).
 *  U3  A consumer may take its part before this channel's producer does. Then it records each element that it
 *      takes from c on, before it processes it, until s is announced or barrier b is taken (s = b).
 *      Elements from s on are published only after s was announced. So the consumer looks at the
 *      announcement behind each element that it takes, and its recording never goes beyond s.
 *  U4  An input that had delivered its barrier before the part was taken has no channel state: it was
 *      held from then on (aligner.ts, L2), and nothing behind a barrier is ever recorded.
 *  U5  The part is complete when the recordings of all channels are, and the announcements of the
 *      task's own barrier are out. The task acknowledges nothing before that.
 *  U6  A recording holds at most `bytesMax` bytes and one element more. When it is full, the inputs that are
 *      still recorded are held until their producers announce. A producer that this blocks does announce.
 *  U7  On restore a consumer gets, per channel, its own recording, then the producer's: the order
 *      in which they were sent (I4). It processes all of it before anything new.
 *
 * The recorded cut is consistent (I1): what a task processes before its part was sent before its producer's
 * part. For the barrier stands between the two, and a task passes it only by taking its part.
 */

import { assert } from '../base/assert.js';

export interface RecorderOptions {
  readonly inputs: number;
  /** See U6. */
  readonly bytesMax: number;
}

/** A recording under way. */
interface Recording {
  readonly checkpoint: number;
  /** By input. */
  readonly frames: Uint8Array[][];
  readonly open: boolean[];
  openCount: number;
  bytes: number;
}

export class ChannelRecorder {
  readonly #options: RecorderOptions;
  #recording: Recording | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The checkpoint that is recorded for; undefined for none. */
  get checkpoint(): number | undefined {
    return this.#recording?.checkpoint;
  }

  /** All channels are recorded (U5). */
  get complete(): boolean {
    return this.#recording?.openCount === 0;
  }

  /** The recording holds as much as it may: inputs that are still recorded are held (U6). */
  get full(): boolean {
    return (this.#recording?.bytes ?? 0) >= this.#options.bytesMax;
  }

  /**
   * The task takes its part now. A recording for an older checkpoint is forgotten.
   * @param open by input: the input has not delivered its barrier (U4)
   * @param frames by input: what had been taken from it and not been processed
   */
  begin(
    checkpoint: number,
    open: readonly boolean[],
    frames: readonly (readonly Uint8Array[])[],
  ): void {
    assert(open.length === this.#options.inputs, 'every input is open or not');
    const recording: Recording = {
      checkpoint,
      frames: frames.map((list) => [...list]),
      open: [...open],
      openCount: open.filter(Boolean).length,
      bytes: 0,
    };
    for (const list of frames) for (const { length } of list) recording.bytes += length;
    this.#recording = recording;
  }

  /** Is what comes from this input channel state, and so recorded (U3)? */
  records(input: number): boolean {
    return this.#recording?.open[input] === true;
  }

  /** The next elements of a channel that is recorded, in order. */
  add(input: number, frames: readonly Uint8Array[]): void {
    const recording = this.#recording;
    assert(recording?.open[input] === true, `input ${input} is recorded`);
    for (const frame of frames) {
      recording.frames[input]!.push(frame);
      recording.bytes += frame.length;
    }
  }

  /** Nothing more of this input belongs to the checkpoint. */
  close(input: number): void {
    const recording = this.#recording;
    if (recording?.open[input] !== true) return;
    recording.open[input] = false;
    recording.openCount -= 1;
  }

  /** What was recorded, by input. Ends the recording, which has to be complete. */
  take(): readonly (readonly Uint8Array[])[] {
    const recording = this.#recording;
    assert(recording?.openCount === 0, 'the recording is complete');
    this.#recording = undefined;
    return recording.frames;
  }

  /** The checkpoint was given up. */
  abort(checkpoint: number): void {
    if (this.#recording !== undefined && this.#recording.checkpoint <= checkpoint) {
      this.#recording = undefined;
    }
  }
}
