/** The order of rows: by selected values, each upward or downward. */

import { HoldfastError } from '../../base/errors.js';
import { asyncCallbackError, checkCallback, describeValue, isThenable } from './callbacks.js';

/**
 * What rows can be ordered by. Upward: null and undefined, then false, true, numbers (of both types, by their value; NaN
 * behind all others), Dates, strings (by their UTF-16 units).
 */
export type OrderValue = string | number | bigint | boolean | Date | null | undefined;
export type Selector<in T> = (row: T) => OrderValue;

export interface OrderBy<in T> {
  readonly order: 'asc' | 'desc';
  readonly select: (row: T) => OrderValue;
}

/** A selector alone is `desc(selector)`. */
export type Order<T> = Selector<T> | OrderBy<T>;

/** Upward: the least value is ahead, null first of all. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function asc<T>(select: Selector<T>): OrderBy<T> {
  checkCallback(select, 'asc');
  return { order: 'asc', select };
}

/** Downward: the greatest value is ahead, null last of all. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function desc<T>(select: Selector<T>): OrderBy<T> {
  checkCallback(select, 'desc');
  return { order: 'desc', select };
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function requireOrder(what: string, given: unknown): readonly OrderBy<never>[] {
  const orders = Array.isArray(given) ? given : [given];
  if (orders.length === 0) throw badOrder(what, given);
  return orders.map((one: unknown) => {
    if (typeof one === 'function') {
      checkCallback(one, what);
      return { order: 'desc', select: one as Selector<never> };
    }
    const { order, select } = (one ?? {}) as {
      readonly order?: unknown;
      readonly select?: unknown;
    };
    if (order !== 'asc' && order !== 'desc') throw badOrder(what, one);
    checkCallback(select, what);
    return { order, select: select as Selector<never> };
  });
}

function badOrder(what: string, given: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what} needs a selector such as (row) => row.count, asc(selector) or desc(selector), or several in an array, ` +
      `but was given ${describeValue(given)}.`,
  );
}

/** What the selectors give for a row. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE */
export function orderValues(selectors: readonly Selector<never>[], row: unknown): OrderValue[] {
  const values: OrderValue[] = [];
  for (let i = 0; i < selectors.length; i += 1) {
    const value = (selectors[i] as Selector<unknown>)(row);
    values.push(typeof value === 'number' || typeof value === 'string' ? value : ordered(value));
  }
  return values;
}

function ordered(value: OrderValue): OrderValue {
  if (isThenable(value)) throw asyncCallbackError("by's selector");
  if (typeof value !== 'object' || value === null || value instanceof Date) {
    if (typeof value !== 'symbol' && typeof value !== 'function') return value;
  }
  throw new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `a selector of \`by\` gave ${describeValue(value)}, by which nothing can be ordered. Give a string, number, ` +
      'bigint, boolean, Date, or null.',
  );
}

/** Negative: `a` is less. */
export function compareValues(a: OrderValue, b: OrderValue): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b);
  const place = placeOf(a) - placeOf(b);
  if (place !== 0) return place;
  if (a === null || a === undefined || b === null || b === undefined) return 0;
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/**
 * Compares by the first values that differ. Negative: `a` is ahead.
 * @param signs of `signsOf`; absent: all are upward
 */
export function compareLists(
  a: readonly OrderValue[],
  b: readonly OrderValue[],
  signs?: readonly number[],
): number {
  const { length } = signs ?? a;
  for (let i = 0; i < length; i += 1) {
    const difference = compareValues(a[i], b[i]);
    if (difference !== 0) return difference * (signs?.[i] ?? 1);
  }
  return 0;
}

/** 1 for upward, −1 for downward. */
export function signsOf(orders: readonly OrderBy<never>[]): readonly (1 | -1)[] {
  return orders.map(({ order }) => (order === 'asc' ? 1 : -1));
}

/** Values of one place can be compared with each other. */
function placeOf(value: OrderValue): number {
  switch (typeof value) {
    case 'undefined':
      return 0;
    case 'boolean':
      return 1;
    case 'number':
      return Number.isNaN(value) ? 3 : 2;
    case 'bigint':
      return 2;
    case 'object':
      return value === null ? 0 : 4;
    default:
      return 5;
  }
}
