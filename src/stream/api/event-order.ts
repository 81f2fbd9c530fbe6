/** Aggregations that follow event time: the first and the last value. */

import { HoldfastError } from '../../base/errors.js';
import { copyValue } from '../../codec/value-codec.js';
import type { Aggregation } from './aggregations.js';
import { asyncCallbackError, checkCallback, isThenable } from './callbacks.js';

/** What was selected, and the event time of its record in ms; null: nothing yet. */
type Timed = readonly [timeMs: number, value: unknown] | null;

/**
 * What `select` gives for the record with the earliest event time; of equal times for the one that came first. null and
 * undefined are skipped; the answer is null when there was nothing else.
 * @throws HoldfastError while running: ERR_HOLDFAST_NO_TIMESTAMP for a record without an event time
 */
export function first<T, R>(select: (record: T) => R): Aggregation<T, NonNullable<R> | null> {
  return ordered('first', select, (time, kept) => time < kept);
}

/**
 * What `select` gives for the record with the latest event time; of equal times for the one that came last. Else as
 * `first`.
 */
export function last<T, R>(select: (record: T) => R): Aggregation<T, NonNullable<R> | null> {
  return ordered('last', select, (time, kept) => time >= kept);
}

/** @param takes over from the one that is kept, which came before */
function ordered<T, R>(
  type: 'first' | 'last',
  select: (record: T) => R,
  takes: (timeMs: number, keptMs: number) => boolean,
): Aggregation<T, NonNullable<R> | null> {
  checkCallback(select, type);
  return {
    kind: 'value',
    type,
    needsTime: true,
    initial: () => null,
    add(state, record, timestamp = Number.NaN) {
      const value = select(record);
      if (value === null || value === undefined) return state;
      if (isThenable(value)) throw asyncCallbackError(type);
      if (Number.isNaN(timestamp)) throw noTime(type);
      const kept = state as Timed;
      if (kept !== null && !takes(timestamp, kept[0])) return kept;
      return [timestamp, copyValue(value, type)];
    },
    merge(before, after) {
      const [kept, later] = [before as Timed, after as Timed];
      if (kept === null || later === null) return kept ?? later;
      return takes(later[0], kept[0]) ? later : kept;
    },
    result: (state) =>
      state === null ? null : (copyValue((state as Timed)![1]) as NonNullable<R>),
  };
}

function noTime(type: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    `${type}(…) goes by event time, and a record has none. Give records their times with .withTimestamps(…).`,
  );
}
