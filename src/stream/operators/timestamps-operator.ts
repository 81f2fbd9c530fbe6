/**
 * Assigns event times, and makes watermarks of what split-times.ts knows. That keeps a time for each split that
 * the task reads, or one time for all where records come from other tasks.
 *
 *  T1  The watermark never goes back (I23): the snapshot holds what has been said. After a restore it is said
 *      again, because nobody else knows it any more, and an input that rests would never say it.
 *  T2  Watermarks are emitted at most every RECORDS_PER_WATERMARK records, and when the input rests
 *      (`settle`). So a slow stream is not held back and a fast one not slowed down.
 *  T3  No watermark is emitted while the task pauses: an operator downstream may be in the middle of a record.
 *      Withholding a watermark is always allowed.
 *  T4  Watermarks from upstream mean another notion of time and end here, except for the last one,
 *      +Infinity: the input is over.
 *  T5  A record that is behind its split's time carries that time as its mark (lateness.ts).
 *  T6  When all splits are idle, this is said once, and once again after a restore, a watermark that they still
 *      bring, or the end of the last one that had spoken. Before the next record, and when there is a further split,
 *      the watermark is said again, which takes it back.
 */

import { type Clock, machineClock } from '../../base/clock.js';
import { HoldfastError } from '../../base/errors.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type {
  Capture,
  InlineStep,
  Operator,
  OperatorContext,
  OperatorTime,
  Receiver,
  RestoredSection,
  SplitObserver,
  TimesGiven,
  Turn,
} from '../operator.js';
import { readyCapture } from '../state/captures.js';
import { SplitTimes, type SplitTimesOptions, TIME_MAX_MS } from '../task/split-times.js';
import { markOf } from './lateness.js';

const RECORDS_PER_WATERMARK = 64;

export interface TimestampsOptions extends SplitTimesOptions {
  /** How far ahead of the wall clock a timestamp may be, in ms. */
  readonly maxFutureMs?: number | undefined;
}

export function timestampsOperator(
  fn: (record: never) => unknown,
  options: TimestampsOptions,
): () => Operator {
  return () => new TimestampsOperator(fn as (record: unknown) => unknown, options);
}

class TimestampsOperator implements Operator, OperatorTime, TimesGiven {
  readonly #fn: (record: unknown) => unknown;
  readonly #times: SplitTimes;
  readonly #maxFutureMs: number | undefined;
  #context!: OperatorContext;
  #clock!: Clock;
  #output!: Receiver;
  #turn!: Turn;
  /** The restored watermark has not been said again (T1). */
  #isUnsaid = false;
  /** What was said of all splits being idle; undefined: nothing, or a watermark since (T6). */
  #idle: 'silent' | 'spoken' | undefined;
  /** All splits were idle when it was settled last. */
  #wereIdle = false;
  #recordsSince = 0;

  constructor(fn: (record: unknown) => unknown, options: TimestampsOptions) {
    const times = new SplitTimes(options);
    this.#times = times;
    this.#fn = options.watermarks === undefined ? fn : (record) => fn(times.hand(record));
    this.#maxFutureMs = options.maxFutureMs;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.#context = context;
    this.#clock = context.clock ?? machineClock;
    this.#output = context.output;
    this.#turn = context.turn;
    this.#times.restore(restored);
    this.#isUnsaid = this.#times.saidMs > Number.NEGATIVE_INFINITY;
    if (context.splits === undefined) {
      if (this.#times.maxDriftMs !== undefined) throw driftBehindExchange(context.operator);
      this.#times.addOnly();
      context.timed?.(context.operator, this);
    } else context.splits.attach(context.operator, this.#times);
  }

  get inline(): InlineStep {
    return { kind: 'timestamps', fn: this.#fn, times: this };
  }

  onElement(record: unknown, _timestamp: number, group: number): void {
    const fn = this.#fn;
    const time = fn(record) as number;
    this.#output.onElement(record, time, group, this.take(time));
    this.passed();
  }

  take(time: unknown): number {
    // NaN is no number between these.
    if (typeof time !== 'number' || !(time >= -TIME_MAX_MS && time <= TIME_MAX_MS)) {
      throw badTimestamp(time);
    }
    if (this.#maxFutureMs !== undefined && time > this.#clock.now() + this.#maxFutureMs) {
      throw futureTimestamp(time, this.#maxFutureMs);
    }
    const before = this.#times.observe(time);
    if (this.#idle !== undefined) this.#wakeUp();
    this.#recordsSince += 1;
    return markOf(time, before); // T5
  }

  passed(): void {
    if (this.#recordsSince >= RECORDS_PER_WATERMARK && !this.#turn.pause) this.#advance();
  }

  onWatermark(timeMs: number): void {
    if (timeMs !== Number.POSITIVE_INFINITY) {
      if (this.#idle !== undefined && !this.#times.isIdle) this.#wakeUp();
      return;
    }
    this.#times.end();
    this.#output.onWatermark(timeMs);
  }

  /** What comes before this operator has nothing to give, so this operator has nothing either. */
  onIdle(): void {
    this.#rest();
  }

  settle(): void {
    this.#times.judge(this.#clock.elapsed(), (split, sinceMs) =>
      this.#context.wasAsked === undefined ? true : this.#context.wasAsked(split, sinceMs),
    );
    this.#advance();
    const { isIdle } = this.#times;
    if (isIdle) this.#rest();
    else if (this.#wereIdle && this.#idle !== undefined) this.#wakeUp();
    this.#wereIdle = isIdle;
  }

  get dueMs(): number | undefined {
    return this.#times.idleDueMs;
  }

  /** +∞ as well while what comes before rests. */
  get leastMs(): number {
    return this.#idle === undefined ? this.#times.leastMs : Number.POSITIVE_INFINITY;
  }

  get holder(): SplitObserver['holder'] {
    return this.#idle === undefined ? this.#times.holder : undefined;
  }

  capture(): Capture {
    return readyCapture([this.#times.capture()]);
  }

  #advance(): void {
    this.#recordsSince = 0;
    const timeMs = this.#times.advance() ?? (this.#isUnsaid ? this.#times.saidMs : undefined);
    this.#isUnsaid = false;
    if (timeMs === undefined) return;
    this.#idle = undefined;
    this.#output.onWatermark(timeMs);
  }

  #rest(): void {
    const { isSilent } = this.#times;
    const idle = isSilent ? 'silent' : 'spoken';
    if (idle === this.#idle) return;
    this.#idle = idle;
    this.#output.onIdle?.(isSilent);
  }

  #wakeUp(): void {
    this.#idle = undefined;
    this.#output.onWatermark(this.#times.saidMs);
  }
}

function futureTimestamp(timeMs: number, maxFutureMs: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_FUTURE_TIMESTAMP',
    `the callback of withTimestamps gave ${timeMs} (${new Date(timeMs).toISOString()}), which is more than ` +
      `maxFutureMs (${maxFutureMs}) ahead of the clock: it would make late what comes until then. Mend the ` +
      'record or its clock, or put such records aside with .onError(…) behind withTimestamps.',
    { details: { timeMs, maxFutureMs } },
  );
}

function driftBehindExchange(operator: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `withTimestamps ('${operator}') has maxDriftMs and stands behind an exchange, where it cannot hold its source ` +
      'back. Put it into the source’s own chain, ahead of mapAsync, keyBy, rebalance, broadcast, union, connect and ' +
      'changes of parallelism, or leave maxDriftMs out.',
    { details: { operator } },
  );
}

function badTimestamp(given: unknown): HoldfastError {
  if (isThenable(given)) return asyncCallbackError('withTimestamps');
  const way = given instanceof Date ? ' Call .getTime() on it.' : '';
  return new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    `the callback of withTimestamps gave ${describeValue(given)} instead of a time in milliseconds ` +
      `(a number that a Date can hold, ±8.64e15 at most).${way} Filter records without a time out before withTimestamps.`,
  );
}
