/**
 * `holdfast/parquet`: Parquet files as a source. It has an entry point of its own, because it needs two
 * packages that other jobs need not install: `npm install hyparquet hyparquet-compressors`.
 */

import type { FileHandle } from '../../base/files.js';
import { badOption, checkObject, checkOneOf } from '../../base/option-checks.js';
import type { Source } from '../../stream/source.js';
import { type FileIdentity, openFile, openSame, readExactly } from '../files/file-identity.js';
import { checkPath, checkText, type NamedPath } from '../options.js';
import { pathOfSplit, positionField } from '../split-check.js';
import { earliestTime, type ParquetLayout, readLayout, timeLeaf } from './parquet-layout.js';
import { loadParquetLibrary, type ParquetFile, type ParquetLibrary } from './parquet-library.js';
import { ParquetReader, type ParquetSplit } from './parquet-reader.js';
import type { ValueOptions } from './parquet-values.js';
import type { MapForm } from './row-assembly.js';

export interface ParquetFileOptions {
  /** Only these columns, in this order. Default: all. */
  readonly columns?: readonly string[] | undefined;
  /**
   * The column of dates or timestamps that the job takes for its event time. If the file notes the least time of a row
   * group, the group then need not be opened to find out where it stands among the others. Give it only if
   * the job uses these times as they are, or later ones.
   */
  readonly eventTime?: string | undefined;
  /**
   * 64-bit integers as numbers (the default; one beyond 2^53 is an error that names column and row)
   * or as bigints.
   */
  readonly int64?: 'number' | 'bigint' | undefined;
  /**
   * Decimals as numbers (the default: the nearest one; a value with more digits than a number can
   * hold, mostly more than 15, is an error that names column and row), as texts with all digits
   * (`'1.50'`), or as bigints: the digits without the point (150n for 1.50).
   */
  readonly decimal?: 'number' | 'string' | 'bigint' | undefined;
  /**
   * JSON columns as texts (the default), or parsed; then a text that is no JSON, or holds a number
   * that a double cannot hold, is an error that names column and row.
   */
  readonly json?: 'text' | 'parse' | undefined;
  /** Geometries and geographies as bytes of WKB (the default), or as objects of GeoJSON. */
  readonly geometry?: 'wkb' | 'geojson' | undefined;
  /**
   * Maps as objects (the default), or as lists of `[key, value]`. In objects, keys that are no texts become texts,
   * times in UTC. A key that cannot become a text, or is there twice, is an error.
   */
  readonly maps?: 'object' | 'entries' | undefined;
}

/**
 * A source of the rows of a Parquet file, as objects. There is one split per row group. Dates and timestamps
 * are Dates (parts finer than a millisecond are dropped), texts, enums and UUIDs are strings, byte arrays are
 * `Uint8Array`s, times of day are numbers in the file's unit, intervals are `{ months, days, milliseconds }`,
 * lists are arrays, structs are objects, missing values of any kind are null. The rows are not compared with
 * `T`, which says what you know about the file.
 *
 * Failures: ERR_HOLDFAST_SOURCE (missing file or package, damaged or encrypted file, a column that
 * cannot be read), ERR_HOLDFAST_SOURCE_CHANGED, ERR_HOLDFAST_MALFORMED_RECORD (a value that cannot be
 * given as the options ask: integer, decimal, time, text, JSON; with column and row),
 * ERR_HOLDFAST_BAD_OPTION (a column that is not there, when the splits are listed).
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function parquetFile<T>(path: string | URL, options?: ParquetFileOptions): Source<T> {
  const kind = 'parquetFile';
  const named = checkPath('parquetFile.path', path);
  const { wanted, eventTime, maps, values } = checkOptions(options);
  // A spare thread has loaded the library then before it is needed. A failure comes again when the library is used.
  loadParquetLibrary().catch(() => {});
  /** The footer is parsed once per thread, not once per row group. */
  let cached: { readonly key: string; readonly layout: Promise<ParquetLayout> } | undefined;
  const layoutOf = (
    identity: FileIdentity,
    library: ParquetLibrary,
    handle: FileHandle,
  ): Promise<ParquetLayout> => {
    const key = identityKey(identity);
    if (cached?.key !== key) {
      const file = asParquetFile(handle, named, identity.size);
      const layout = readLayout({ path: named, wanted, values, library, file });
      cached = { key, layout };
      layout.catch(() => {
        cached = undefined;
      });
    }
    return cached!.layout;
  };
  return {
    kind,
    bounded: true,
    timed: false,
    async splits() {
      const library = await loadParquetLibrary();
      const { handle, identity } = await openFile(named);
      try {
        const layout = await layoutOf(identity, library, handle);
        const { metadata } = layout;
        const clock = eventTime === undefined ? undefined : timeLeaf(named, layout, eventTime);
        const splits: ParquetSplit[] = [];
        let firstRow = 0;
        for (const [group, { num_rows }] of metadata.row_groups.entries()) {
          const rows = Number(num_rows);
          const id = `${named.shown}#${group}`;
          const earliestMs = clock && earliestTime(metadata, group, clock);
          const time = earliestMs === undefined ? {} : { earliestMs };
          const place = { group, rows, firstRow, ...time };
          if (rows > 0) splits.push({ id, path: named.shown, ...identity, ...place });
          firstRow += rows;
        }
        return splits;
      } finally {
        await handle.close();
      }
    },
    async open(given, position, context) {
      const split = given as ParquetSplit;
      pathOfSplit(kind, [named], split);
      const start =
        position === undefined ? 0 : positionField(kind, split.id, position, 'row', 0, split.rows);
      const library = await loadParquetLibrary();
      const { handle } = await openSame(named, split);
      try {
        const layout = await layoutOf(split, library, handle);
        const parts = { library, layout, maps, path: named, handle, split, start, context };
        return new ParquetReader<T>(parts);
      } catch (error) {
        await handle.close();
        throw error;
      }
    },
  };
}

function checkOptions(options: ParquetFileOptions | undefined): {
  readonly wanted: readonly string[] | undefined;
  readonly eventTime: string | undefined;
  readonly maps: MapForm;
  readonly values: ValueOptions;
} {
  const names = ['columns', 'eventTime', 'int64', 'decimal', 'json', 'geometry', 'maps'] as const;
  const given = checkObject<ParquetFileOptions>('parquetFile', options, names);
  const { columns, eventTime, int64, decimal, json, geometry, maps } = given;
  return {
    wanted: columns === undefined ? undefined : checkColumns(columns),
    eventTime: eventTime === undefined ? undefined : checkText('parquetFile.eventTime', eventTime),
    maps: checkOneOf('parquetFile.maps', maps, 'object', ['object', 'entries']),
    values: {
      int64: checkOneOf('parquetFile.int64', int64, 'number', ['number', 'bigint']),
      decimal: checkOneOf('parquetFile.decimal', decimal, 'number', ['number', 'string', 'bigint']),
      json: checkOneOf('parquetFile.json', json, 'text', ['text', 'parse']),
      geometry: checkOneOf('parquetFile.geometry', geometry, 'wkb', ['wkb', 'geojson']),
    },
  };
}

function checkColumns(columns: readonly string[]): readonly string[] {
  const good =
    Array.isArray(columns) &&
    columns.length > 0 &&
    columns.every((column) => typeof column === 'string') &&
    new Set(columns).size === columns.length;
  if (!good) throw badOption('parquetFile.columns', columns, 'a list of different column names');
  return [...columns];
}

function identityKey({ size, mtimeMs, sha256 }: FileIdentity): string {
  return `${size} ${mtimeMs} ${sha256}`;
}

function asParquetFile(handle: FileHandle, path: NamedPath, byteLength: number): ParquetFile {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      if (!(start >= 0 && end >= start && end <= byteLength)) {
        throw new Error(`it points to bytes ${start} to ${end} of ${byteLength}`);
      }
      const bytes = new Uint8Array(end - start);
      await readExactly(handle, path, bytes, start);
      return bytes.buffer;
    },
  };
}
