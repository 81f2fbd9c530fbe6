/** How records get their event times, and watermarks are made of them. */

export interface TimestampOptions {
  /** How far, in ms, a record may lag behind the latest one before it counts as late. Default 0. */
  readonly outOfOrdernessMs?: number | undefined;
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
