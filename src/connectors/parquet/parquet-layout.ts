/** Reads a file's footer: its row groups, and the columns to read. */

import { HoldfastError } from '../../base/errors.js';
import { badOption } from '../../base/option-checks.js';
import type { NamedPath } from '../options.js';
import { damaged } from './damaged-file.js';
import type { LeafColumn } from './leaf-cursor.js';
import type { ParquetFile, ParquetLibrary, ParquetMetadata } from './parquet-library.js';
import { type RowBuilder, rowBuilder } from './parquet-rows.js';
import { type ColumnShape, columnShapes } from './parquet-shape.js';
import type { ValueOptions } from './parquet-values.js';

export interface ParquetLayout {
  readonly metadata: ParquetMetadata;
  readonly columns: readonly ColumnShape[];
  readonly build: RowBuilder;
}

export interface LayoutRequest {
  readonly path: NamedPath;
  readonly file: ParquetFile;
  readonly library: ParquetLibrary;
  readonly values: ValueOptions;
  /** Names of the columns to read; undefined for all. */
  readonly wanted: readonly string[] | undefined;
}

export async function readLayout(request: LayoutRequest): Promise<ParquetLayout> {
  const { path, file, library, values, wanted } = request;
  let metadata: ParquetMetadata;
  let all: readonly ColumnShape[];
  try {
    if (file.byteLength < 12) throw new Error(`it has only ${file.byteLength} bytes`);
    const magic = Buffer.from(await file.slice(file.byteLength - 4)).toString('latin1');
    if (magic === 'PARE') throw encrypted(path);
    metadata = await library.metadata(file);
    all = columnShapes(library.schema(metadata), values, library);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw damaged(path, 'its footer', error);
  }
  const columns = wanted === undefined ? all : wanted.map((name) => columnOf(path, all, name));
  for (const { name } of columns) checkOnlyOne(path, all, name);
  const build = rowBuilder(
    columns.map(({ name, shape }) => {
      const instant = shape.kind === 'leaf' && shape.leaf.type.instant !== undefined;
      return { name, instant };
    }),
  );
  return { metadata, columns, build };
}

function columnOf(
  path: NamedPath,
  all: readonly ColumnShape[],
  name: string,
  option = 'columns',
): ColumnShape {
  const column = all.find((one) => one.name === name);
  if (column !== undefined) return column;
  const names = all.map((one) => `'${one.name}'`).join(', ');
  throw badOption(`parquetFile.${option}`, name, `a column of '${path.shown}': ${names}`);
}

function checkOnlyOne(path: NamedPath, all: readonly ColumnShape[], name: string): void {
  if (all.filter((one) => one.name === name).length === 1) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `'${path.shown}' has more than one column '${name}', and a row cannot have both. ` +
      'Read the others only: name them with `columns`.',
    { details: { path: path.absolute, column: name } },
  );
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION for a column without times */
export function timeLeaf(path: NamedPath, layout: ParquetLayout, name: string): LeafColumn {
  const { shape } = columnOf(path, layout.columns, name, 'eventTime');
  if (shape.kind === 'leaf' && shape.leaf.type.instant !== undefined) return shape.leaf;
  throw badOption('parquetFile.eventTime', name, 'a column of dates or timestamps');
}

/** A time that no row of the group is before, in ms; undefined where the file does not tell one. */
export function earliestTime(
  { row_groups }: ParquetMetadata,
  group: number,
  leaf: LeafColumn,
): number | undefined {
  const least = row_groups[group]?.columns[leaf.index]?.meta_data?.statistics?.min_value;
  if (!(least instanceof Date) || Number.isNaN(least.getTime())) return undefined;
  // A time finer than a millisecond may have been rounded up.
  return least.getTime() - 1;
}

function encrypted(path: NamedPath): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `'${path.shown}' is an encrypted Parquet file, which parquetFile does not read. Decrypt it first.`,
    { details: { path: path.absolute } },
  );
}
