import { checkNumber, checkObject } from '../../base/option-checks.js';
import type { Source } from '../../stream/source.js';
import { checkPaths } from '../options.js';
import { LINE_BYTES_MAX, lineSource, SPLIT_BYTES } from './line-source.js';

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
  return lineSource<string>({
    paths: checkPaths('textFile.path', path),
    splitBytes: checkSplitBytes('textFile', splitBytes),
    rejectTag: undefined,
    format: {
      kind: 'textFile',
      skipBlank: false,
      maxLineBytes: checkLineBytes('textFile', maxLineBytes),
      reject: false,
      parse: (line) =>
        line.charCodeAt(line.length - 1) === CARRIAGE_RETURN ? line.slice(0, -1) : line,
    },
  });
}

const CARRIAGE_RETURN = 13;

export function checkLineBytes(source: string, given: number | undefined): number {
  const rule = { min: 1, max: 512 * 1024 * 1024, integer: true, unit: 'bytes' };
  return checkNumber(`${source}.maxLineBytes`, given, LINE_BYTES_MAX, rule);
}

export function checkSplitBytes(source: string, given: number | undefined): number {
  const rule = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true, unit: 'bytes' };
  return checkNumber(`${source}.splitBytes`, given, SPLIT_BYTES, rule);
}
