/** What the text of a cell becomes in a column of each type. */

import { isHeld } from '../exact-number.js';

/** A type of columns by its name. */
export type CsvTypeName = (typeof CSV_TYPES)[number];

export const CSV_TYPES = ['string', 'number', 'integer', 'bigint', 'boolean', 'date'] as const;

/** Throws an Error that says what is wrong with the text, which is not empty and has no spaces around it. */
export type CsvCellParser = (text: string) => unknown;

/** A type of columns by its name, or a function from a cell's text to its value. */
export type CsvType = CsvTypeName | CsvCellParser;

export function isCsvType(type: unknown): type is CsvType {
  return typeof type === 'function' || (CSV_TYPES as readonly unknown[]).includes(type);
}

export const PARSERS: Readonly<Record<Exclude<CsvTypeName, 'string'>, CsvCellParser>> = {
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

/** After so many years the calendar repeats itself. `Date.UTC` takes years below 100 for those of the last century. */
const CYCLE_YEARS = 400;
const CYCLE_MS = 146_097 * 86_400_000;

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
  if (found === null) {
    throw new Error('it is no date of ISO 8601 (2024-05-31, 2024-05-31T18:30:00Z)');
  }
  const part = (index: number): number => (found[index] === undefined ? 0 : Number(found[index]));
  const [year, month, day] = [part(1), part(2), part(3)];
  const [hour, minute, second] = [part(4), part(5), part(6)];
  const isDay = month >= 1 && month <= 12 && day >= 1 && (day <= 28 || day <= daysIn(year, month));
  const isTime = hour < 24 && minute < 60 && second < 60;
  if (!isDay || !isTime || part(9) >= 24 || part(10) >= 60) {
    throw new Error('there is no such date or time');
  }
  const offset = (part(9) * 60 + part(10)) * (found[8] === '-' ? -1 : 1);
  const milliseconds = found[7] === undefined ? 0 : Number(found[7].slice(0, 3).padEnd(3, '0'));
  const at = Date.UTC(
    year + CYCLE_YEARS,
    month - 1,
    day,
    hour,
    minute - offset,
    second,
    milliseconds,
  );
  return new Date(at - CYCLE_MS);
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year + CYCLE_YEARS, month, 0)).getUTCDate();
}
