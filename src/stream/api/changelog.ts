/** Changelogs: streams of rows that also say when a row is replaced or gone. Types, options, and what is checked at the door. */

import { HoldfastError } from '../../base/errors.js';
import { checkObject, checkOneOf } from '../../base/option-checks.js';
import type { UpsertSink } from '../sink.js';
import type { Aggregation } from './aggregations.js';
import { checkCallback, describeValue } from './callbacks.js';
import { type Order, type OrderValue, requireOrder, type Selector } from './order-by.js';
import { checkVersion, type StateVersion } from './state-version.js';
import { requireWholeMs } from './windows.js';

/** `+I`: a new row. `-U`, directly followed by `+U`: a row, and the one that replaces it. `-D`: the row is gone. */
export type ChangeKind = '+I' | '-U' | '+U' | '-D';
export const CHANGE_KINDS: readonly ChangeKind[] = ['+I', '-U', '+U', '-D'];

/** The side output on which an operator tells how its rows change. */
export const CHANGES_TAG = 'changes';

/** A row of a changelog as a record: the row's fields, and what becomes of it. */
export type Change<T> = T & { readonly change: ChangeKind };

/** `S`, if `T` can be a row of a changelog: an object without a field `change`. Else nothing fits. */
export type IfRow<T, S> = 0 extends 1 & T
  ? S
  : [T] extends [object]
    ? string extends keyof T
      ? S
      : 'change' extends keyof T
        ? never
        : S
    : never;

/** The rank of a row, from 1, under the name that was asked for. */
export type Ranked<T, R extends string> = [R] extends [never]
  ? T
  : T & { readonly [N in R]: number };

/**
 * Who stays ahead when rows are equal in all that `by` looks at. `'first'`: the one that came first, which depends on
 * the order of arrival where rows come from several splits. `'content'`: what the rows hold decides, never the order.
 */
export type Ties = 'first' | 'content';

export interface TopNOptions<T, R extends string = never> extends StateVersion<unknown> {
  /** What decides, the greatest ahead; several: the next one decides where all before are equal. See `asc` and `desc`. */
  readonly by: Order<T> | readonly Order<T>[];
  /** Default 'first'. */
  readonly ties?: Ties | undefined;
  /** Gives each row its rank, from 1, as a field of this name. Default: rows have no rank. */
  readonly rank?: R | undefined;
}

export interface TopNPlan {
  readonly n: number;
  readonly by: readonly Order<never>[];
  readonly ties: Ties;
  readonly rank: string | undefined;
  readonly state: StateVersion<unknown>;
}

const ROWS_MAX = 1_000_000;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function topNPlan(n: unknown, given: unknown): TopNPlan {
  if (!Number.isSafeInteger(n) || (n as number) < 1 || (n as number) > ROWS_MAX) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `topN(n, …) needs a whole number from 1 to ${ROWS_MAX}, but was given ${describeValue(n)}.`,
    );
  }
  const options = checkObject('topN', given as TopNOptions<unknown, string>, [
    'by',
    'ties',
    'rank',
    'version',
    'migrate',
  ]);
  const { version, migrate, rank } = options;
  checkVersion('topN', { version, migrate });
  if (rank !== undefined && (typeof rank !== 'string' || rank === '' || rank === 'change')) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `topN(…, { rank }) needs a name for the field that is not 'change', but was given ${describeValue(rank)}.`,
    );
  }
  return {
    n: n as number,
    by: requireOrder('topN(…, { by })', options.by),
    ties: checkOneOf('topN.ties', options.ties, 'first', ['first', 'content']),
    rank,
    state: { version, migrate },
  };
}

/** Keeps the record that comes first. */
export interface FirstOptions {
  /** How long a key is remembered, in ms of event time since its record was kept. Default: for ever. */
  readonly ttlMs?: number | undefined;
  readonly keep?: 'first' | undefined;
  readonly by?: undefined;
}

export interface LatestOptions<T> extends StateVersion<unknown> {
  /** How long a key is remembered, in ms of event time since its record was kept. Default: for ever. */
  readonly ttlMs?: number | undefined;
  /**
   * `'last'`: the greatest by `by`; of records that are equal in it, the one that comes later. `'first'`: the least; of
   * equal ones, the one that came first.
   */
  readonly keep: 'first' | 'last';
  /** `'time'`, the event time, or what else decides; several: one after the other. Default, of `'last'`: the arrival. */
  readonly by?: 'time' | Selector<T> | readonly Selector<T>[] | undefined;
  /** A record for which it says so is no row: it takes away the row of its key. Only with `keep: 'last'`. */
  readonly deletes?: ((record: T) => boolean) | undefined;
}

export interface DistinctPlan {
  readonly keep: 'first' | 'last';
  /** Empty: the arrival. */
  readonly by: 'time' | readonly ((record: never) => OrderValue)[];
  readonly deletes: ((record: never) => boolean) | undefined;
  readonly ttlMs: number | undefined;
  readonly state: StateVersion<unknown>;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function distinctPlan(given: unknown): DistinctPlan {
  const options = checkObject('distinctBy', given as LatestOptions<unknown> | undefined, [
    'keep',
    'by',
    'deletes',
    'ttlMs',
    'version',
    'migrate',
  ]);
  const { by, deletes, ttlMs, version, migrate } = options;
  const keep = checkOneOf('distinctBy.keep', options.keep, 'first', ['first', 'last']);
  if (ttlMs !== undefined) requireWholeMs('distinctBy(…, { ttlMs })', ttlMs, 1);
  checkVersion('distinctBy', { version, migrate });
  if (deletes !== undefined) {
    checkCallback(deletes, 'distinctBy({ deletes })');
    if (keep === 'first') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        "distinctBy(…, { deletes }) is for keep: 'last': what keeps the first record lets nothing take it away.",
      );
    }
  }
  const selectors = by === undefined || by === 'time' ? [] : [by].flat();
  for (const selector of selectors) checkCallback(selector, 'distinctBy({ by })');
  return {
    keep,
    by: by === 'time' ? 'time' : (selectors as DistinctPlan['by']),
    deletes,
    ttlMs,
    state: { version, migrate },
  };
}

export interface TableOptions<T, K> {
  /** Under what a row stands in the table. Rows that are there at the same time have different keys. */
  readonly key: (row: T) => K;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function tableKey(options: unknown): (row: never) => unknown {
  const { key } = checkObject('table', options as TableOptions<never, unknown>, ['key']);
  checkCallback(key, 'a table: { key }');
  return key!;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_CANNOT_RETRACT */
export function requireUpserts(sink: unknown): void {
  const { kind, open, upserts } = (sink ?? {}) as Partial<UpsertSink<unknown>>;
  if (typeof open !== 'function') {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `sinkTo(…) of a changelog needs a sink that keeps a table, but was given ${describeValue(sink)}.`,
    );
  }
  if (upserts === true) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_CANNOT_RETRACT',
    `the sink ${kind} can only add, and rows of a changelog are replaced and taken back. To write the changes as they ` +
      "are, with a field 'change', put .asRecords() before .sinkTo(…); .collectTable(name, { key }) keeps the final " +
      'table; or write a sink with `upserts: true` (docs/own-sinks.md).',
    { details: { sink: kind } },
  );
}

export function rowsOfTrigger(): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CANNOT_RETRACT',
    'toChangelog(): a window with a trigger(…) of its own emits rows when that says so, and which of them replaces ' +
      'another is not known. Leave the trigger out, or keep the last row of each window with .distinctBy(…).',
  );
}

/** @param aggregations by name @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireNoChangeField(aggregations: unknown): void {
  if (!Object.hasOwn(Object(aggregations) as object, 'change')) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    "toChangelog(): an answer has the name 'change', which says in a changelog what becomes of the row; choose another.",
  );
}

/**
 * Refuses aggregations that cannot take back what they have counted.
 * @throws HoldfastError ERR_HOLDFAST_CANNOT_RETRACT
 */
export function requireRetractable(
  spec: Readonly<Record<string, Aggregation<never, unknown>>>,
): void {
  for (const [name, { type, retractable }] of Object.entries(spec)) {
    if (retractable !== undefined) continue;
    throw new HoldfastError(
      'ERR_HOLDFAST_CANNOT_RETRACT',
      `aggregate(…): '${name}' (${type}) cannot take back what it has counted, as rows of a changelog ask for. ` +
        'Give an aggregation(…) of your own a `retract` beside `add`, or use count, sum, sumBigInt, average, min or max.',
      { details: { aggregation: name } },
    );
  }
}
