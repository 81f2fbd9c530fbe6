/**
 * Generated functions for an aggregation spec.
 *
 * A row is made for each record, or for each window and key. So it is built by a literal with a fixed
 * shape, and each aggregation is called at a place of its own, where V8 sees one class only. Only this enters the
 * generated text: indexes, and the names of the answers as JSON strings. `__proto__` in a
 * literal would set a prototype; it and its like are refused.
 */

import { HoldfastError } from '../../base/errors.js';
import {
  type Aggregation,
  type NumericAggregation,
  RESERVED_NAMES,
  versionOf,
  type Words,
} from '../api/aggregations.js';
import { layoutEntry, type StateDescription } from '../state/state-layout.js';

export type AnyAggregation = Aggregation<never, unknown>;
export type AggregationSpecData = Readonly<Record<string, AnyAggregation>>;

/** Of rows of a changelog. */
export const CHANGE_FIELDS = ['key', 'change'] as const;
export const KEYED_FIELDS = ['key'] as const;
export const WINDOW_FIELDS = ['key', 'windowStart', 'windowEnd'] as const;
/** Of windows over a stream without keys. */
export const ALL_WINDOW_FIELDS = ['windowStart', 'windowEnd'] as const;

/** Adds a record to accumulators that begin at `at`. */
export type NumericAdd = (data: Words, at: number, record: unknown) => void;
/** Adds the accumulators at `fromAt` of `from`, which are of later records, to those at `at`. */
export type NumericMerge = (data: Words, at: number, from: Words, fromAt: number) => void;
export type NumericInit = (data: Words, at: number) => void;
/** `start` and `end` are the window's; keyed rows have none. */
export type NumericRow = (
  data: Words,
  at: number,
  key: unknown,
  start: number,
  end: number,
) => unknown;

export interface NumericFunctions {
  readonly words: number;
  readonly init: NumericInit;
  readonly add: NumericAdd;
  /** Undefined where an aggregation cannot be merged. */
  readonly merge: NumericMerge | undefined;
  readonly row: NumericRow;
  /** Room for one row's accumulators. */
  readonly scratch: Float64Array;
}

/** Are all aggregations numeric, so that the state can be rows of numbers? */
export function isNumericSpec(
  spec: AggregationSpecData,
): spec is Readonly<Record<string, NumericAggregation<never, unknown>>> {
  return Object.values(spec).every((aggregation) => aggregation.kind === 'numeric');
}

/** What the state of a spec consists of; part of each section. */
export function layoutOf(spec: AggregationSpecData): string {
  return Object.entries(spec)
    .map(([name, aggregation]) =>
      layoutEntry({
        name,
        type: aggregation.type,
        words: aggregation.kind === 'numeric' ? aggregation.words : 0,
        isValue: aggregation.kind === 'value',
        version: versionOf(aggregation),
      }),
    )
    .join('|');
}

/** The state of a keyed aggregation without windows. */
export function aggregatedState(spec: AggregationSpecData): StateDescription {
  const migrates = Object.entries(spec)
    .filter(([, one]) => one.kind === 'value' && one.migrate !== undefined)
    .map(([name]) => name);
  return { section: isNumericSpec(spec) ? 'rows' : 'cells', layout: layoutOf(spec), migrates };
}

/** @param fields the row's own: KEYED_FIELDS, WINDOW_FIELDS or ALL_WINDOW_FIELDS. Empty: the row is the only aggregation's answer */
export function numericFunctions(
  spec: Readonly<Record<string, NumericAggregation<never, unknown>>>,
  fields: readonly string[],
): NumericFunctions {
  const aggregations = Object.values(spec);
  const offsets: number[] = [];
  let words = 0;
  for (const aggregation of aggregations) {
    offsets.push(words);
    words += aggregation.words;
  }
  const call = (method: string, more: string) =>
    offsets.map((offset, i) => `a${i}.${method}(data, at + ${offset}${more});`).join(' ');
  const merges = offsets
    .map((offset, i) => `a${i}.merge(data, at + ${offset}, from, fromAt + ${offset});`)
    .join(' ');
  const result = (i: number) => `a${i}.result(data, at + ${offsets[i]})`;
  const names = aggregations.map((_, i) => `a${i}`);
  return {
    words,
    init: generate(names, `(data, at) => { ${call('init', '')} }`, aggregations),
    add: generate(names, `(data, at, record) => { ${call('add', ', record')} }`, aggregations),
    merge: aggregations.every((one) => one.merge !== undefined)
      ? generate(names, `(data, at, from, fromAt) => { ${merges} }`, aggregations)
      : undefined,
    scratch: new Float64Array(words),
    row: generate(
      names,
      `(data, at, key, windowStart, windowEnd) => (${rowText(spec, fields, result)})`,
      aggregations,
    ),
  };
}

/** The same `add`, but it leaves the accumulators as they were when a selector throws half-way. */
export function undoing<More extends readonly number[]>(
  add: (data: Words, at: number, record: unknown, ...more: More) => void,
  words: number,
): typeof add {
  const before = new Float64Array(words);
  return (data, at, record, ...more) => {
    for (let word = 0; word < words; word += 1) before[word] = data[at + word]!;
    try {
      add(data, at, record, ...more);
    } catch (error) {
      for (let word = 0; word < words; word += 1) data[at + word] = before[word]!;
      throw error;
    }
  };
}

/**
 * Accumulators of a spec with at least one value aggregation. They change in place, so they are saved before.
 * Both are plain arrays: a typed array for each key would take three times the memory, and restoring
 * a million of them is mostly garbage collection. Snapshots of former versions hold some typed arrays all the same.
 */
export interface MixedState {
  readonly numbers: Words;
  /** By aggregation; undefined for the numeric ones. */
  readonly values: unknown[];
}

export interface MixedFunctions {
  readonly initial: () => MixedState;
  readonly add: (state: MixedState, record: unknown, timestamp: number) => void;
  /** Adds what another state has of later records. Undefined where an aggregation cannot be merged. */
  readonly merge: ((state: MixedState, from: MixedState) => void) | undefined;
  readonly row: (state: MixedState, key: unknown, start: number, end: number) => unknown;
}

export function mixedFunctions(
  spec: AggregationSpecData,
  fields: readonly string[],
): MixedFunctions {
  const aggregations = Object.values(spec);
  const offsets: number[] = [];
  let words = 0;
  for (const aggregation of aggregations) {
    offsets.push(words);
    if (aggregation.kind === 'numeric') words += aggregation.words;
  }
  const add = (i: number) =>
    aggregations[i]!.kind === 'numeric'
      ? `a${i}.add(state.numbers, ${offsets[i]}, record);`
      : `state.values[${i}] = a${i}.add(state.values[${i}], record, timestamp);`;
  const merge = (i: number) =>
    aggregations[i]!.kind === 'numeric'
      ? `a${i}.merge(state.numbers, ${offsets[i]}, from.numbers, ${offsets[i]});`
      : `state.values[${i}] = a${i}.merge(state.values[${i}], from.values[${i}]);`;
  const result = (i: number) =>
    aggregations[i]!.kind === 'numeric'
      ? `a${i}.result(state.numbers, ${offsets[i]})`
      : `a${i}.result(state.values[${i}])`;
  const names = aggregations.map((_, i) => `a${i}`);
  const adds = aggregations.map((_, i) => add(i));
  return {
    initial() {
      const numbers: number[] = [];
      for (let word = 0; word < words; word += 1) numbers.push(0);
      const values = aggregations.map((aggregation, i) => {
        if (aggregation.kind === 'value') return aggregation.initial();
        aggregation.init(numbers, offsets[i]!);
        return undefined;
      });
      return { numbers, values };
    },
    add: generate(names, `(state, record, timestamp) => { ${adds.join(' ')} }`, aggregations),
    merge: aggregations.every((one) => one.merge !== undefined)
      ? generate(
          names,
          `(state, from) => { ${aggregations.map((_, i) => merge(i)).join(' ')} }`,
          aggregations,
        )
      : undefined,
    row: generate(
      names,
      `(state, key, windowStart, windowEnd) => (${rowText(spec, fields, result)})`,
      aggregations,
    ),
  };
}

function rowText(
  spec: AggregationSpecData,
  fields: readonly string[],
  result: (i: number) => string,
): string {
  const names = Object.keys(spec);
  if (fields.length === 0) return result(0);
  for (const name of names) {
    if (!RESERVED_NAMES.includes(name) && !fields.includes(name)) continue;
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `an aggregation cannot be called '${name}': the name is taken; choose another.`,
    );
  }
  const entries = [
    ...fields.map((field) => `${JSON.stringify(field)}: ${field}`),
    ...names.map((name, i) => `${JSON.stringify(name)}: ${result(i)}`),
  ];
  return `{ ${entries.join(', ')} }`;
}

export function generate<F>(names: readonly string[], text: string, values: readonly unknown[]): F {
  // The text is ours, except for names, which stand in it as JSON strings.
  return new Function(...names, `'use strict'; return ${text};`)(...values) as F;
}
