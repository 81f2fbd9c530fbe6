/**
 * Decides, for one task, when its part of a snapshot is due: asynchronous barrier snapshotting
 * (Carbone et al. 2015) for the inputs of an acyclic dataflow. A pure machine.
 *
 * Each input delivers records and barriers in order. In exactly-once mode an input that has delivered
 * the barrier is held until all others have; in at-least-once mode none is ever held.
 *
 *  L1  `snapshot n` is commanded when the barrier of *n* has come on every input, once per id; the ids of
 *      snapshots strictly increase (I4).
 *  L2  exactly-once: an input that has delivered barrier *n* is held from then until `snapshot n`, an
 *      abort of *n*, or a newer barrier (I5). So nothing behind the barrier is processed before the
 *      part is captured.
 *  L3  Whenever the checkpoint that holds inputs ends, in whichever way, `unblock-all` follows (I8). At most one
 *      checkpoint holds inputs, and after its end none does.
 *  L4  An id is dead unless it is above every id that was snapshotted, aborted or superseded. A dead id's
 *      barriers do nothing, also when they come after its abort.
 *  L5  `overtaken` says that the part of *n* is taken now, whatever barriers are missing (an unaligned
 *      checkpoint: channel-recorder.ts keeps what they stand behind). It commands `snapshot n`, as the last
 *      barrier would have. So L1's once and L3 hold, and the missing barriers are dead when they come.
 *
 * Every input delivers the barriers of checkpoints in flight in the order of ids, and an input that is held
 * delivers none. So a newer barrier that comes while an older checkpoint is being aligned tells that its producer
 * knows the older one as given up: nobody needs to wait for the older one's missing barriers. (In
 * at-least-once mode no input is held; there one checkpoint is in flight at a time.)
 * Ended inputs need no case of their own: they go on delivering barriers until the job ends.
 */

import { assert } from '../base/assert.js';

export type AlignerMode = 'exactly-once' | 'at-least-once';

export type AlignerEvent =
  | { readonly kind: 'barrier'; readonly input: number; readonly checkpoint: number }
  /** The task no longer waits for the barriers that are missing. */
  | { readonly kind: 'overtaken'; readonly checkpoint: number }
  | { readonly kind: 'abort'; readonly checkpoint: number };

export type AlignerCommand =
  /** Take nothing from this input until `unblock-all`. */
  | { readonly kind: 'block'; readonly input: number }
  | { readonly kind: 'unblock-all' }
  /** Forward the barrier on all outputs, capture, then go on. */
  | { readonly kind: 'snapshot'; readonly checkpoint: number };

export interface AlignerOptions {
  /** Number of inputs, at least 1; events name them 0…inputs−1. */
  readonly inputs: number;
  readonly mode: AlignerMode;
}

const NOTHING: readonly AlignerCommand[] = Object.freeze([]);
const UNBLOCK: AlignerCommand = Object.freeze({ kind: 'unblock-all' });

export class Aligner {
  readonly #inputs: number;
  readonly #holds: boolean;
  readonly #arrived: Uint8Array;
  /** Inputs that have delivered the barrier of `#pending`. */
  #arrivedCount = 0;
  /** The checkpoint being aligned; 0 for none. */
  #pending = 0;
  /** Ids up to here are dead (L4). */
  #dead = 0;

  constructor(options: AlignerOptions) {
    assert(Number.isInteger(options.inputs) && options.inputs >= 1, 'an aligner has inputs');
    this.#inputs = options.inputs;
    this.#holds = options.mode === 'exactly-once';
    this.#arrived = new Uint8Array(options.inputs);
  }

  /** The checkpoint whose barriers have come on some inputs but not on all; undefined for none. */
  get aligning(): number | undefined {
    return this.#pending === 0 ? undefined : this.#pending;
  }

  /** @returns what follows from `event`, to be performed in order before anything else is taken from an input */
  handle(event: AlignerEvent): readonly AlignerCommand[] {
    switch (event.kind) {
      case 'barrier':
        return this.#barrier(event.input, event.checkpoint);
      case 'overtaken':
        return this.#overtaken(event.checkpoint);
      case 'abort':
        return this.#abort(event.checkpoint);
    }
  }

  /** Has the input delivered this barrier, and is the checkpoint still being aligned? */
  hasDelivered(input: number, checkpoint: number): boolean {
    return this.#pending === checkpoint && this.#arrived[input] === 1;
  }

  #barrier(input: number, checkpoint: number): readonly AlignerCommand[] {
    assert(input >= 0 && input < this.#inputs, `input ${input} of ${this.#inputs}`);
    if (checkpoint <= this.#dead || checkpoint < this.#pending) return NOTHING;
    const commands: AlignerCommand[] = [];
    if (checkpoint > this.#pending) {
      this.#end(commands);
      this.#pending = checkpoint;
    }
    if (this.#arrived[input] === 1) return NOTHING;
    this.#arrived[input] = 1;
    this.#arrivedCount += 1;
    if (this.#arrivedCount < this.#inputs) {
      if (this.#holds) commands.push({ kind: 'block', input });
      return commands;
    }
    // The order is load-bearing: captured first, only then may held inputs be read again (L2).
    commands.push({ kind: 'snapshot', checkpoint });
    this.#arrivedCount -= 1; // the last one was never held
    this.#end(commands);
    return commands;
  }

  #overtaken(checkpoint: number): readonly AlignerCommand[] {
    if (checkpoint <= this.#dead || checkpoint < this.#pending) return NOTHING;
    const commands: AlignerCommand[] = [];
    // An older checkpoint is given up. Inputs held for this one are let go behind the snapshot (L2).
    if (checkpoint > this.#pending) this.#end(commands);
    commands.push({ kind: 'snapshot', checkpoint });
    this.#end(commands);
    this.#dead = checkpoint;
    return commands;
  }

  #abort(checkpoint: number): readonly AlignerCommand[] {
    if (checkpoint < this.#pending) {
      // The barrier is of an older checkpoint, which a newer barrier has ended already.
      return NOTHING;
    }
    const commands: AlignerCommand[] = [];
    this.#end(commands);
    this.#dead = Math.max(this.#dead, checkpoint);
    return commands.length === 0 ? NOTHING : commands;
  }

  /** Ends the pending checkpoint, if there is one (L3). */
  #end(commands: AlignerCommand[]): void {
    if (this.#pending === 0) return;
    if (this.#holds && this.#arrivedCount > 0) commands.push(UNBLOCK);
    this.#dead = Math.max(this.#dead, this.#pending);
    this.#pending = 0;
    this.#arrivedCount = 0;
    this.#arrived.fill(0);
  }
}
