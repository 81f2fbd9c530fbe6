/** How records get their event times, and watermarks are made of them. */

import type { WatermarkFactory } from './watermarks.js';

/** @typeParam T records */
export interface TimestampOptions<in T = unknown> {
  /** How far, in ms, a record may lag behind the latest one of its split before it counts as late. Default 0. */
  readonly outOfOrdernessMs?: number | undefined;
  /**
   * Says, in the place of `outOfOrdernessMs`, how far time has come: `punctuated(…)`, or a function that makes a generator of
   * your own for each split (behind an exchange: for each instance).
   */
  readonly watermarks?: WatermarkFactory<T> | undefined;
  /**
   * After how many ms in which it could have given a record, and gave none, a split (or, behind an exchange,
   * all input) does not hold time back any more; nor does an instance that has had no split for so long, and may still
   * get one. When it gives one, time waits for it again, where it stands;
   * what is over by then is over, so late records depend on the clock. Default: never.
   */
  readonly idleAfterMs?: number | undefined;
  /**
   * How far ahead of the clock, in ms, a timestamp may be; beyond it the record fails with
   * ERR_HOLDFAST_FUTURE_TIMESTAMP. Default: as far as it likes.
   */
  readonly maxFutureMs?: number | undefined;
  /**
   * How far, in ms of event time, this source may be read ahead of the others that its records meet. Only right
   * behind the source. Default: as far as it comes.
   */
  readonly maxDriftMs?: number | undefined;
}

export const TIMESTAMP_OPTIONS = [
  'outOfOrdernessMs',
  'watermarks',
  'idleAfterMs',
  'maxFutureMs',
  'maxDriftMs',
] as const satisfies readonly (keyof TimestampOptions)[];
