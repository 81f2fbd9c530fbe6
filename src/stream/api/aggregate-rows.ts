/** The types of the rows that aggregates give. */

import type { AggregationResults } from './aggregations.js';
import type { CountWindow, SessionWindow, WindowBounds } from './windows.js';

/** Names that the fields of a row have already: no answer can have one of them. */
export type NoneOf<Names extends string> = { readonly [N in Names]?: never };

/** The same type, shown as one object. */
export type Flat<X> = { [P in keyof X]: X[P] };

/** The row of a keyed aggregate. */
export type KeyedRow<K, A> = Flat<{ key: K } & AggregationResults<A>>;

/** The row of a windowed aggregate: `windowStart` (inclusive) and `windowEnd` (exclusive) in ms. */
export type WindowRow<K, A> = Flat<
  { key: K; windowStart: number; windowEnd: number } & AggregationResults<A>
>;

/**
 * The row of a session: `windowStart` and `windowEnd` (the last record's time + the gap) in ms, both inclusive.
 * `replaces`, where lateness is allowed, has the windows of all earlier rows of which this one takes the place; it is
 * empty in the first row of a session.
 */
export type SessionRow<K, A> = Flat<
  {
    key: K;
    windowStart: number;
    windowEnd: number;
    replaces?: readonly WindowBounds[];
  } & AggregationResults<A>
>;

/** The row of an aggregate over windows of that kind. Windows of a number of records have no bounds. */
export type RowOf<W, K, A> = W extends SessionWindow
  ? SessionRow<K, A>
  : W extends CountWindow
    ? KeyedRow<K, A>
    : WindowRow<K, A>;

/** The row of an aggregate over windows of all records: as a `WindowRow`, without a key. */
export type AllWindowRow<A> = Flat<
  { windowStart: number; windowEnd: number } & AggregationResults<A>
>;
