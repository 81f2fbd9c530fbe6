/** Notes in which operator of a chain an error was thrown: operators call each other directly. */

import { describeRecord } from '../../base/failure.js';
import type { Operator, Port, Receiver } from '../operator.js';

/** What is given records, or envelopes around them. */
type Taker = Pick<Operator, 'unwrapped'>;

/** An error on its way up the chain, with the operator it was thrown in. Never leaves a task. */
export class LocatedError extends Error {
  readonly operator: string;
  readonly error: unknown;
  /** The record in work, in words, where it is known. */
  readonly record: string | undefined;
  /** Where in the input it was; undefined: at the record that the task is at. */
  readonly position: string | undefined;

  constructor(operator: string, error: unknown, record?: string, position?: string) {
    super(`in operator '${operator}'`);
    this.operator = operator;
    this.error = error;
    this.record = record;
    this.position = position;
  }
}

/** An error that already has an operator, the innermost, keeps it. */
export function locate(error: unknown, operator: string): LocatedError {
  return error instanceof LocatedError ? error : new LocatedError(operator, error);
}

/** The same, for work on a record. The record is shown as the failed callback has left it. */
export function locateRecord(error: unknown, operator: string, record: unknown): LocatedError {
  if (error instanceof LocatedError) return error;
  return new LocatedError(operator, error, describeRecord(record));
}

/** The same, for work that time has brought about: on a timer, or a window's row. No record of the input tells where. */
export function locateFiring(error: unknown, operator: string, what: unknown): LocatedError {
  if (error instanceof LocatedError) return error;
  const text = describeRecord(what);
  return new LocatedError(operator, error, text, text);
}

/** Stands before a port of an operator, and notes the operator in whatever is thrown in it. */
export class LocatedPort implements Port {
  readonly #port: Port & Taker;
  readonly #operator: string;

  constructor(port: Port & Taker, operator: string) {
    this.#port = port;
    this.#operator = operator;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    try {
      this.#port.onElement(record, timestamp, group, behind);
    } catch (error) {
      throw locateRecord(error, this.#operator, known(this.#port, record));
    }
  }
}

/** What the job knows of it. */
export function known(taker: Taker, given: unknown): unknown {
  return taker.unwrapped === undefined ? given : taker.unwrapped(given);
}

/** Stands before an operator, and notes the operator in whatever is thrown in it. */
export class LocatedReceiver extends LocatedPort implements Receiver {
  readonly #receiver: Receiver;
  readonly #operator: string;

  constructor(receiver: Receiver & Taker, operator: string) {
    super(receiver, operator);
    this.#receiver = receiver;
    this.#operator = operator;
  }

  onIdle(isSilent: boolean): void {
    try {
      this.#receiver.onIdle?.(isSilent);
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
