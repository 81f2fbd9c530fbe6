/** How a record changes a cell's value. */

import { asyncCallbackError, isThenable } from '../callbacks.js';
import {
  type AggregationSpecData,
  layoutOf,
  type MixedState,
  mixedFunctions,
} from './row-shape.js';

/** The cell is saved for a snapshot under way before `add` is called, so values may change in place. */
export interface CellFold {
  readonly layout: string;
  /** The value after a key's first record. */
  first(record: unknown): unknown;
  add(value: unknown, record: unknown): unknown;
  /** What is emitted. */
  row(value: unknown, key: unknown, windowStart: number, windowEnd: number): unknown;
}

export function reduceFold(fn: (previous: never, record: never) => unknown): CellFold {
  const reduce = fn as (previous: unknown, record: unknown) => unknown;
  return {
    layout: 'reduce',
    first: (record) => record,
    add(value, record) {
      const next = reduce(value, record);
      if (isThenable(next)) throw asyncCallbackError('reduce');
      return next;
    },
    row: (value) => value,
  };
}

/** @param fields as for `numericFunctions` */
export function mixedFold(spec: AggregationSpecData, fields: readonly string[]): CellFold {
  const functions = mixedFunctions(spec, fields);
  return {
    layout: layoutOf(spec),
    first(record) {
      const state = functions.initial();
      functions.add(state, record);
      return state;
    },
    add(value, record) {
      functions.add(value as MixedState, record);
      return value;
    },
    row: (value, key, windowStart, windowEnd) =>
      functions.row(value as MixedState, key, windowStart, windowEnd),
  };
}
