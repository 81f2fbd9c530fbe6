/**
 * Assigns event times, and makes watermarks of what split-times.ts knows: it keeps a time for each split that
 * the task reads, or one for all where records come from other tasks.
 *
 *  T1  The watermark never goes back (I23): what has been said is in the snapshot. It is said again after a
 *      restore, for nobody else knows it any more: an input that rests would never say it.
 *  T2  Watermarks are emitted at most every RECORDS_PER_WATERMARK records, and when the input rests
 *      (`settle`), so a slow stream is not held back and a fast one not slowed down.
 *  T3  No watermark while the task pauses: an operator downstream may be in the middle of a record.
 *      Withholding one is always allowed.
 *  T4  Watermarks from upstream mean another notion of time and end here, but for the last one,
 *      +Infinity: the input is over.
 *  T5  A record that is behind its split's time carries that as its mark (lateness.ts).
 */

import { HoldfastError } from '../../base/errors.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type {
  Capture,
  Operator,
  OperatorContext,
  Receiver,
  RestoredSection,
  Turn,
} from '../operator.js';
import { readyCapture } from '../state/captures.js';
import { SplitTimes } from '../task/split-times.js';
import { markOf } from './lateness.js';

const RECORDS_PER_WATERMARK = 64;

export interface TimestampsOptions {
  /** How far behind the highest time seen a record may be without being late. */
  readonly outOfOrdernessMs: number;
}

export function timestampsOperator(
  fn: (record: never) => unknown,
  options: TimestampsOptions,
): () => Operator {
  return () => new TimestampsOperator(fn as (record: unknown) => unknown, options.outOfOrdernessMs);
}

class TimestampsOperator implements Operator {
  readonly #fn: (record: unknown) => unknown;
  readonly #times: SplitTimes;
  #output!: Receiver;
  #turn!: Turn;
  /** What was restored has not been said again (T1). */
  #isUnsaid = false;
  #recordsSince = 0;

  constructor(fn: (record: unknown) => unknown, outOfOrdernessMs: number) {
    this.#fn = fn;
    this.#times = new SplitTimes({ outOfOrdernessMs });
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.#output = context.output;
    this.#turn = context.turn;
    this.#times.restore(restored);
    this.#isUnsaid = this.#times.saidMs > Number.NEGATIVE_INFINITY;
    if (context.splits === undefined) this.#times.addOnly();
    else context.splits.attach(context.operator, this.#times);
  }

  onElement(record: unknown, _timestamp: number, group: number): void {
    const fn = this.#fn;
    const time = fn(record);
    if (typeof time !== 'number' || !Number.isFinite(time)) throw badTimestamp(time);
    const before = this.#times.observe(time);
    this.#recordsSince += 1;
    this.#output.onElement(record, time, group, markOf(time, before)); // T5
    if (this.#recordsSince >= RECORDS_PER_WATERMARK && !this.#turn.pause) this.#advance();
  }

  onWatermark(timeMs: number): void {
    if (timeMs !== Number.POSITIVE_INFINITY) return;
    this.#times.end();
    this.#output.onWatermark(timeMs);
  }

  settle(): void {
    this.#advance();
  }

  capture(): Capture {
    return readyCapture([this.#times.capture()]);
  }

  #advance(): void {
    this.#recordsSince = 0;
    const timeMs = this.#times.advance() ?? (this.#isUnsaid ? this.#times.saidMs : undefined);
    this.#isUnsaid = false;
    if (timeMs !== undefined) this.#output.onWatermark(timeMs);
  }
}

function badTimestamp(given: unknown): HoldfastError {
  if (isThenable(given)) return asyncCallbackError('withTimestamps');
  const way = given instanceof Date ? ' Call .getTime() on it.' : '';
  return new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    `the callback of withTimestamps gave ${describeValue(given)} instead of a time in milliseconds ` +
      `(a finite number).${way} Filter records without a time out before withTimestamps.`,
  );
}
