/**
 * One record as one line of JSON, and nothing lost without a word.
 *
 * What JSON writes as something else is refused, by the path to it: NaN and Infinity (null), Maps, Sets
 * and errors ({}), bytes ({"0":1}), functions and symbols, undefined in a list (null), a list's properties
 * of other names, instances with nothing to show. A property that is undefined is left out, as everywhere,
 * and so are symbols as keys and hidden properties; -0 is written as -0, which JSON.stringify does not;
 * Dates become texts; a class's own toJSON is asked; what else a class's instance has of its own is
 * written like a plain object's.
 */

import { types } from 'node:util';
import { HoldfastError } from '../../base/errors.js';
import { UNFIT_RECORD } from '../../base/failure.js';
import { isError, messageOf } from '../../base/realm.js';
import { withArticle } from '../../base/with-article.js';

/** The record's JSON without a newline. Throws ERR_HOLDFAST_SINK for what JSON cannot hold. */
export function jsonLine(record: unknown, target: string): string {
  let line: string | undefined;
  try {
    line = JSON.stringify(record);
  } catch (error) {
    const loss = isBigintError(error) ? lossIn(record) : undefined;
    throw unfit(target, loss ?? `JSON cannot hold this record: ${messageOf(error)}`, error);
  }
  const loss = record === undefined ? 'JSON has no undefined' : lossIn(record);
  if (loss === undefined) return line!;
  if (loss === NEGATIVE_ZERO) return withNegativeZeros(record, line!);
  throw unfit(target, loss);
}

/** This zero is no loss, since JSON has it; but it takes another way to write it. */
const NEGATIVE_ZERO = 'negative zero';

/** The zeros go through as texts that occur nowhere else in the line. */
function withNegativeZeros(record: unknown, line: string): string {
  let mark = '-0';
  while (line.includes(mark)) mark += '0';
  const marked = JSON.stringify(record, (_key, value: unknown) =>
    Object.is(value, -0) ? mark : value,
  );
  return marked.replaceAll(`"${mark}"`, '-0');
}

/** Looks only after JSON has succeeded, since only then is it safe: it fails for what is circular. */
function isBigintError(error: unknown): boolean {
  return isError(error) && error.message.includes('BigInt');
}

/** The first thing that would be lost, in words; NEGATIVE_ZERO if that is all. */
function lossIn(record: unknown): string | undefined {
  const why = lossOf(record);
  if (why === undefined || why === NEGATIVE_ZERO) return why;
  const path = pathTo(record);
  return path === '' ? why : `${why} (at ${path})`;
}

/** Without a path, which costs too much to be kept along for every record. */
function lossOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      if (value === 0) return Object.is(value, -0) ? NEGATIVE_ZERO : undefined;
      return Number.isFinite(value) ? undefined : `JSON has no ${value}`;
    case 'bigint':
    case 'function':
    case 'symbol':
      return `JSON has no ${typeof value}`;
    case 'object':
      return value === null ? undefined : lossOfObject(value);
    default:
      return undefined;
  }
}

function lossOfObject(value: object): string | undefined {
  const isInstance = Object.getPrototypeOf(value) !== Object.prototype && !Array.isArray(value);
  if (isInstance) {
    const loss = lossOfInstance(value);
    if (loss !== undefined) return loss;
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const shown = (value as { toJSON: (key: string) => unknown }).toJSON('');
    if (shown === undefined) return 'its toJSON() gave nothing';
    return typeof shown === 'object' && shown !== null ? lossInside(shown) : lossOf(shown);
  }
  if (isInstance && isEmpty(value)) {
    return `JSON would make an empty object of ${withArticle(constructorName(value))}`;
  }
  return lossInside(value);
}

/** The worst of what a list or an object holds: a loss counts as worse than a zero. */
function lossInside(value: object): string | undefined {
  let zero: string | undefined;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const item: unknown = value[i];
      const loss = item === undefined ? 'JSON has no undefined in a list' : lossOf(item);
      if (loss === NEGATIVE_ZERO) zero = loss;
      else if (loss !== undefined) return loss;
    }
    const names = Object.keys(value);
    if (names.length === value.length) return zero;
    return `JSON would leave out the property ${JSON.stringify(names.at(-1))} of a list`;
  }
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    const loss = lossOf((value as Record<string, unknown>)[name]);
    if (loss === NEGATIVE_ZERO) zero = loss;
    else if (loss !== undefined) return loss;
  }
  return zero;
}

function lossOfInstance(value: object): string | undefined {
  if (types.isDate(value)) {
    return Number.isNaN(value.getTime()) ? 'JSON has no invalid dates' : undefined;
  }
  if (types.isMap(value) || types.isSet(value) || types.isRegExp(value) || types.isPromise(value)) {
    return `JSON would make an empty object of ${withArticle(className(value))}`;
  }
  if (isError(value)) {
    return `JSON would leave out the message of ${withArticle(className(value))}`;
  }
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return `JSON has no bytes, and would write ${withArticle(className(value))} as an object`;
  }
  return undefined;
}

/** Is this an instance whose data is in private fields or internal slots, as far as can be seen? */
function isEmpty(value: object): boolean {
  if (Object.getPrototypeOf(value) === null || types.isBoxedPrimitive(value)) return false;
  return Object.keys(value).length === 0;
}

function constructorName(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : className(value);
}

function className(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** Finds the path, `order.lines[3].price`, by the same walk, once it is known that there is a loss. */
function pathTo(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  if (Array.isArray(value)) {
    const at = value.findIndex((item) => item === undefined || isLost(item));
    return at < 0 ? '' : `[${at}]${joined(pathTo(value[at]))}`;
  }
  if (lossOfInstance(value) !== undefined || 'toJSON' in value) return '';
  for (const [name, item] of Object.entries(value)) {
    if (!isLost(item)) continue;
    const plain = /^[A-Za-z_$][\w$]*$/.test(name);
    return `${plain ? name : `[${JSON.stringify(name)}]`}${joined(pathTo(item))}`;
  }
  return '';
}

function isLost(value: unknown): boolean {
  const loss = lossOf(value);
  return loss !== undefined && loss !== NEGATIVE_ZERO;
}

function joined(rest: string): string {
  return rest === '' || rest.startsWith('[') ? rest : `.${rest}`;
}

function unfit(target: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `'${target}': ${why}. Map records to plain JSON data before the sink ` +
      '(bigints to text or number, Maps to objects, bytes to text).',
    { details: { [UNFIT_RECORD]: true }, ...(cause === undefined ? {} : { cause }) },
  );
}
