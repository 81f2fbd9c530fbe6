/**
 * Announces a task's barrier on its output channels, once on each, in checkpoints that may be unaligned; keeps
 * what the barrier overtakes there (channel-recorder.ts, U1).
 *
 *  B1  An urgent barrier is announced at once. Another barrier is announced on a channel when the channel has
 *      handed it over. Where it still waits after the time for aligning, it becomes urgent.
 *  B2  The task's part is complete only after the last announcement: until then output may have to be added
 *      to it.
 */

import { assert } from '../../base/assert.js';
import type { OutputChannel } from '../../channels/element.js';
import type { StateSection } from '../operator.js';
import { type ChannelName, encodeChannel } from './channel-state.js';

/** An output channel and what it is called in checkpoints. */
export interface TaskOutput extends ChannelName {
  readonly channel: OutputChannel;
  /** Id of the consuming operator. */
  readonly operator: string;
}

interface Leaving {
  readonly checkpoint: number;
  /** When the barrier becomes urgent on the channels where it still waits, performance.now() ms. */
  readonly dueMs: number;
  /** Channels on which it is not announced yet. */
  waiting: readonly TaskOutput[];
  readonly sections: ({ readonly operator: string } & StateSection)[];
}

export class OvertakenOutput {
  readonly #outputs: readonly TaskOutput[];
  #leaving: Leaving | undefined;

  constructor(outputs: readonly TaskOutput[]) {
    this.#outputs = outputs;
  }

  /** The barrier has been sent on all channels. @param dueMs at or before `now`: the barrier is urgent at once */
  begin(checkpoint: number, dueMs: number, now: number): void {
    this.#leaving = { checkpoint, dueMs, waiting: this.#outputs, sections: [] };
    this.announce(now);
  }

  /** The barrier is announced on all channels. */
  get complete(): boolean {
    return this.#leaving?.waiting.length === 0;
  }

  /** Would `announce` announce anything? */
  announceable(now: number): boolean {
    const leaving = this.#leaving;
    if (leaving === undefined || leaving.waiting.length === 0) return false;
    return now >= leaving.dueMs || leaving.waiting.some(({ channel }) => !channel.barrierWaits);
  }

  /** When time alone makes something announceable. */
  get dueMs(): number | undefined {
    return this.complete ? undefined : this.#leaving?.dueMs;
  }

  /** Announces where that is due (B1). True when anything was announced. */
  announce(now: number): boolean {
    const leaving = this.#leaving;
    if (leaving === undefined || !this.announceable(now)) return false;
    const isUrgent = now >= leaving.dueMs;
    leaving.waiting = leaving.waiting.filter((output) => {
      if (!isUrgent && output.channel.barrierWaits) return true;
      const frames = output.channel.announce(leaving.checkpoint, isUrgent);
      if (frames.length > 0) {
        leaving.sections.push({
          operator: output.operator,
          ...encodeChannel('output', output, { frames }),
        });
      }
      return false;
    });
    return true;
  }

  /** What the barrier has overtaken. Asked for once, when the announcements are complete. */
  take(): readonly ({ readonly operator: string } & StateSection)[] {
    const leaving = this.#leaving;
    assert(leaving?.waiting.length === 0, 'every channel has been told');
    this.#leaving = undefined;
    return leaving.sections;
  }

  abort(checkpoint: number): void {
    if (this.#leaving?.checkpoint === checkpoint) this.#leaving = undefined;
  }
}
