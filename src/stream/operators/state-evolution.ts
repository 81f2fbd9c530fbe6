/** Turns state of an older layout into state of today's (state-layout.ts): one function per kind of state. */

import { assert } from '../../base/assert.js';
import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { NumericAggregation, Words } from '../api/aggregations.js';
import type { Slot } from '../api/process.js';
import type { StateKind } from '../api/state-specs.js';
import type { JoinRow } from '../joins/join-context.js';
import { describeKey } from '../state/cell-section.js';
import { BITS_PER_WORD, BITS_WORD, OWNER_WORD } from '../state/distinct-values.js';
import type { Expiring } from '../state/handle.js';
import {
  DISTINCT,
  type EvolvedEntry,
  type LayoutEntry,
  migrateValue,
  requireEvolution,
  type StateDescription,
  type StateLayout,
} from '../state/state-layout.js';
import type { AnyAggregation, MixedState } from './row-shape.js';

/** Gives today's value for a value of a former layout. */
export type EvolveValue = (value: unknown, key: unknown) => unknown;

/** Copies a row of a former layout: `from` and `to` are where the rows begin. */
export type EvolveRow = (
  source: Float64Array,
  from: number,
  target: Float64Array,
  to: number,
) => void;

export type Migrate = (state: unknown, fromVersion: number) => unknown;

/**
 * Evolves values that are the only one of their cell: those of a reduce, say.
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function reducedEvolution(
  operator: string,
  before: string,
  now: StateDescription,
  migrate: Migrate | undefined,
): EvolveValue {
  const change = requireEvolution(operator, before, now);
  const from = change.kind === 'same' ? undefined : change.entries[0]!.migrateFrom;
  if (change.kind === 'same' || from === undefined || migrate === undefined)
    return (value) => value;
  const { name, version: to } = change.now.entries[0]!;
  return (value, key) =>
    migrateValue(migrate, value, { operator, name, from, to, key: describeKey(key) });
}

/**
 * Evolves the values of aggregations of which some are no numbers.
 * @param initial a value before any record
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function mixedEvolution(
  operator: string,
  before: string,
  now: StateDescription,
  aggregations: readonly AnyAggregation[],
  initial: () => MixedState,
): EvolveValue {
  const change = requireEvolution(operator, before, now);
  if (change.kind === 'same') return (value) => value;
  const { entries } = change;
  const oldAt = offsets(change.before.entries);
  const at = offsets(change.now.entries);
  return (value, key) => {
    const old = value as MixedState;
    const evolved = initial();
    for (const [i, { from, migrateFrom }] of entries.entries()) {
      if (from === undefined) continue;
      const { words, name, version, isValue } = change.now.entries[i]!;
      if (!isValue) {
        copy(old.numbers, oldAt[from]!, evolved.numbers, at[i]!, words);
        continue;
      }
      const { migrate } = aggregations[i] as { readonly migrate?: Migrate | undefined };
      const former = old.values[from];
      const place = { operator, name, to: version, key: describeKey(key) };
      evolved.values[i] =
        migrateFrom === undefined || migrate === undefined
          ? former
          : migrateValue(migrate, former, { ...place, from: migrateFrom });
    }
    return evolved;
  };
}

/** What a cell held, as it stands in a row and beside it. */
export interface FormerCell {
  readonly numbers: Words;
  /** Of each distinct count, in order, the values that it has met; undefined: none. */
  readonly met: readonly (ReadonlySet<PrimitiveKey> | undefined)[];
}

/**
 * Takes cells of aggregations that are numbers and distinct counts, as former versions had them (state-layout.ts, DISTINCT).
 * @param counters the aggregations in the words of a row
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function formerCells(
  operator: string,
  before: string,
  now: StateDescription,
  counters: readonly NumericAggregation<never, unknown>[],
): (value: unknown) => FormerCell {
  const change = requireEvolution(operator, before, now);
  assert(change.kind === 'evolved', 'cells have a layout of their own');
  const { entries } = change;
  const oldAt = offsets(change.before.entries);
  const at = offsets(counters);
  return (value) => {
    const old = value as MixedState;
    const numbers = new Array<number>(sum(counters)).fill(0);
    const met: (ReadonlySet<PrimitiveKey> | undefined)[] = [];
    for (const [i, { from }] of entries.entries()) {
      const counter = counters[i]!;
      counter.init(numbers, at[i]!);
      const set =
        from === undefined
          ? undefined
          : (old.values[from] as ReadonlySet<PrimitiveKey> | undefined);
      if (counter.type === DISTINCT) met.push(set);
      if (from === undefined) continue;
      if (set === undefined) copy(old.numbers, oldAt[from]!, numbers, at[i]!, counter.words);
      else numbers[at[i]!] = set.size;
    }
    return { numbers, met };
  };
}

/**
 * Evolves entries of distinct values: what counts have met stays with them, wherever they stand among the others.
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function distinctEvolution(
  operator: string,
  before: string,
  now: StateDescription,
): EvolveRow {
  const change = requireEvolution(operator, before, now);
  assert(change.kind === 'evolved', 'only another layout evolves');
  const counts = (layout: StateLayout) => layout.entries.filter(({ type }) => type === DISTINCT);
  const names = counts(change.now).map(({ name }) => name);
  const words = Math.ceil(names.length / BITS_PER_WORD);
  const moves = counts(change.before)
    .map(({ name }, from) => ({ from: placeOfBit(from), to: placeOfBit(names.indexOf(name)) }))
    .filter(({ to }) => to.word >= BITS_WORD);
  return (source, from, target, to) => {
    target[to + OWNER_WORD] = source[from + OWNER_WORD]!;
    for (let word = 0; word < words; word += 1) target[to + BITS_WORD + word] = 0;
    for (const move of moves) {
      if ((source[from + move.from.word]! & move.from.bit) === 0) continue;
      target[to + move.to.word] = target[to + move.to.word]! | move.to.bit;
    }
  };
}

function placeOfBit(count: number): { readonly word: number; readonly bit: number } {
  return {
    word: BITS_WORD + Math.floor(count / BITS_PER_WORD),
    bit: 1 << (count & (BITS_PER_WORD - 1)),
  };
}

/**
 * Evolves the slots of a key's state (keyed-state.ts): of a list each item is migrated, of a map each value, and
 * of a join each record.
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function slotEvolution(
  operator: string,
  before: string,
  now: StateDescription,
  slots: readonly Slot[],
): EvolveValue {
  const change = requireEvolution(operator, before, now);
  if (change.kind === 'same') return (value) => value;
  const { entries } = change;
  return (value, key) => {
    const old = change.before.entries.length === 1 ? [value] : (value as readonly unknown[]);
    const evolved = entries.map(({ from, migrateFrom }, i) => {
      const former = from === undefined ? undefined : old[from];
      const { name, spec } = slots[i]!;
      if (former === undefined || migrateFrom === undefined || spec?.migrate === undefined) {
        return former;
      }
      const migrate = spec.migrate as Migrate;
      const to = spec.version;
      const place = { operator, name, from: migrateFrom, to, key: describeKey(key) };
      const migrated = (part: unknown) => migrateValue(migrate, part, place);
      if (spec.ttlMs === undefined) return migrateSlot(spec.kind, former, migrated);
      return migrateSlot(spec.kind, former, (part) => {
        const [atMs, kept] = part as Expiring;
        return [atMs, migrated(kept)];
      });
    });
    return evolved.length === 1 ? evolved[0] : evolved;
  };
}

function migrateSlot(kind: StateKind, slot: unknown, migrate: (part: unknown) => unknown): unknown {
  switch (kind) {
    case 'value':
    case 'reducing':
    case 'aggregating':
      return migrate(slot);
    case 'list':
      return (slot as readonly unknown[]).map(migrate);
    case 'map':
      return new Map([...(slot as Map<unknown, unknown>)].map(([key, one]) => [key, migrate(one)]));
    case 'rows':
      return new Map(
        [...(slot as Map<number, readonly JoinRow[]>)].map(([timeMs, rows]) => [
          timeMs,
          rows.map(([kept, ...more]) => [migrate(kept), ...more]),
        ]),
      );
  }
}

/**
 * Evolves rows of numbers.
 * @param lead words of a row before the accumulators
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function rowEvolution(
  operator: string,
  before: string,
  now: StateDescription,
  aggregations: readonly NumericAggregation<never, unknown>[],
  lead: number,
): EvolveRow {
  const change = requireEvolution(operator, before, now);
  if (change.kind === 'same') {
    const words = lead + sum(aggregations);
    return (source, from, target, to) => copy(source, from, target, to, words);
  }
  const oldAt = offsets(change.before.entries);
  const at = offsets(change.now.entries);
  const steps = change.entries.map((entry, i) => step(entry, i));
  return (source, from, target, to) => {
    copy(source, from, target, to, lead);
    for (const take of steps) take(source, from + lead, target, to + lead);
  };

  function step({ from }: EvolvedEntry, i: number): EvolveRow {
    const aggregation = aggregations[i]!;
    const place = at[i]!;
    if (from === undefined)
      return (_source, _from, target, to) => aggregation.init(target, to + place);
    const { words } = aggregation;
    return (source, row, target, to) => copy(source, row + oldAt[from]!, target, to + place, words);
  }
}

function copy(source: Words, from: number, target: Words, to: number, words: number): void {
  for (let word = 0; word < words; word += 1) target[to + word] = source[from + word]!;
}

function offsets(entries: readonly Pick<LayoutEntry, 'words'>[]): readonly number[] {
  let at = 0;
  return entries.map(({ words }) => {
    at += words;
    return at - words;
  });
}

function sum(aggregations: readonly { readonly words: number }[]): number {
  return aggregations.reduce((words, one) => words + one.words, 0);
}
