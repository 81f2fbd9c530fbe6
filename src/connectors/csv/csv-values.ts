/** What the text of a cell becomes in a column of each type. */

import { isHeld } from '../exact-number.js';

/** A type of columns by its name. */
export type CsvTypeName = (typeof CSV_TYPES)[number];

export const CSV_TYPES = ['string', 'number', 'integer', 'bigint', 'boolean', 'date'] as const;

/** Throws an Error that says what is wrong with the text, which is not empty and has no spaces around it. */
export type ParseCell = (text: string) => unknown;

/** A type of columns by its name, or a function from a cell's text to its value. */
export type CsvType = CsvTypeName | ParseCell;

export function isCsvType(type: unknown): type is CsvType {
  return typeof type === 'function' || (CSV_TYPES as readonly unknown[]).includes(type);
}

export const PARSERS: Readonly<Record<Exclude<CsvTypeName, 'string'>, ParseCell>> = {
  number: parseNumber,
  integer: parseInteger,
  bigint: parseBigint,
  boolean: parseBoolean,
  date: parseDate,
};

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+$/;
/** ISO 8601: a day, or a day with a time of day, perhaps with an offset from UTC. */
const DATE =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?)?$/;

function parseNumber(text: string): number {
  if (!NUMBER.test(text)) throw new Error('it is no number');
  const number = Number(text);
  if (number !== 0 && Math.abs(number) <= Number.MAX_SAFE_INTEGER) return number;
  if (!isHeld(asJson(text))) throw new Error('it is beyond what a double can hold');
  return number;
}

/** The number as JSON writes it: `.5` with its zero, `5.` without its point, no plus. */
function asJson(text: string): string {
  return text
    .replace(/^\+/, '')
    .replace(/^(-?)\./, (_, sign: string) => `${sign}0.`)
    .replace(/\.(?=$|[eE])/, '');
}

function parseInteger(text: string): number {
  if (!INTEGER.test(text)) throw new Error('it is no whole number');
  const number = Number(text);
  if (!Number.isSafeInteger(number)) {
    throw new Error("it is beyond what a double can hold (the type 'bigint' takes it)");
  }
  return number === 0 ? 0 : number;
}

function parseBigint(text: string): bigint {
  if (!INTEGER.test(text)) throw new Error('it is no whole number');
  return BigInt(text.startsWith('+') ? text.slice(1) : text);
}

function parseBoolean(text: string): boolean {
  switch (text.toLowerCase()) {
    case 'true':
    case 't':
    case 'yes':
    case 'y':
    case '1':
      return true;
    case 'false':
    case 'f':
    case 'no':
    case 'n':
    case '0':
      return false;
    default:
      throw new Error('it is no boolean (true, t, yes, y, 1, false, f, no, n, 0)');
  }
}

/** A time without an offset is one of UTC, whatever the zone of the machine is. */
function parseDate(text: string): Date {
  const found = DATE.exec(text);
  if (found === null)
    throw new Error('it is no date of ISO 8601 (2024-05-31, 2024-05-31T18:30:00Z)');
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = found;
  const [, , , , , , , , sign = '+', offsetHours = '0', offsetMinutes = '0'] = found;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const isDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  const isOffset = Number(offsetHours) < 24 && Number(offsetMinutes) < 60;
  if (!isDay || !isTime || !isOffset) throw new Error('there is no such date or time');
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1);
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  date.setUTCHours(Number(hour), Number(minute) - offset, Number(second), milliseconds);
  return date;
}
