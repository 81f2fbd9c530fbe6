/**
 * One node's part of a snapshot over a graph with circles, by Chandy and Lamport (1985). A pure machine: envelopes are
 * opaque to it.
 *
 * Between any two nodes, and from and to outside, there is a lane, first in first out. Whoever takes its part puts a
 * marker into each of its lanes out; what a lane carries ahead of its marker was sent before the sender's part.
 *
 *  C1  A node takes its part (`cut`) at the first marker of a checkpoint, from whichever lane, and before it takes
 *      anything behind that marker. It puts its markers out before it sends anything more.
 *  C2  What comes after its part over a lane whose marker is still missing was sent before the sender's part: it is in
 *      flight, and belongs to the channel's state. It is recorded, and handled as ever.
 *  C3  When the markers of all lanes have come, the part is complete: nothing is in flight any more.
 *  C4  A checkpoint that is aborted, or older than one that has begun, changes nothing any more. A newer one takes the
 *      place of one that is not complete.
 */

import { assert } from '../../base/assert.js';
import type { Envelope } from '../node/world.js';

/** What was in flight on one lane, in order. */
export interface RecordedLane {
  readonly from: number;
  readonly envelopes: readonly Envelope[];
}

interface Recording {
  readonly checkpoint: number;
  /** By sender: lanes whose marker is missing. */
  readonly open: Map<number, Envelope[]>;
  readonly done: RecordedLane[];
}

export class Participant {
  readonly #lanes: readonly number[];
  #recording: Recording | undefined;
  /** The newest checkpoint that has begun here, or was aborted. */
  #newest = 0;

  /** @param lanes from whom there is one */
  constructor(lanes: readonly number[]) {
    this.#lanes = lanes;
  }

  /** The checkpoint whose part is taken and not complete, or complete and not fetched by `taken`. */
  get checkpoint(): number | undefined {
    return this.#recording?.checkpoint;
  }

  /** Everything that belongs to the part is there (C3): `taken` gives it. */
  get isComplete(): boolean {
    return this.#recording?.open.size === 0;
  }

  /**
   * A marker has been taken from a lane.
   * @returns `cut`: describe the node now, and put out markers (C1); with one lane only, the part is complete then.
   *   `recording`: others are still missing. `complete`: it was the last one. `ignored`: it means nothing (C4).
   */
  marker(from: number, checkpoint: number): 'cut' | 'recording' | 'complete' | 'ignored' {
    assert(this.#lanes.includes(from), `there is a lane from ${from}`);
    if (checkpoint > this.#newest) {
      this.#newest = checkpoint;
      const others = this.#lanes.filter((lane) => lane !== from);
      const open = new Map(others.map((lane) => [lane, []]));
      this.#recording = { checkpoint, open, done: [] };
      return 'cut';
    }
    const recording = this.#recording;
    const envelopes = recording?.open.get(from);
    if (recording?.checkpoint !== checkpoint || envelopes === undefined) return 'ignored';
    recording.open.delete(from);
    if (envelopes.length > 0) recording.done.push({ from, envelopes });
    return recording.open.size === 0 ? 'complete' : 'recording';
  }

  /** To be called for each envelope that is taken; keeps it if it is in flight (C2). */
  record(from: number, envelope: Envelope): void {
    this.#recording?.open.get(from)?.push(envelope);
  }

  /** What was in flight, lanes in the order of their senders; lanes with nothing are left out. Ends the recording. */
  taken(): { readonly checkpoint: number; readonly channels: readonly RecordedLane[] } {
    const recording = this.#recording;
    assert(recording?.open.size === 0, 'the part is complete');
    this.#recording = undefined;
    const channels = recording.done.sort((a, b) => a.from - b.from);
    return { checkpoint: recording.checkpoint, channels };
  }

  /** The checkpoint was given up, and so was every older one. */
  abort(checkpoint: number): void {
    this.#newest = Math.max(this.#newest, checkpoint);
    if (this.#recording !== undefined && this.#recording.checkpoint <= checkpoint) {
      this.#recording = undefined;
    }
  }
}
