import { checkObject } from '../../base/option-checks.js';
import type { RejectingSource, Source } from '../../stream/source.js';
import { checkPaths, checkText } from '../options.js';
import { lineSource } from './line-source.js';
import { checkLineBytes, checkSplitBytes, type TextFileOptions } from './text-file.js';

export interface NdjsonFileOptions extends TextFileOptions {
  /**
   * Name of the side output that gets malformed lines as `RejectedRecord`s. Without it the first
   * malformed line ends the job.
   */
  readonly malformed?: string | undefined;
}

/**
 * A source of JSON values, one per line, in UTF-8; blank lines are skipped. The values are not
 * compared with `T`: it is what you know about the file.
 *
 * Failures: as `textFile`, and ERR_HOLDFAST_MALFORMED_RECORD with file and line for what is no JSON.
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
  const { maxLineBytes, splitBytes, malformed } = checkObject<NdjsonFileOptions>(kind, options, [
    'maxLineBytes',
    'splitBytes',
    'malformed',
  ]);
  if (malformed !== undefined) checkText('ndjsonFile.malformed', malformed);
  return lineSource<T>({
    paths: checkPaths('ndjsonFile.path', path),
    splitBytes: checkSplitBytes(kind, splitBytes),
    rejectTag: malformed,
    format: {
      kind,
      skipBlank: true,
      maxLineBytes: checkLineBytes(kind, maxLineBytes),
      reject: malformed !== undefined,
      parse: (line) => JSON.parse(line) as T,
    },
  });
}
