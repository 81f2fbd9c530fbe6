/** An input that a test feeds by hand. */

import { HoldfastError } from '../base/errors.js';
import { describeValue } from '../stream/api/callbacks.js';
import type { RejectedRecord } from '../stream/source.js';
import type { HandInput } from './hand-graph.js';
import type { HandTasks } from './hand-tasks.js';

/** Stands for a source. When a call returns, all that follows from it has happened. */
export interface TestInput<T> {
  /**
   * Hands a record in.
   * @param timestamp its event time in ms, for a stream whose source tells it; where the job has `withTimestamps`, that
   *   gives the time
   * @throws HoldfastError what has failed, as the job would tell it; ERR_HOLDFAST_NOT_RUNNING behind the input's end;
   *   ERR_HOLDFAST_BAD_OPTION for a time that is no number
   */
  element(record: T, timestamp?: number): void;
  /** Hands in what a source with a side output for malformed input puts there. */
  reject(record: RejectedRecord): void;
  /**
   * Event time has come to `ms`: what comes with that time or an earlier one is late. One that goes back changes nothing,
   * as in a job.
   * @throws HoldfastError as `element`; ERR_HOLDFAST_NO_TIMESTAMP in a job that gives the records no times
   */
  watermark(ms: number): void;
  /** There is nothing more to come: time ends, as far as it depends on this input. */
  end(): void;
}

export class HandTestInput implements TestInput<unknown> {
  readonly #input: HandInput;
  readonly #tasks: HandTasks;

  constructor(input: HandInput, tasks: HandTasks) {
    this.#input = input;
    this.#tasks = tasks;
  }

  element(record: unknown, timestamp?: number): void {
    this.#requireOpen();
    if (timestamp !== undefined && (typeof timestamp !== 'number' || Number.isNaN(timestamp))) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `element(record, timestamp) needs the event time in ms since the epoch, a number, or none, but was given ${describeValue(timestamp)}.`,
      );
    }
    this.#input.source.element(record, timestamp ?? Number.NaN);
    this.#tasks.run();
  }

  reject(record: RejectedRecord): void {
    this.#requireOpen();
    const { node, source } = this.#input;
    if (source.rejectTag === undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `reject(…) of input '${node.name}': the source has no side output for malformed input.`,
      );
    }
    source.reject(record);
    this.#tasks.run();
  }

  watermark(ms: number): void {
    this.#requireOpen();
    const { node, times } = this.#input;
    if (typeof ms !== 'number' || !Number.isFinite(ms)) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `watermark(ms) needs a time in ms since the epoch, a finite number, but was given ${describeValue(ms)}. Time ` +
          'ends with end().',
      );
    }
    if (times.length === 0) {
      throw new HoldfastError(
        'ERR_HOLDFAST_NO_TIMESTAMP',
        `watermark(${ms}) of input '${node.name}': the job gives its records no event times, so there is no time to go ` +
          'on. Give them with .withTimestamps(…).',
      );
    }
    for (const time of times) time.timeMs = Math.max(time.timeMs, ms);
    this.#tasks.run();
  }

  end(): void {
    this.#tasks.check();
    this.#input.source.end();
    this.#tasks.run();
  }

  #requireOpen(): void {
    this.#tasks.requireOpen();
    if (!this.#input.source.isEnded) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_NOT_RUNNING',
      `input '${this.#input.node.name}' has ended, here or in what was restored: nothing comes behind its end.`,
    );
  }
}
