/**
 * The inputs of a task: which channel is read next, what time it is, and when a snapshot is due.
 *
 *  P1  Channels are read round robin, a batch at a time; held ones (alignment) are left alone.
 *  P2  The task's watermark is the least of the watermarks of the inputs that have not ended, and never goes
 *      back (I23): not when an input ends, and not after a restore, which begins with the last one.
 */

import { Aligner, type AlignerCommand, type AlignerMode } from '../checkpoint/aligner.js';
import type { Element, InputChannel } from '../threads/element.js';

/** All barriers of a checkpoint have come. */
export interface AlignedSnapshot {
  readonly checkpoint: number;
  /** From the first barrier to the last. */
  readonly alignMs: number;
}

interface Input {
  readonly channel: InputChannel;
  watermarkMs: number;
  ended: boolean;
  held: boolean;
}

export class TaskInputs {
  readonly #inputs: readonly Input[];
  readonly #aligner: Aligner | undefined;
  #next = 0;
  /** Which input the element taken last came from. */
  #current = 0;
  #alignedSinceMs = 0;
  /** Greatest checkpoint whose barrier has come. */
  #newest = 0;

  constructor(channels: readonly InputChannel[], mode: AlignerMode) {
    this.#inputs = channels.map((channel) => ({
      channel,
      watermarkMs: Number.NEGATIVE_INFINITY,
      ended: false,
      held: false,
    }));
    this.#aligner =
      channels.length === 0 ? undefined : new Aligner({ inputs: channels.length, mode });
  }

  /** Anything to take? */
  get ready(): boolean {
    return this.#inputs.some((input) => !input.held && input.channel.ready);
  }

  /** Some are left alone until the others have come as far. */
  get holding(): boolean {
    return this.#inputs.some((input) => input.held);
  }

  get allEnded(): boolean {
    return this.#inputs.every((input) => input.ended);
  }

  /** Least watermark of the inputs that go on; +Infinity when none does. */
  get watermarkMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const input of this.#inputs) {
      if (!input.ended && input.watermarkMs < least) least = input.watermarkMs;
    }
    return least;
  }

  /** The next element, of whichever input has one. */
  take(): Element | undefined {
    const inputs = this.#inputs;
    for (let i = 0; i < inputs.length; i += 1) {
      const at = (this.#next + i) % inputs.length;
      const input = inputs[at]!;
      if (input.held) continue;
      const element = input.channel.take();
      if (element === undefined) continue;
      this.#current = at;
      this.#next = at + 1;
      return element;
    }
    return undefined;
  }

  /** A watermark was taken. */
  advance(timeMs: number): void {
    const input = this.#inputs[this.#current]!;
    if (timeMs > input.watermarkMs) input.watermarkMs = timeMs;
  }

  /** An end was taken. */
  end(): void {
    this.#inputs[this.#current]!.ended = true;
  }

  /** A barrier was taken. @returns the snapshot that is due now, if one is */
  barrier(checkpoint: number, now: number): AlignedSnapshot | undefined {
    if (checkpoint > this.#newest) {
      this.#newest = checkpoint;
      this.#alignedSinceMs = now;
    }
    const commands = this.#aligner!.handle({ kind: 'barrier', input: this.#current, checkpoint });
    return this.#perform(commands)
      ? { checkpoint, alignMs: now - this.#alignedSinceMs }
      : undefined;
  }

  abort(checkpoint: number): void {
    if (this.#aligner !== undefined)
      this.#perform(this.#aligner.handle({ kind: 'abort', checkpoint }));
  }

  /** Holding back at once is safe before the snapshot too: nothing is taken in between. */
  #perform(commands: readonly AlignerCommand[]): boolean {
    let due = false;
    for (const command of commands) {
      switch (command.kind) {
        case 'block':
          this.#inputs[command.input]!.held = true;
          break;
        case 'unblock-all':
          for (const input of this.#inputs) input.held = false;
          break;
        case 'snapshot':
          due = true;
      }
    }
    return due;
  }
}
