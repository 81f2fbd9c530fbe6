/**
 * What the state of an operator consists of, as a text that stands in each of its sections; and what becomes of
 * state that was written under another layout.
 *
 *      WINDOW|ENTRY|ENTRY|…      WINDOW, of windowed operators, is as stream/windows/window-layout.ts writes it
 *      ENTRY                     "name":type:words, or "name":type:value, and :version above 1
 *      reduce                    the only entry of a reduce; reduce:2 for version 2
 *
 *  E1  An entry is known again by its name; order does not matter. A new entry begins with its initial value, also
 *      for keys that are there already.
 *  E2  A value of an older version is migrated once, when it is restored. Refused are an older version without
 *      `migrate`, and a version newer than the job's (I21).
 *  E3  An entry that is gone is dropped only where the user has said so.
 *  E4  Another type under the same name is refused, and so are other windows: the words would mean something else.
 *  E5  A later snapshot may not build on state that has evolved: the first snapshot holds everything.
 */

import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';

export interface LayoutEntry {
  readonly name: string;
  readonly type: string;
  /** Float64 words; 0 for a value. */
  readonly words: number;
  readonly isValue: boolean;
  /** From 1. */
  readonly version: number;
}

export interface StateLayout {
  /** `tumbling:size:offset` and the like; empty where there are no windows. */
  readonly window: string;
  readonly entries: readonly LayoutEntry[];
}

/** State of an operator, for manifests and for comparing layouts. */
export interface StateDescription {
  /** Name of its section. */
  readonly section: string;
  readonly layout: string;
  /** Names of entries that can be migrated. */
  readonly migrates: readonly string[];
  /** The section of another kind in which former versions kept it: that is taken over as well. */
  readonly formerly?: string | undefined;
}

/**
 * The type of distinct counts. In cells each is a set, a value of its own; in rows it is a number, beside the values
 * (distinct-values.ts).
 */
export const DISTINCT = 'distinct';

/** The type of the only entry of windows that hold their records: for `process`, and under an evictor. */
export const RECORDS = 'records';

/** Sections of keyed state: rows of numbers, or cells of any values. */
const KINDS: readonly string[] = ['rows', 'cells'];

/**
 * Refuses state of the other kind, so that it is never left out silently.
 * @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function refuseOtherKind(
  operator: string,
  restored: readonly { readonly name: string }[],
  { section, layout, formerly }: StateDescription,
): void {
  const other = restored.find(
    ({ name }) => KINDS.includes(name) && name !== section && name !== formerly,
  );
  if (other !== undefined) {
    throw stateRefused(operator, kindProblem(other.name), `state in ${other.name}`, layout);
  }
}

export function kindProblem(before: string): string {
  if (before === 'broadcast')
    return 'it has broadcast state, and now is connected to no such stream';
  return before === 'rows'
    ? 'it consists of numbers only, and now has more than that, which is kept differently: an aggregation of another ' +
        'kind, or records of windows with a trigger, an evictor or process(…)'
    : 'it has more than numbers (an aggregation of another kind, or records of windows with a trigger, an evictor or ' +
        'process(…)), and now has numbers only, which are kept differently';
}

export interface EvolvedEntry {
  /** The entry's index among the former entries; undefined: the entry is new (E1). */
  readonly from: number | undefined;
  /** The former version, when the value is to be migrated. */
  readonly migrateFrom: number | undefined;
}

export type LayoutChange =
  | { readonly kind: 'same' }
  | {
      readonly kind: 'evolved';
      readonly before: StateLayout;
      readonly now: StateLayout;
      /** By the index of the entries as they are now. */
      readonly entries: readonly EvolvedEntry[];
      readonly dropped: readonly string[];
    }
  | { readonly kind: 'refused'; readonly problem: string };

export const REDUCE = 'reduce';

export function reduceLayout(version: number): string {
  return version === 1 ? REDUCE : `${REDUCE}:${version}`;
}

export function layoutEntry({ name, type, words, isValue, version }: LayoutEntry): string {
  const tail = version === 1 ? '' : `:${version}`;
  return `${JSON.stringify(name)}:${type}:${isValue ? 'value' : words}${tail}`;
}

const WINDOW = /^([a-z]+(?::[\w/+-]+)*)\|/;
const REDUCED = /^reduce(?::(\d+))?$/;
const ENTRY = /^("(?:[^"\\]|\\.)*"):([^:|]+):(value|\d+)(?::(\d+))?(?:\||$)/;

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
export function parseLayout(text: string): StateLayout {
  const window = WINDOW.exec(text)?.[1] ?? '';
  let rest = window === '' ? text : text.slice(window.length + 1);
  const reduced = REDUCED.exec(rest);
  if (reduced !== null) {
    const version = Number(reduced[1] ?? 1);
    return { window, entries: [{ name: REDUCE, type: REDUCE, words: 0, isValue: true, version }] };
  }
  const entries: LayoutEntry[] = [];
  while (rest !== '') {
    const found = ENTRY.exec(rest);
    if (found === null) {
      throw new HoldfastError(
        'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
        `keyed state in the checkpoint is damaged: '${text}' does not say what it consists of. Restore an ` +
          'older checkpoint.',
      );
    }
    const [all, name, type, words, version] = found;
    entries.push({
      name: JSON.parse(name!) as string,
      type: type!,
      words: words === 'value' ? 0 : Number(words),
      isValue: words === 'value',
      version: Number(version ?? 1),
    });
    rest = rest.slice(all.length);
  }
  return { window, entries };
}

/** What becomes of state of the layout `before` when the job has the layout `now`. Pure. */
export function compareLayouts(
  before: string,
  { layout, migrates }: Pick<StateDescription, 'layout' | 'migrates'>,
): LayoutChange {
  if (before === layout) return { kind: 'same' };
  const old = parseLayout(before);
  const now = parseLayout(layout);
  if (old.window !== now.window) return { kind: 'refused', problem: windowProblem(old, now) };
  if (holdsRecords(old) !== holdsRecords(now)) {
    return { kind: 'refused', problem: recordsProblem(old) };
  }
  const entries: EvolvedEntry[] = [];
  for (const entry of now.entries) {
    const from = old.entries.findIndex(({ name }) => name === entry.name);
    const former = old.entries[from];
    if (former === undefined) {
      entries.push({ from: undefined, migrateFrom: undefined });
      continue;
    }
    const problem = entryProblem(former, entry, migrates);
    if (problem !== undefined) return { kind: 'refused', problem };
    const migrateFrom = former.version === entry.version ? undefined : former.version;
    entries.push({ from, migrateFrom });
  }
  const dropped = old.entries
    .map(({ name }) => name)
    .filter((name) => !now.entries.some((entry) => entry.name === name));
  return { kind: 'evolved', before: old, now, entries, dropped };
}

function windowProblem(old: StateLayout, now: StateLayout): string {
  const told = ({ window }: StateLayout) => (window === '' ? 'no windows' : `windows '${window}'`);
  return `it holds ${told(old)} and now has ${told(now)} (times in ms), so what is open cannot be told apart`;
}

/** E4: that no entry is left does not make the one of the other. */
function holdsRecords({ entries }: StateLayout): boolean {
  return entries.some(({ type }) => type === RECORDS);
}

function recordsProblem(old: StateLayout): string {
  const [before, now] = holdsRecords(old)
    ? ['the records of windows', 'what they are folded into: an evictor has gone']
    : [
        'what the records of windows are folded into',
        'the records themselves: an evictor has come',
      ];
  return `it holds ${before}, and now has ${now}`;
}

function entryProblem(
  former: LayoutEntry,
  now: LayoutEntry,
  migrates: readonly string[],
): string | undefined {
  const { name } = now;
  const isKeptAlike = former.words === now.words && former.isValue === now.isValue;
  if (former.type !== now.type || !(isKeptAlike || now.type === DISTINCT)) {
    return `'${name}' was ${former.type} and is ${now.type} now: give it another name`;
  }
  if (former.version > now.version) {
    return `'${name}' was written in version ${former.version}, and the job knows version ${now.version}: deploy the newer job, or one that reads that version`;
  }
  if (former.version < now.version && !migrates.includes(name)) {
    return `'${name}' was written in version ${former.version} and is version ${now.version} now, without a 'migrate' from the one to the other`;
  }
  return undefined;
}

/** @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE when state of that layout cannot be taken over */
export function requireEvolution(
  operator: string,
  before: string,
  now: Pick<StateDescription, 'layout' | 'migrates'>,
): Exclude<LayoutChange, { kind: 'refused' }> {
  const change = compareLayouts(before, now);
  if (change.kind === 'refused') throw stateRefused(operator, change.problem, before, now.layout);
  return change;
}

export function stateRefused(
  operator: string,
  problem: string,
  before: string,
  now: string,
): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `the checkpoint's state of operator '${operator}' cannot be taken over: ${problem}. ` +
      'Or restore with the aggregations and windows that the state was made with, give the operator another ' +
      ".uid() and allow the old state to be dropped (allowDropped), or start afresh with restore: 'none'.",
    { details: { operator, before, now } },
  );
}

/**
 * Migrates one value.
 * @throws HoldfastError ERR_HOLDFAST_STATE_MIGRATION that names operator, state, versions and key
 */
export function migrateValue(
  migrate: (value: unknown, fromVersion: number) => unknown,
  value: unknown,
  place: {
    readonly operator: string;
    readonly name: string;
    readonly from: number;
    readonly to: number;
    readonly key: string;
  },
): unknown {
  const { operator, name, from, to, key } = place;
  try {
    const migrated = migrate(value, from);
    if (isThenable(migrated)) throw asyncCallbackError('migrate');
    if (migrated === undefined || typeof migrated === 'function') {
      throw new TypeError(`migrate gave ${describeValue(migrated)}, which is no state`);
    }
    return migrated;
  } catch (cause) {
    const reason = messageOf(cause);
    throw new HoldfastError(
      'ERR_HOLDFAST_STATE_MIGRATION',
      `state '${name}' of operator '${operator}' could not be migrated from version ${from} to ${to} for ` +
        `key ${key}: ${reason}`,
      { cause, details: { ...place } },
    );
  }
}
