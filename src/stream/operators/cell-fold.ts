/** How a record changes a cell's value. */

import { copyValue } from '../../codec/value-codec.js';
import { requireReduced } from '../api/callbacks.js';
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
  /** Values may hold records, or parts of them, as they came. */
  readonly keepsRecords: boolean;
  /** The value after a key's first record. @param timestamp of the record; NaN: it has none */
  first(record: unknown, timestamp: number): unknown;
  add(value: unknown, record: unknown, timestamp: number): unknown;
  /**
   * The value over the records of both. Where values are the user's, it may change them; else it leaves both as they are.
   * Undefined where an aggregation cannot be merged.
   */
  readonly merge: ((before: unknown, after: unknown) => unknown) | undefined;
  /** The same, and it may change `before`. Only where there is a `merge`. */
  absorb(before: unknown, after: unknown): unknown;
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
  const reduced = (value: unknown, record: unknown): unknown => {
    const next = reduce(value, record);
    requireReduced('reduce', next, value, record);
    return next;
  };
  return {
    isUsers: true,
    keepsRecords: false, // Of what the user makes of them state has a copy.
    first: (record) => record,
    add: reduced,
    merge: reduced,
    absorb: reduced,
    copy: (value) => copyValue(value),
    evolution: (operator, before, now) => reducedEvolution(operator, before, now, migrate),
    row: (value) => value,
  };
}

/** @param fields as for `numericFunctions` */
export function mixedFold(spec: AggregationSpecData, fields: readonly string[]): CellFold {
  const functions = mixedFunctions(spec, fields);
  const { merge } = functions;
  const copiers = Object.values(spec).map((one) => (one.kind === 'value' ? one.copy : undefined));
  const copy = (value: unknown): MixedState => {
    const { numbers, values } = value as MixedState;
    // Those without a copier are never changed in place.
    const copied = values.map((one, i) => copiers[i]?.(one) ?? one);
    return { numbers: Array.from(numbers), values: copied };
  };
  return {
    isUsers: false,
    keepsRecords: Object.values(spec).some(
      (one) => one.kind === 'value' && one.keepsRecords === true,
    ),
    first(record, timestamp) {
      const state = functions.initial();
      functions.add(state, record, timestamp);
      return state;
    },
    add(value, record, timestamp) {
      functions.add(value as MixedState, record, timestamp);
      return value;
    },
    merge:
      merge &&
      ((before, after) => {
        const state = copy(before);
        merge(state, after as MixedState);
        return state;
      }),
    absorb(before, after) {
      // Those who ask have asked whether there is a merge.
      merge!(before as MixedState, after as MixedState);
      return before;
    },
    copy,
    evolution: (operator, before, now) =>
      mixedEvolution(operator, before, now, Object.values(spec), functions.initial),
    row: (value, key, windowStart, windowEnd) =>
      functions.row(value as MixedState, key, windowStart, windowEnd),
  };
}
