import { isAsyncFunction } from 'node:util/types';
import { HoldfastError } from '../../base/errors.js';
import { badOption, checkFlag, checkNumber, checkObject } from '../../base/option-checks.js';
import { checkLineBytes, checkSplitBytes } from '../files/text-file.js';
import { checkText } from '../options.js';
import type { CsvDialect } from './csv-cells.js';
import type { CsvFileOptions } from './csv-options.js';
import { CSV_TYPES, type CsvType, isCsvType } from './csv-values.js';

export interface CheckedCsvOptions {
  readonly header: boolean | readonly string[];
  /** By name, or by position. */
  readonly types: ReadonlyMap<string, CsvType>;
  readonly nulls: ReadonlySet<string>;
  readonly dialect: CsvDialect;
  readonly skipLines: number;
  readonly malformed: string | undefined;
  readonly maxRecordBytes: number;
  readonly splitBytes: number;
}

const RECORD_BYTES_MAX = 2 * 1024 * 1024;
const SKIPPED_LINES_MAX = 1_000_000;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkCsvOptions(options: CsvFileOptions | undefined): CheckedCsvOptions {
  const given = checkObject<CsvFileOptions>('csvFile', options, [
    'header',
    'types',
    'nulls',
    'delimiter',
    'quote',
    'quotedNewlines',
    'skipLines',
    'malformed',
    'maxRecordBytes',
    'splitBytes',
  ]);
  const { malformed } = given;
  if (malformed !== undefined) checkText('csvFile.malformed', malformed);
  const header = checkHeader(given.header);
  const dialect = checkDialect(given);
  if (dialect.isMultiline && given.splitBytes !== undefined) {
    const allowed =
      'one with quotedNewlines: false only, since a record may begin anywhere otherwise';
    throw badOption('csvFile.splitBytes', given.splitBytes, allowed);
  }
  return {
    header,
    types: checkTypes(given.types, header),
    nulls: checkNulls(given.nulls),
    dialect,
    skipLines: checkNumber('csvFile.skipLines', given.skipLines, 0, {
      min: 0,
      max: SKIPPED_LINES_MAX,
      integer: true,
    }),
    malformed,
    maxRecordBytes: checkLineBytes(
      'csvFile.maxRecordBytes',
      given.maxRecordBytes,
      RECORD_BYTES_MAX,
    ),
    splitBytes: dialect.isMultiline
      ? Number.MAX_SAFE_INTEGER
      : checkSplitBytes('csvFile', given.splitBytes),
  };
}

function checkDialect({ delimiter = ',', quote, quotedNewlines }: CsvFileOptions): CsvDialect {
  const isOne = (text: unknown) =>
    typeof text === 'string' && text.length === 1 && text !== '\n' && text !== '\r';
  if (!isOne(delimiter)) {
    throw badOption('csvFile.delimiter', delimiter, 'one character other than a line end');
  }
  const mark = quote ?? '"';
  if (mark !== false && (!isOne(mark) || mark === delimiter)) {
    const allowed = 'one character other than a line end and the delimiter, or false';
    throw badOption('csvFile.quote', mark, allowed);
  }
  const isMultiline = checkFlag('csvFile.quotedNewlines', quotedNewlines, true);
  return {
    delimiter,
    quote: mark === false ? undefined : mark,
    isMultiline: mark !== false && isMultiline,
  };
}

function checkHeader(header: boolean | readonly string[] = true): boolean | readonly string[] {
  if (typeof header === 'boolean') return header;
  const isGood =
    Array.isArray(header) &&
    header.length > 0 &&
    header.every((name) => typeof name === 'string') &&
    new Set(header).size === header.length;
  if (!isGood) {
    throw badOption('csvFile.header', header, 'true, false or a list of different names');
  }
  return [...header];
}

function checkTypes(
  types: CsvFileOptions['types'] = {},
  header: boolean | readonly string[],
): ReadonlyMap<string, CsvType> {
  const isList = Array.isArray(types);
  if (typeof types !== 'object' || types === null || (isList && header !== false)) {
    throw badOption('csvFile.types', types, "an object such as { price: 'number' }");
  }
  if (header === false && !isList && Object.keys(types).length > 0) {
    throw badOption(
      'csvFile.types',
      types,
      'a list of types, since columns without a header have no names',
    );
  }
  const checked = new Map<string, CsvType>();
  for (const [name, type] of Object.entries(types) as [string, unknown][]) {
    if (!isCsvType(type)) {
      const names = CSV_TYPES.map((one) => `'${one}'`).join(', ');
      throw badOption(`csvFile.types.${name}`, type, `one of ${names}, or a function`);
    }
    if (Array.isArray(header) && !header.includes(name)) {
      throw badOption('csvFile.types', name, `a name of the header: ${header.join(', ')}`);
    }
    if (isAsyncFunction(type)) throw asyncCell(name);
    checked.set(name, type);
  }
  return checked;
}

function checkNulls(nulls: readonly string[] = []): ReadonlySet<string> {
  if (!Array.isArray(nulls) || !nulls.every((text) => typeof text === 'string')) {
    throw badOption('csvFile.nulls', nulls, 'a list of texts');
  }
  return new Set(nulls);
}

function asyncCell(name: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ASYNC_CALLBACK',
    `the function csvFile.types.${name} is asynchronous (it gives a promise), but cells are read synchronously. Do what is ` +
      'asynchronous in a step of its own, .mapAsync(async (record, { signal }) => …).',
    { details: { where: `csvFile.types.${name}` } },
  );
}
