/** What the conformance kit has to know about a sink. Protocol file: shapes only. */

import type { Sink } from '../stream/sink.js';

/** What a sink shows through the job, beside what it writes to places of its own. */
export interface SinkOutput {
  /** Lines that the sink has printed with `context.print`. */
  readonly printed: readonly string[];
  /** Rows that `job.collected(name)` would show: those that `prepare` gave as `visible`, of completed checkpoints. */
  readonly collected: readonly unknown[];
}

export interface SinkConformanceOptions<T> {
  /**
   * Makes the sink, on the same target each time. Called once for each life of a process, so nothing
   * but the target (files, a service) may connect one sink with the next.
   */
  readonly create: () => Sink<T>;
  /** Record number `index`, from 0. All records must differ, and so must their rows. */
  readonly record: (index: number) => T;
  /**
   * What an outsider sees now, in the order in which a reader gets it: rows that equal their records as JSON, or the
   * records' JSON as text. Records that are texts stand for themselves.
   */
  readonly committed: (output: SinkOutput) => readonly unknown[] | PromiseLike<readonly unknown[]>;
  /** Empties the target. Called before each case. */
  readonly reset: () => void | PromiseLike<void>;
  /** Called after each case, also after one that has failed. */
  readonly cleanup?: (() => void | PromiseLike<void>) | undefined;
  /**
   * Called where a life ends in a crash. Has to break what the end of a process would break (connections).
   * The old writers are not closed then. They may go on for a while, like threads that were given up.
   */
  readonly crash?: ((sink: Sink<T>) => void | PromiseLike<void>) | undefined;
  /** What the sink promises. Default `'exactly-once'`. */
  readonly guarantee?: 'exactly-once' | 'at-least-once' | undefined;
  /** Are rows of one instance shown in the order of writing? Default `true`. */
  readonly ordered?: boolean | undefined;
  /** May a job with this sink be restarted with another parallelism? Default `true`. */
  readonly rescales?: boolean | undefined;
  /** How long anything that the sink promises may take, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number | undefined;
}
