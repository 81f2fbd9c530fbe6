import { checkNumber, checkObject } from '../../base/option-checks.js';
import type { Source } from '../../stream/source.js';
import { checkPaths } from '../options.js';
import type { LineFormat } from './line-reader.js';
import { ADVICE, LINE_BYTES_MAX, lineSource, SPLIT_BYTES } from './line-source.js';

export interface TextFileOptions {
  /** A longer line ends the job with an error. Default 64 MiB. */
  readonly maxLineBytes?: number | undefined;
  /** Files are divided into byte ranges of this size, read by different instances. Default 8 MiB. */
  readonly splitBytes?: number | undefined;
}

/**
 * A source of the lines of UTF-8 files, without their line ends (`\n` or `\r\n`); a byte order mark
 * is skipped; a last line needs no newline. Several files are read in the order given.
 *
 * Failures: ERR_HOLDFAST_SOURCE (missing, unreadable), ERR_HOLDFAST_SOURCE_CHANGED (another file
 * than the one begun with), ERR_HOLDFAST_MALFORMED_RECORD (not UTF-8, or a line too long), with file
 * and line.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function textFile(
  path: string | URL | readonly (string | URL)[],
  options?: TextFileOptions,
): Source<string> {
  const { maxLineBytes, splitBytes } = checkObject<TextFileOptions>('textFile', options, [
    'maxLineBytes',
    'splitBytes',
  ]);
  const kind = 'textFile';
  const format: LineFormat<string> = {
    maxBytes: checkLineBytes('textFile.maxLineBytes', maxLineBytes),
    limitOption: 'maxLineBytes',
    reject: false,
    advice: ADVICE,
    parse: (line) =>
      line.charCodeAt(line.length - 1) === CARRIAGE_RETURN ? line.slice(0, -1) : line,
  };
  return lineSource<string>({
    kind,
    paths: checkPaths('textFile.path', path),
    splitBytes: checkSplitBytes(kind, splitBytes),
    rejectTag: undefined,
    formatOf: () => format,
  });
}

const CARRIAGE_RETURN = 13;

export function checkLineBytes(
  option: string,
  given: number | undefined,
  fallback = LINE_BYTES_MAX,
): number {
  const rule = { min: 1, max: 512 * 1024 * 1024, integer: true, unit: 'bytes' };
  return checkNumber(option, given, fallback, rule);
}

export function checkSplitBytes(source: string, given: number | undefined): number {
  const rule = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true, unit: 'bytes' };
  return checkNumber(`${source}.splitBytes`, given, SPLIT_BYTES, rule);
}
