/**
 * Takes built-in values apart into simpler ones, and makes them again: one pair of functions for each
 * kind. Copier, encoder and decoder use them.
 */

import { HoldfastError } from '../base/errors.js';
import { withArticle } from '../base/with-article.js';
import { builtIn, kindName, temporalClass } from './value-kinds.js';
import type { ErrorField } from './value-walk.js';

type Maker = new (...parts: unknown[]) => object;

/** A Temporal object as the arguments of its constructor; an Instant as its nanoseconds. */
export function temporalParts(value: object): readonly unknown[] {
  const name = kindName(value);
  const fields = value as Record<string, unknown>;
  switch (name) {
    case 'Instant':
      return [fields['epochNanoseconds']];
    case 'ZonedDateTime':
      return [fields['epochNanoseconds'], fields['timeZoneId'], fields['calendarId']];
    case 'PlainTime':
      return TIME_FIELDS.map((field) => fields[field]);
    case 'Duration':
      return DURATION_FIELDS.map((field) => fields[field]);
    default:
      return dateParts(name, value);
  }
}

/** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE where there is no Temporal; what its class throws */
export function makeTemporal(name: string, parts: readonly unknown[]): object {
  const Temporal = temporalClass(name) as unknown as Maker | undefined;
  if (Temporal === undefined) throw lacking(`Temporal.${name}`, 26);
  return new Temporal(...parts);
}

const TIME_FIELDS = ['hour', 'minute', 'second', 'millisecond', 'microsecond', 'nanosecond'];
const DURATION_FIELDS = ['years', 'months', 'weeks', 'days'].concat(
  TIME_FIELDS.map((field) => `${field}s`),
);

/**
 * The constructors take the date in the ISO calendar, which the text always shows. (`from` with that text
 * would not do, because months and days of other calendars come back with another day of reference.)
 */
function dateParts(name: string, value: object): readonly unknown[] {
  const text = (value as { toString(options: object): string }).toString({
    calendarName: 'always',
  });
  const [, year, month, day] = /^([+-]?\d+)-(\d\d)-(\d\d)/.exec(text)!.map(Number);
  const calendar = (value as { calendarId: string }).calendarId;
  if (name === 'PlainYearMonth') return [year, month, calendar, day];
  if (name === 'PlainMonthDay') return [month, day, calendar, year];
  if (name === 'PlainDate') return [year, month, day, calendar];
  const fields = value as unknown as Record<string, unknown>;
  return [year, month, day, ...TIME_FIELDS.map((field) => fields[field]), calendar];
}

/** A view of `bytes` bytes. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE where there is none */
export function makeView(
  name: string,
  buffer: ArrayBuffer,
  offset: number,
  bytes: number,
): ArrayBufferView {
  if (name === 'Buffer') return Buffer.from(buffer, offset, bytes);
  const View = builtIn(name) as unknown as Maker & { readonly BYTES_PER_ELEMENT?: number };
  if (View === undefined) throw lacking(name, 24);
  return new View(buffer, offset, bytes / (View.BYTES_PER_ELEMENT ?? 1)) as ArrayBufferView;
}

/** Bytes of one element; 1 for a class that this Node lacks. */
export function viewUnit(name: string): number {
  if (name === 'Buffer') return 1;
  return (builtIn(name) as { BYTES_PER_ELEMENT?: number } | undefined)?.BYTES_PER_ELEMENT ?? 1;
}

/** An error of that kind without any property of its own. */
export function makeError(name: string, domName: string, domMessage: string): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const error = bareError(name, domName, domMessage);
    for (const key of Reflect.ownKeys(error)) Reflect.deleteProperty(error, key);
    return error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function bareError(name: string, domName: string, domMessage: string): Error {
  switch (name) {
    case 'AggregateError':
      return new AggregateError([]);
    case 'DOMException':
      return new DOMException(domMessage, domName);
    case 'HoldfastError':
      return new HoldfastError('ERR_HOLDFAST_INTERNAL', '');
    default:
      return new (builtIn(name) as unknown as new () => Error)();
  }
}

export function defineField(error: object, { key, value, isHidden }: ErrorField): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    enumerable: !isHidden,
    configurable: true,
  });
}

/** Sets a property of the object's own, whatever the key. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === '__proto__') {
    defineField(target, { key, value, isHidden: false });
  } else {
    (target as Record<string, unknown>)[key] = value;
  }
}

function lacking(name: string, node: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    `the bytes hold ${withArticle(name)}, which Node ${process.versions.node} does not have: read them with ` +
      `Node ${node} or newer.`,
    { details: { what: name, node: process.versions.node } },
  );
}
