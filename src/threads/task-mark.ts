/**
 * Where one task stands, in shared memory. The driver reads it to judge the task's failure, also when the thread is
 * dead. Only that thread writes it, in plain writes, one per record.
 */

const RECORDS = 0;
const FIRING = 1;
const WORDS = 2;

export const TASK_MARK_BYTES = WORDS * Float64Array.BYTES_PER_ELEMENT;

export class TaskMark {
  /** Exposed for the hot path: `words[0]` is `records`. */
  readonly words: Float64Array;

  constructor(shared: ArrayBufferLike = new ArrayBuffer(TASK_MARK_BYTES), offsetBytes = 0) {
    this.words = new Float64Array(shared, offsetBytes, WORDS);
  }

  /**
   * Records taken, the one in work included. A source counts since the job's first start, replays not
   * counted twice; any other task since it was deployed.
   */
  get records(): number {
    return this.words[RECORDS]!;
  }

  /** The event time up to which windows and timers are fired just now; NaN while none are. */
  get firingMs(): number {
    return this.words[FIRING]!;
  }

  set firingMs(timeMs: number) {
    this.words[FIRING] = timeMs;
  }
}
