/**
 * Stands around `withTimestamps` in a test: event time comes from the records, as in a job, or from the test, whichever
 * is further.
 *
 *  T1  A time that the test has said counts for all splits: a record that is not ahead of it is behind it, and has it
 *      as its mark (lateness.ts).
 *  T2  It is said when the input rests, as the operator's own watermarks are.
 *  T3  An input may fall idle for a moment. Then its time is said once more, as to operators that nobody has told before.
 */

import type {
  Capture,
  Operator,
  OperatorContext,
  Receiver,
  RestoredSection,
} from '../stream/operator.js';

/** Event time by hand, shared by the instances of the operators that it is for. In ms. */
export interface HandTimes {
  timeMs: number;
  /** How often it was idle for a moment (T3). */
  blinks: number;
}

export class HandTime implements Operator {
  readonly #inner: Operator;
  readonly #hand: HandTimes;
  #output!: Receiver;
  /** What the operator itself has said, and what went on. */
  #ownMs = Number.NEGATIVE_INFINITY;
  #saidMs = Number.NEGATIVE_INFINITY;
  #blinks = 0;

  constructor(inner: Operator, hand: HandTimes) {
    this.#inner = inner;
    this.#hand = hand;
    this.#blinks = hand.blinks;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void | Promise<void> {
    const { output } = context;
    const hand = this.#hand;
    this.#output = output;
    const timed: Receiver = {
      onElement: (record, timestamp, group, behind) => {
        const mark = timestamp <= hand.timeMs ? Math.max(behind, hand.timeMs) : behind; // T1
        output.onElement(record, timestamp, group, mark);
      },
      onWatermark: (timeMs) => {
        this.#ownMs = Math.max(this.#ownMs, timeMs);
        this.#say();
      },
      onIdle: (isSilent) => output.onIdle?.(isSilent),
    };
    return this.#inner.open({ ...context, output: timed }, restored);
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    this.#inner.onElement(record, timestamp, group, behind);
  }

  onWatermark(timeMs: number): void {
    this.#inner.onWatermark(timeMs);
  }

  onIdle(isSilent: boolean): void {
    this.#inner.onIdle?.(isSilent);
  }

  settle(): void {
    this.#inner.settle?.();
    if (this.#hand.timeMs > this.#saidMs) this.#say(); // T2
    if (this.#hand.blinks === this.#blinks) return;
    this.#blinks = this.#hand.blinks;
    if (this.#saidMs === Number.NEGATIVE_INFINITY) return;
    this.#output.onIdle?.(false);
    this.#say(); // T3
  }

  get dueMs(): number | undefined {
    const isDue = this.#hand.timeMs > this.#saidMs || this.#hand.blinks !== this.#blinks;
    return isDue ? Number.NEGATIVE_INFINITY : this.#inner.dueMs;
  }

  beforeBarrier(): void {
    this.#inner.beforeBarrier?.();
  }

  capture(checkpoint: number, base?: number): Capture | undefined {
    return this.#inner.capture?.(checkpoint, base);
  }

  #say(): void {
    this.#saidMs = Math.max(this.#ownMs, this.#hand.timeMs);
    this.#output.onWatermark(this.#saidMs);
  }
}
