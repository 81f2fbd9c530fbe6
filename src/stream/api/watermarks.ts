/** Watermarks that a job makes itself: of each split, by its records. */

import { HoldfastError } from '../../base/errors.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';

/**
 * Says how far time has come in one split. What it says may depend on the split's records alone: then the same records are late
 * on every run. @typeParam T records
 */
export interface WatermarkGenerator<in T> {
  /** Told of each record of the split, in order, with its event time in ms. Synchronous. */
  onRecord(timeMs: number, record: T): void;
  /**
   * The time that the split's records have passed: what comes with it, or an earlier one, is behind. Asked behind each
   * record. One that is lower than before changes nothing; null, undefined and −Infinity: nothing is known.
   */
  current(): number | null | undefined;
  /**
   * What a checkpoint keeps of it: plain data, as may be in a record. Absent: after a restart another one begins anew.
   */
  state?(): unknown;
}

/** Makes the generator of a split. @param state what `state()` of the former one has given; undefined: there was none */
export type WatermarkFactory<in T> = (state: unknown) => WatermarkGenerator<T>;

/**
 * Watermarks that some records bring: `punctuated((record) => (record.kind === 'end of minute' ? record.minute : null))`.
 * @param fn asked for each record; gives the time that its split has passed with it, or null or undefined. Synchronous
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function punctuated<T>(
  fn: (record: T, timeMs: number) => number | null | undefined,
): WatermarkFactory<T> {
  checkCallback(fn, 'punctuated');
  return () => {
    let said: number | null | undefined;
    return {
      onRecord(timeMs, record) {
        said = fn(record, timeMs);
      },
      current: () => said,
    };
  };
}

/** @throws HoldfastError ERR_HOLDFAST_USER_CODE for what is no generator, ERR_HOLDFAST_ASYNC_CALLBACK */
export function requireGenerator(given: unknown): asserts given is WatermarkGenerator<unknown> {
  if (isThenable(given)) throw asyncCallbackError(WATERMARKS);
  const { onRecord, current, state } = (given ?? {}) as Partial<WatermarkGenerator<unknown>>;
  const isState = state === undefined || typeof state === 'function';
  if (typeof onRecord === 'function' && typeof current === 'function' && isState) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `${WATERMARKS} gave ${describeValue(given)}, and has to give a generator: { onRecord(time, record) { … }, current() { … } }.`,
  );
}

/** What errors call it. */
export const WATERMARKS = 'withTimestamps(…, { watermarks })';

/**
 * @returns −Infinity for nothing
 * @throws HoldfastError ERR_HOLDFAST_BAD_WATERMARK, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function watermarkOf(said: unknown, maxMs: number): number {
  if (said === undefined || said === null) return Number.NEGATIVE_INFINITY;
  if (isThenable(said)) throw asyncCallbackError(WATERMARKS);
  // NaN is no number between these.
  if (typeof said === 'number' && said <= maxMs && (said >= -maxMs || said === -Infinity)) {
    return said;
  }
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_WATERMARK',
    `${WATERMARKS} said ${describeValue(said)}, which is no time in milliseconds (a number that a Date can hold, ±8.64e15 at ` +
      'most). Say null where there is no watermark.',
  );
}
