/**
 * `holdfast/parquet`: Parquet files as a source. An entry point of its own, because it needs two
 * packages that others need not install: `npm install hyparquet hyparquet-compressors`.
 */

import type { FileHandle } from '../../base/files.js';
import { badOption, checkObject, checkOneOf } from '../../base/option-checks.js';
import type { Source } from '../../stream/source.js';
import { type FileIdentity, openFile, openSame, readExactly } from '../files/file-identity.js';
import { checkPath, type NamedPath } from '../options.js';
import { pathOfSplit, positionField } from '../split-check.js';
import {
  loadParquetLibrary,
  type ParquetFile,
  type ParquetLibrary,
  type ParquetMetadata,
  type ParquetSchemaNode,
} from './parquet-library.js';
import { damaged, ParquetReader, type ParquetSplit } from './parquet-reader.js';

export interface ParquetFileOptions {
  /** Only these columns, in this order. Default: all. */
  readonly columns?: readonly string[] | undefined;
  /**
   * 64-bit integers as numbers (the default; one beyond 2^53 is an error that names column and row)
   * or as bigints.
   */
  readonly int64?: 'number' | 'bigint' | undefined;
}

interface Layout {
  readonly metadata: ParquetMetadata;
  readonly columns: readonly ParquetSchemaNode[];
}

/**
 * A source of the rows of a Parquet file, as objects. One split per row group. Dates and timestamps
 * are Dates (finer parts than a millisecond are cut off), texts strings, unannotated byte arrays
 * `Uint8Array`s, missing values null. The rows are not compared with `T`: it is what you know about
 * the file.
 *
 * Failures: ERR_HOLDFAST_SOURCE (missing file or package, damaged file), ERR_HOLDFAST_SOURCE_CHANGED,
 * ERR_HOLDFAST_MALFORMED_RECORD (an integer beyond 2^53), ERR_HOLDFAST_BAD_OPTION (a column that is
 * not there, when the splits are listed).
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function parquetFile<T>(path: string | URL, options?: ParquetFileOptions): Source<T> {
  const kind = 'parquetFile';
  const named = checkPath('parquetFile.path', path);
  const given = checkObject<ParquetFileOptions>(kind, options, ['columns', 'int64']);
  const bigints =
    checkOneOf('parquetFile.int64', given.int64, 'number', ['number', 'bigint']) === 'bigint';
  const wanted = given.columns === undefined ? undefined : checkColumns(given.columns);
  /** The footer is parsed once per thread, not once per row group. */
  let cached: { readonly key: string; readonly layout: Promise<Layout> } | undefined;
  const layoutOf = (key: string, library: ParquetLibrary, file: ParquetFile): Promise<Layout> => {
    if (cached?.key !== key) {
      const layout = readLayout(named, wanted, library, file);
      cached = { key, layout };
      layout.catch(() => {
        cached = undefined;
      });
    }
    return cached!.layout;
  };
  return {
    kind,
    async splits() {
      const library = await loadParquetLibrary();
      const { handle, identity } = await openFile(named);
      try {
        const file = asParquetFile(handle, named, identity.size);
        const { metadata } = await layoutOf(identityKey(identity), library, file);
        const splits: ParquetSplit[] = [];
        let firstRow = 0;
        for (const [group, { num_rows }] of metadata.row_groups.entries()) {
          const rows = Number(num_rows);
          const id = `${named.shown}#${group}`;
          if (rows > 0) splits.push({ id, path: named.shown, ...identity, group, rows, firstRow });
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
      const handle = await openSame(named, split);
      try {
        const file = asParquetFile(handle, named, split.size);
        const { metadata, columns } = await layoutOf(identityKey(split), library, file);
        return new ParquetReader<T>({
          library,
          metadata,
          columns,
          bigints,
          path: named,
          handle,
          file,
          split,
          start,
          context,
        });
      } catch (error) {
        await handle.close();
        throw error;
      }
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

async function readLayout(
  path: NamedPath,
  wanted: readonly string[] | undefined,
  library: ParquetLibrary,
  file: ParquetFile,
): Promise<Layout> {
  let metadata: ParquetMetadata;
  let all: readonly ParquetSchemaNode[];
  try {
    if (file.byteLength < 12) throw new Error(`it has only ${file.byteLength} bytes`);
    metadata = await library.metadata(file);
    all = library.schema(metadata).children;
  } catch (error) {
    throw damaged(path, 'its footer', error);
  }
  if (wanted === undefined) return { metadata, columns: all };
  const columns = wanted.map((name) => {
    const node = all.find(({ element }) => element.name === name);
    if (node !== undefined) return node;
    const names = all.map(({ element }) => `'${element.name}'`).join(', ');
    throw badOption('parquetFile.columns', name, `a column of '${path.shown}': ${names}`);
  });
  return { metadata, columns };
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
