/** Where in a chain an error came from: operators call each other directly, so it has to be noted. */

import { describeRecord } from '../../base/failure.js';
import type { Receiver } from '../operator.js';

/** An error on its way up the chain, with the operator it was thrown in. Never leaves a task. */
export class LocatedError extends Error {
  readonly operator: string;
  readonly error: unknown;
  /** What was in work, in words, where that is known. */
  readonly record: string | undefined;

  constructor(operator: string, error: unknown, record?: string) {
    super(`in operator '${operator}'`);
    this.operator = operator;
    this.error = error;
    this.record = record;
  }
}

/** The innermost operator counts. */
export function locate(error: unknown, operator: string): LocatedError {
  return error instanceof LocatedError ? error : new LocatedError(operator, error);
}

/** The same, of the work on a record: as the callback that failed has left it. */
export function locateRecord(error: unknown, operator: string, record: unknown): LocatedError {
  if (error instanceof LocatedError) return error;
  return new LocatedError(operator, error, describeRecord(record));
}

/** Stands before an operator and notes what is thrown in it. */
export class LocatedReceiver implements Receiver {
  readonly #receiver: Receiver;
  readonly #operator: string;

  constructor(receiver: Receiver, operator: string) {
    this.#receiver = receiver;
    this.#operator = operator;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    try {
      this.#receiver.onElement(record, timestamp, group, behind);
    } catch (error) {
      throw locateRecord(error, this.#operator, record);
    }
  }

  onIdle(): void {
    try {
      this.#receiver.onIdle?.();
    } catch (error) {
      throw locate(error, this.#operator);
    }
  }

  onWatermark(timeMs: number): void {
    try {
      this.#receiver.onWatermark(timeMs);
    } catch (error) {
      throw locate(error, this.#operator);
    }
  }
}
