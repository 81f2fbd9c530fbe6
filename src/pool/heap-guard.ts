/**
 * Answers heap pressure: tells of it, and, if that was asked for, restarts a thread before its heap is full.
 *
 *  G1  A restart for pressure comes after a checkpoint, so that nothing is read again and no budget is
 *      spent. If the checkpoint fails, or the job's restart cuts it off, the full thread is restarted all the same.
 *  G2  What has happened while the checkpoint was taken counts: if there is another thread on the slot, a
 *      restart is under way or the job is ending, nothing is left to do.
 */

import type { Failure } from '../base/failure.js';
import { type HeapSample, HeapWatch } from '../supervisor/heap-watch.js';
import type { PressureEvent } from './pool-types.js';

export const HEAP_PRESSURE = 'heap-pressure';

export interface HeapGuardOptions {
  readonly options: {
    readonly slot: {
      readonly heap: { readonly reportAt: number; readonly restartAt: number | undefined };
    };
    readonly logger: { warn(details: object, message: string): void } | undefined;
  };
  /** All tasks run, and nothing is ending. */
  readonly mayRestart: () => boolean;
  /** Takes a checkpoint; settles when it is complete, or will never be. */
  readonly checkpoint: () => Promise<unknown>;
  /** The slot's thread now. */
  readonly incarnation: (slot: number) => number;
  /** Ends the slot's thread as a failure of this cause. The ordinary restart follows. */
  readonly retire: (slot: number, failure: Failure, cause: string) => void;
  readonly onPressure: (event: PressureEvent) => void;
}

export class HeapGuard {
  readonly #given: HeapGuardOptions;
  readonly #watch: HeapWatch;

  constructor(given: HeapGuardOptions) {
    this.#given = given;
    this.#watch = new HeapWatch(given.options.slot.heap);
  }

  /** A slot's thread has given a beat. */
  beat(beat: Omit<HeapSample, 'mayRestart'>): void {
    const sample = { ...beat, mayRestart: this.#given.mayRestart() };
    const verdict = this.#watch.observe(sample);
    if (verdict === 'none') return;
    this.#tell(sample, verdict === 'restart' ? 'restarting' : 'reported');
    if (verdict === 'restart') {
      void this.#restart(sample).finally(() => this.#watch.restartEnded());
    }
  }

  async #restart(sample: HeapSample): Promise<void> {
    const { checkpoint, incarnation, mayRestart, retire, options } = this.#given;
    const { slot } = sample;
    await checkpoint().catch((error: unknown) => {
      options.logger?.warn({ slot, error }, 'no checkpoint before the restart for heap pressure'); // G1
    });
    if (!mayRestart() || incarnation(slot) !== sample.incarnation) return; // G2
    retire(slot, pressureFailure(sample, options.slot.heap.restartAt), HEAP_PRESSURE);
  }

  #tell({ slot, usedBytes, limitBytes }: HeapSample, action: PressureEvent['action']): void {
    const event: PressureEvent = {
      slot,
      heapUsedBytes: usedBytes,
      heapLimitBytes: limitBytes,
      share: usedBytes / limitBytes,
      action,
    };
    const what = action === 'restarting' ? 'it is restarted' : 'it ends when the heap is full';
    this.#given.options.logger?.warn(event, `a slot's heap is nearly full; ${what}`);
    this.#given.onPressure(event);
  }
}

function pressureFailure(
  { slot, usedBytes, limitBytes }: HeapSample,
  restartAt: number | undefined,
): Failure {
  const mb = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    kind: 'thread-exit',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message:
      `slot ${slot} was ended on purpose: it used ${mb(usedBytes)} of ${mb(limitBytes)} MB of heap, ` +
      `more than slot.heap.restartAt (${restartAt}) of its limit. What a restart gives back is kept ` +
      'outside of keyed state; if that is needed, raise slot.resourceLimits.maxOldGenerationSizeMb.',
    slot,
    details: { heapUsedBytes: usedBytes, heapLimitBytes: limitBytes },
  };
}
