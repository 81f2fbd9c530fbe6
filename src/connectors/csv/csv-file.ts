import { badOption } from '../../base/option-checks.js';
import type { RejectingSource, Source } from '../../stream/source.js';
import type { LineFormat, LinePosition } from '../files/line-reader.js';
import { ADVICE, type ListedFile, lineSource } from '../files/line-source.js';
import { checkPaths, type NamedPath } from '../options.js';
import { type CheckedCsvOptions, checkCsvOptions } from './check-csv-options.js';
import { splitCells } from './csv-cells.js';
import { isEmptyLine, passLines, readFirst, readHeader } from './csv-header.js';
import type { CsvFileOptions } from './csv-options.js';
import { type RowMaker, rowMaker } from './csv-rows.js';
import type { CsvType } from './csv-values.js';

/**
 * A source of the records of CSV files in UTF-8, one or several: objects by the names in the header, or arrays
 * without one (`header: false`). Cells are texts unless `types` says otherwise. Cells in quotes may hold delimiters,
 * doubled quotes and line ends; records end with `\n` or `\r\n`, the last one with neither if need be; a byte order mark
 * is skipped, and so are empty lines, unless there is one column only. Records are not compared with `T`: it is what you know
 * about the file.
 *
 * A file is one split, since a line end may be part of a cell. With `quotedNewlines: false` or `quote: false` it
 * is divided into byte ranges, as by `ndjsonFile`.
 *
 * Failures: as `textFile`; ERR_HOLDFAST_MALFORMED_RECORD with file and line for a record with another number of
 * cells than there are columns, quotes that are not as they have to be, a cell that is not of its column's type, and a
 * header that leaves out a name or has it twice; ERR_HOLDFAST_BAD_OPTION (a column that is not there, when the splits
 * are listed).
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function csvFile<T>(
  path: string | URL | readonly (string | URL)[],
  options: CsvFileOptions & { readonly malformed: string },
): RejectingSource<T>;
export function csvFile<T>(
  path: string | URL | readonly (string | URL)[],
  options?: CsvFileOptions,
): Source<T>;
export function csvFile<T>(
  path: string | URL | readonly (string | URL)[],
  options?: CsvFileOptions,
): Source<T> {
  const checked = checkCsvOptions(options);
  const rows = new RowMakers(checked);
  return lineSource<T>({
    kind: 'csvFile',
    paths: checkPaths('csvFile.path', path),
    splitBytes: checked.splitBytes,
    rejectTag: checked.malformed,
    formatOf: async (file) => {
      const { names, count, begin } = await columnsOf(file, checked);
      return recordFormat<T>(checked, count, begin, rows.of(file.path, names, count));
    },
  });
}

interface FoundColumns {
  readonly names: readonly string[] | undefined;
  readonly count: number;
  readonly begin: LinePosition | undefined;
}

async function columnsOf(file: ListedFile, options: CheckedCsvOptions): Promise<FoundColumns> {
  const { header } = options;
  if (header === true) {
    const { cells, next } = await readHeader(file, options);
    return { names: cells, count: cells.length, begin: next };
  }
  const end = { offset: file.identity.size };
  if (header === false) {
    const first = await readFirst(file, options, false);
    return { names: undefined, count: first?.cells.length ?? 0, begin: first?.start ?? end };
  }
  const begin = await passLines(file, options);
  return { names: header, count: header.length, begin: begin ?? end };
}

function recordFormat<T>(
  { dialect, maxRecordBytes, malformed }: CheckedCsvOptions,
  count: number,
  begin: LinePosition | undefined,
  make: RowMaker,
): LineFormat<T> {
  return {
    begin,
    isMultiline: dialect.isMultiline,
    maxBytes: maxRecordBytes,
    limitOption: 'maxRecordBytes',
    reject: malformed !== undefined,
    advice: ADVICE,
    // Where there is one column, an empty line is a record with an empty cell.
    ...(count === 1 ? {} : { isBlank: isEmptyLine }),
    parse(line, following) {
      const cells = splitCells(line, following, dialect);
      const found = cells.texts.length;
      if (found !== count) {
        throw new Error(`it has ${found} cell${found === 1 ? '' : 's'}, and ${count} are expected`);
      }
      return make(cells) as T;
    },
  };
}

/** Files mostly have the columns of the file before: then their records are made by the same function. */
class RowMakers {
  readonly #options: CheckedCsvOptions;
  #last: { readonly key: string; readonly make: RowMaker } | undefined;

  constructor(options: CheckedCsvOptions) {
    this.#options = options;
  }

  of(path: NamedPath, names: readonly string[] | undefined, count: number): RowMaker {
    const key = JSON.stringify(names ?? count);
    if (this.#last?.key !== key) {
      const types = typesOf(path, this.#options, names, count);
      this.#last = { key, make: rowMaker({ names, types, nulls: this.#options.nulls }) };
    }
    return this.#last.make;
  }
}

function typesOf(
  path: NamedPath,
  { types }: CheckedCsvOptions,
  names: readonly string[] | undefined,
  count: number,
): readonly CsvType[] {
  if (names === undefined) {
    const given = [...types.values()];
    if (given.length > count && count > 0) {
      throw badOption(
        'csvFile.types',
        given,
        `a type for each of ${count} columns of '${path.shown}'`,
      );
    }
    return Array.from({ length: count }, (_, i) => given[i] ?? 'string');
  }
  for (const name of types.keys()) {
    if (names.includes(name)) continue;
    const there = names.map((one) => `'${one}'`).join(', ');
    throw badOption(`csvFile.types`, name, `a column of '${path.shown}': ${there}`);
  }
  return names.map((name) => types.get(name) ?? 'string');
}
