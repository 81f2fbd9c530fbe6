import { checkObject, checkOneOf } from '../../base/option-checks.js';
import type { RejectingSource, Source } from '../../stream/source.js';
import { checkPaths, checkText } from '../options.js';
import { InexactNumber, parseJson } from '../parse-json.js';
import type { LineFormat } from './line-reader.js';
import { ADVICE, lineSource } from './line-source.js';
import { checkLineBytes, checkSplitBytes, type TextFileOptions } from './text-file.js';

export interface NdjsonFileOptions extends TextFileOptions {
  /**
   * Name of the side output that gets malformed lines as `RejectedRecord`s. Without it the first
   * malformed line ends the job.
   */
  readonly malformed?: string | undefined;
  /**
   * Integers that a number cannot hold (beyond 2^53, also written as 9007199254740993.0) make a line
   * malformed (the default), or become bigints. Other numbers that a double cannot hold, like 1e400 or
   * 9007199254740993.5, always make it malformed; smaller fractions are rounded to the nearest double.
   */
  readonly largeIntegers?: 'refuse' | 'bigint' | undefined;
}

/**
 * A source of JSON values, one per line, in UTF-8; blank lines are skipped. The values are not
 * compared with `T`: it is what you know about the file.
 *
 * Failures: as `textFile`, and ERR_HOLDFAST_MALFORMED_RECORD with file and line for what is no JSON, or
 * holds a number that a double cannot hold.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function ndjsonFile<T>(
  path: string | URL | readonly (string | URL)[],
  options: NdjsonFileOptions & { readonly malformed: string },
): RejectingSource<T>;
export function ndjsonFile<T>(
  path: string | URL | readonly (string | URL)[],
  options?: NdjsonFileOptions,
): Source<T>;
export function ndjsonFile<T>(
  path: string | URL | readonly (string | URL)[],
  options?: NdjsonFileOptions,
): Source<T> {
  const kind = 'ndjsonFile';
  const given = checkObject<NdjsonFileOptions>(kind, options, [
    'maxLineBytes',
    'splitBytes',
    'malformed',
    'largeIntegers',
  ]);
  const { maxLineBytes, splitBytes, malformed } = given;
  const large = checkOneOf('ndjsonFile.largeIntegers', given.largeIntegers, 'refuse', [
    'refuse',
    'bigint',
  ]);
  const bigints = large === 'bigint';
  if (malformed !== undefined) checkText('ndjsonFile.malformed', malformed);
  const format: LineFormat<T> = {
    maxBytes: checkLineBytes('ndjsonFile.maxLineBytes', maxLineBytes),
    limitOption: 'maxLineBytes',
    reject: malformed !== undefined,
    advice: ADVICE,
    isBlank,
    parse: bigints ? (line) => parseJson(line, true) as T : parseExactly<T>,
  };
  return lineSource<T>({
    kind,
    paths: checkPaths('ndjsonFile.path', path),
    splitBytes: checkSplitBytes(kind, splitBytes),
    rejectTag: malformed,
    formatOf: () => format,
  });
}

function isBlank(text: string): boolean {
  return text.length === 0 || (text.charCodeAt(0) <= 32 && text.trim() === '');
}

function parseExactly<T>(line: string): T {
  try {
    return parseJson(line) as T;
  } catch (error) {
    if (!(error instanceof InexactNumber)) throw error;
    throw new InexactNumber(`${error.message} (integers can be: { largeIntegers: 'bigint' })`);
  }
}
