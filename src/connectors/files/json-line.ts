/**
 * One record as one line of JSON, and nothing lost without a word.
 *
 * What JSON writes as something else is refused, by the path to it: NaN and Infinity (null), Maps, Sets
 * and errors ({}), bytes ({"0":1}), functions and symbols, undefined in a list (null). A property that
 * is undefined is left out, as everywhere; Dates become texts; a class's own toJSON is asked; what else
 * a class's instance has of its own is written like a plain object's.
 */

import { types } from 'node:util';
import { HoldfastError } from '../../base/errors.js';
import { isError, messageOf } from '../../base/realm.js';

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
  if (loss !== undefined) throw unfit(target, loss);
  if (line === undefined) throw unfit(target, 'toJSON() of this record gave nothing');
  return line;
}

/** Only then is it safe to look: what is circular has failed as well. */
function isBigintError(error: unknown): boolean {
  return isError(error) && error.message.includes('BigInt');
}

/** The first thing that would be lost, in words. */
function lossIn(record: unknown): string | undefined {
  const why = lossOf(record);
  if (why === undefined) return undefined;
  const path = pathTo(record);
  return path === '' ? why : `${why} (at ${path})`;
}

/** Without a path, which costs too much to be kept along for every record. */
function lossOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
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
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const item: unknown = value[i];
      const loss = item === undefined ? 'JSON has no undefined in a list' : lossOf(item);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    const loss = lossOfInstance(value);
    if (loss !== undefined) return loss;
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined;
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    const loss = lossOf((value as Record<string, unknown>)[name]);
    if (loss !== undefined) return loss;
  }
  return undefined;
}

function lossOfInstance(value: object): string | undefined {
  if (types.isDate(value)) {
    return Number.isNaN(value.getTime()) ? 'JSON has no invalid dates' : undefined;
  }
  if (types.isMap(value) || types.isSet(value) || types.isRegExp(value) || types.isPromise(value)) {
    return `JSON would make an empty object of a ${className(value)}`;
  }
  if (isError(value)) {
    return `JSON would leave out the message of a ${className(value)}`;
  }
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return `JSON has no bytes, and would write a ${className(value)} as an object`;
  }
  return undefined;
}

function className(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** `order.lines[3].price`: by the same walk, once it is known that there is something. */
function pathTo(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  if (Array.isArray(value)) {
    const at = value.findIndex((item) => item === undefined || lossOf(item) !== undefined);
    return at < 0 ? '' : `[${at}]${joined(pathTo(value[at]))}`;
  }
  if (lossOfInstance(value) !== undefined) return '';
  for (const [name, item] of Object.entries(value)) {
    if (lossOf(item) === undefined) continue;
    const plain = /^[A-Za-z_$][\w$]*$/.test(name);
    return `${plain ? name : `[${JSON.stringify(name)}]`}${joined(pathTo(item))}`;
  }
  return '';
}

function joined(rest: string): string {
  return rest === '' || rest.startsWith('[') ? rest : `.${rest}`;
}

function unfit(target: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `'${target}': ${why}. Map records to plain JSON data before the sink ` +
      '(bigints to text or number, Maps to objects, bytes to text).',
    cause === undefined ? {} : { cause },
  );
}
