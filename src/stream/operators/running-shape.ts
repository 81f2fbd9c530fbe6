/**
 * Running aggregates over numbers, of which some may count different values: rows of numbers, with the values beside them
 * (state/distinct-values.ts).
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { NumericAggregation, Words } from '../api/aggregations.js';
import { BITS_PER_WORD, type DistinctValues } from '../state/distinct-values.js';
import type { RowCopier } from '../state/row-table.js';
import { DISTINCT, type StateDescription } from '../state/state-layout.js';
import {
  type AggregationSpecData,
  type AnyAggregation,
  aggregatedState,
  generate,
  isNumericSpec,
  layoutOf,
  type NumericFunctions,
  numericFunctions,
} from './row-shape.js';
import { distinctEvolution, type FormerCell, formerCells } from './state-evolution.js';

/** Adds a record to the accumulators of a row, which begin at `at`. */
export type RowAdd = (data: Words, at: number, record: unknown, row: number, group: number) => void;

/** What a spec needs where some of its aggregations count different values. */
export interface DistinctCounts {
  readonly counts: number;
  /** Adds to all accumulators. When a selector throws, no value was noted. */
  add(values: DistinctValues): RowAdd;
  evolve(operator: string, before: string): RowCopier;
  /** See `formerCells`. */
  formerCell(operator: string, before: string): (value: unknown) => FormerCell;
}

export interface RunningFunctions {
  readonly functions: NumericFunctions;
  /** What stands in the words of a row, in order. */
  readonly counters: readonly Counter[];
  /** Undefined: there are none. */
  readonly distinct: DistinctCounts | undefined;
}

type Counter = NumericAggregation<never, unknown>;

/** The state of a running aggregate. */
export function runningState(spec: AggregationSpecData): StateDescription {
  const counters = countersOf(spec);
  if (counters === undefined || isNumericSpec(spec)) return aggregatedState(spec);
  return { section: 'rows', layout: layoutOf(counters), migrates: [], formerly: 'cells' };
}

/**
 * @param fields as for `numericFunctions`
 * @returns undefined for a spec with aggregations that are no numbers
 */
export function runningFunctions(
  spec: AggregationSpecData,
  fields: readonly string[],
): RunningFunctions | undefined {
  const counters = countersOf(spec);
  if (counters === undefined) return undefined;
  const functions = numericFunctions(counters, fields);
  const ordered = Object.values(counters);
  if (isNumericSpec(spec)) return { functions, counters: ordered, distinct: undefined };
  const state = runningState(spec);
  const counted = countedOf(Object.values(spec), ordered);
  return {
    functions,
    counters: ordered,
    distinct: {
      counts: counted.length,
      add: (values) => distinctAdd(counted, functions, values),
      evolve: (operator, before) => distinctEvolution(operator, before, state),
      formerCell: (operator, before) => formerCells(operator, before, state, ordered),
    },
  };
}

/** A count of different values: one word, to which `distinctAdd` adds. */
const COUNTER: Counter = {
  kind: 'numeric',
  type: DISTINCT,
  words: 1,
  init: (data, at) => {
    data[at] = 0;
  },
  add: () => {},
  result: (data, at) => data[at]!,
};

function countersOf(spec: AggregationSpecData): Readonly<Record<string, Counter>> | undefined {
  const counters: (readonly [string, Counter])[] = [];
  for (const [name, one] of Object.entries(spec)) {
    if (one.kind === 'value' && one.distinct === undefined) return undefined;
    counters.push([name, one.kind === 'numeric' ? one : COUNTER]);
  }
  return Object.fromEntries(counters); // A name may be `__proto__`, which is refused further on.
}

interface Counted {
  readonly valueIn: (record: never) => PrimitiveKey | undefined;
  /** Where its count is among the words. */
  readonly offset: number;
}

function countedOf(
  aggregations: readonly AnyAggregation[],
  counters: readonly Counter[],
): readonly Counted[] {
  const counted: Counted[] = [];
  let offset = 0;
  for (const [i, { words }] of counters.entries()) {
    const one = aggregations[i]!;
    if (one.kind === 'value') counted.push({ valueIn: one.distinct!, offset });
    offset += words;
  }
  return counted;
}

/**
 * Looks for each value once, where counts that stand side by side give the same: the same under several conditions, say.
 * All selectors are called ahead of the first search, since what is noted is not taken back.
 */
function distinctAdd(
  counted: readonly Counted[],
  { add }: NumericFunctions,
  values: DistinctValues,
): RowAdd {
  const selects = counted.map(({ valueIn }) => valueIn);
  const steps = counted.map((_, i) => {
    const bit = 1 << (i & (BITS_PER_WORD - 1));
    const begins = `bits = v${i} === undefined ? 0 : ${bit}; value = v${i};`;
    if (i % BITS_PER_WORD === 0) return i === 0 ? begins : `${noting(i - 1)} ${begins}`;
    return `if (v${i} !== undefined) {
      if (v${i} !== value) { ${noting(i)} value = v${i}; bits = 0; }
      bits |= ${bit};
    }`;
  });
  const names = selects.map((_, i) => `select${i}`);
  return generate(
    ['add', 'values', ...noters(counted).map(([name]) => name), ...names],
    `(data, at, record, row, group) => {
      add(data, at, record);
      ${names.map((name, i) => `const v${i} = ${name}(record);`).join(' ')}
      let value; let bits;
      ${steps.join('\n')}
      ${noting(counted.length - 1)}
    }`,
    [add, values, ...noters(counted).map(([, noter]) => noter), ...selects],
  );
}

/** The step that notes what was gathered of a word's counts. @param count one of them */
function noting(count: number): string {
  const word = Math.floor(count / BITS_PER_WORD);
  return `if (bits !== 0) note${word}(data, at, values.note(row, group, value, ${word}, bits));`;
}

/** For each word of bits: counts those that had not met a value. */
function noters(counted: readonly Counted[]): readonly (readonly [string, unknown])[] {
  const words = Math.ceil(counted.length / BITS_PER_WORD);
  return Array.from({ length: words }, (_, word) => {
    const own = counted.slice(word * BITS_PER_WORD, (word + 1) * BITS_PER_WORD);
    const counts = own.map(
      ({ offset }, i) => `if ((bits & ${1 << i}) !== 0) data[at + ${offset}] += 1;`,
    );
    const text = `(data, at, bits) => { if (bits === 0) return; ${counts.join(' ')} }`;
    return [`note${word}`, generate([], text, [])] as const;
  });
}
