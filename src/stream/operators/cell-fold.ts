/** How a record changes a cell's value. */

import { copyValue } from '../../codec/value-codec.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { StateDescription } from '../state/state-layout.js';
import { type AggregationSpecData, type MixedState, mixedFunctions } from './row-shape.js';
import {
  type EvolveValue,
  type Migrate,
  mixedEvolution,
  reducedEvolution,
} from './state-evolution.js';

/** Before `add` is called, the cell is saved for a snapshot under way: so `add` may change values in place. */
export interface CellFold {
  /** The values are the user's own objects: state keeps a copy of each, so that nobody else changes it. */
  readonly isUsers: boolean;
  /** The value after a key's first record. */
  first(record: unknown): unknown;
  add(value: unknown, record: unknown): unknown;
  /** A copy that stays as it is when `add` changes this value. */
  copy(value: unknown): unknown;
  /** See state-evolution.ts. */
  evolution(operator: string, before: string, now: StateDescription): EvolveValue;
  /** The row that is emitted. */
  row(value: unknown, key: unknown, windowStart: number, windowEnd: number): unknown;
}

export function reduceFold(
  fn: (previous: never, record: never) => unknown,
  migrate: Migrate | undefined,
): CellFold {
  const reduce = fn as (previous: unknown, record: unknown) => unknown;
  return {
    isUsers: true,
    first: (record) => record,
    add(value, record) {
      const next = reduce(value, record);
      if (isThenable(next)) throw asyncCallbackError('reduce');
      return next;
    },
    copy: (value) => copyValue(value),
    evolution: (operator, before, now) => reducedEvolution(operator, before, now, migrate),
    row: (value) => value,
  };
}

/** @param fields as for `numericFunctions` */
export function mixedFold(spec: AggregationSpecData, fields: readonly string[]): CellFold {
  const functions = mixedFunctions(spec, fields);
  return {
    isUsers: false,
    first(record) {
      const state = functions.initial();
      functions.add(state, record);
      return state;
    },
    add(value, record) {
      functions.add(value as MixedState, record);
      return value;
    },
    // Values of aggregations are never changed in place.
    copy(value) {
      const { numbers, values } = value as MixedState;
      return { numbers: Array.from(numbers), values: [...values] };
    },
    evolution: (operator, before, now) =>
      mixedEvolution(operator, before, now, Object.values(spec), functions.initial),
    row: (value, key, windowStart, windowEnd) =>
      functions.row(value as MixedState, key, windowStart, windowEnd),
  };
}
