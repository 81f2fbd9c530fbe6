import type { CsvType } from './csv-values.js';

export interface CsvFileOptions {
  /**
   * The first line names the columns (true, the default); or these are the names, and all lines are records; or
   * the columns have no names (false), and records are arrays.
   */
  readonly header?: boolean | readonly string[] | undefined;
  /**
   * Types of columns by name, of arrays by position. Columns that are not named are texts, as they stand.
   * `'number'`: decimal, as JSON has it, also `+1`, `.5`, `1.`; what a double cannot hold is malformed. `'integer'`:
   * up to 2^53. `'bigint'`. `'boolean'`: true, t, yes, y, 1 and false, f, no, n, 0 in any case. `'date'`: a Date of an ISO 8601
   * day or time; without an offset it is one of UTC; parts finer than a millisecond are dropped. A function gets the text,
   * gives the value, and makes the record malformed by throwing. Spaces around a cell do not count in columns that are not
   * texts, and empty cells become null there.
   */
  readonly types?: Readonly<Record<string, CsvType>> | readonly CsvType[] | undefined;
  /**
   * Texts that stand for a missing value: cells that hold one become null. In columns of texts only if they are not
   * in quotes. `['']` makes null of empty texts as well. Default: none.
   */
  readonly nulls?: readonly string[] | undefined;
  /** Between cells: one character. Default `,`. */
  readonly delimiter?: string | undefined;
  /** Around cells: one character, doubled within them. False: none, quotes are text like any other. Default `"`. */
  readonly quote?: string | false | undefined;
  /**
   * Cells in quotes may hold line ends (the default). If none does, false lets a file be divided, and read by
   * several instances. Then a quoted cell that is not closed on its line is malformed.
   */
  readonly quotedNewlines?: boolean | undefined;
  /** Lines before the header, or before the first record if there is none. Default 0. */
  readonly skipLines?: number | undefined;
  /**
   * Name of the side output that gets malformed records as `RejectedRecord`s. Without it the first one ends the
   * job. Of a record whose quotes are wrong the first line goes there, and the next line begins a record.
   */
  readonly malformed?: string | undefined;
  /**
   * A longer record ends the job with an error, or is malformed if that is because a quoted cell is not closed.
   * A few times as much of a file is in memory at most. Default 2 MiB.
   */
  readonly maxRecordBytes?: number | undefined;
  /** Files that can be divided are divided into byte ranges of this size. Default 8 MiB. */
  readonly splitBytes?: number | undefined;
}
