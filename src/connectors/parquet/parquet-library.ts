/** hyparquet and its decompressors are optional: loaded when a Parquet file is first read. */

import { HoldfastError } from '../../base/errors.js';
import { errorCode } from '../system-error.js';

/** What is used of hyparquet, in our own words, so that our types do not need it installed. */
export interface ParquetFile {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

export interface ParquetSchemaNode {
  readonly children: readonly ParquetSchemaNode[];
  readonly element: {
    readonly name: string;
    readonly type?: string;
    readonly converted_type?: string;
    readonly logical_type?: { readonly type: string };
    readonly repetition_type?: string;
  };
}

export interface ParquetMetadata {
  readonly row_groups: readonly { readonly num_rows: bigint }[];
}

export interface ParquetChunk {
  readonly columnData: ArrayLike<unknown>;
}

export interface ParquetLibrary {
  metadata(file: ParquetFile): Promise<ParquetMetadata>;
  schema(metadata: ParquetMetadata): ParquetSchemaNode;
  /** Decodes one column of rows `rowStart`…`rowEnd` − 1. */
  readColumn(request: {
    readonly file: ParquetFile;
    readonly metadata: ParquetMetadata;
    readonly column: string;
    readonly rowStart: number;
    readonly rowEnd: number;
    readonly parsers: Readonly<Record<string, (value: never) => unknown>>;
    readonly onChunk: (chunk: ParquetChunk) => void;
  }): Promise<void>;
}

type Import = (name: 'hyparquet' | 'hyparquet-compressors') => Promise<unknown>;

// Literal names, so that bundlers see them and leave them external.
const importPackage: Import = (name) =>
  name === 'hyparquet' ? import('hyparquet') : import('hyparquet-compressors');

/** Rejects with ERR_HOLDFAST_SOURCE that says what to install. */
export async function loadParquetLibrary(load: Import = importPackage): Promise<ParquetLibrary> {
  try {
    const hyparquet = (await load('hyparquet')) as typeof import('hyparquet');
    const { compressors } = (await load(
      'hyparquet-compressors',
    )) as typeof import('hyparquet-compressors');
    return {
      metadata: (file) => hyparquet.parquetMetadataAsync(file, { geoparquet: false }),
      schema: (metadata) => hyparquet.parquetSchema(metadata as never) as ParquetSchemaNode,
      readColumn: ({ file, metadata, column, rowStart, rowEnd, parsers, onChunk }) =>
        hyparquet.parquetRead({
          file,
          metadata: metadata as never,
          columns: [column],
          rowStart,
          rowEnd,
          compressors,
          utf8: false,
          parsers: parsers as never,
          onChunk,
        }),
    };
  } catch (error) {
    const missing = errorCode(error) === 'ERR_MODULE_NOT_FOUND';
    throw new HoldfastError(
      'ERR_HOLDFAST_SOURCE',
      missing
        ? 'parquetFile needs two packages that are not installed: npm install hyparquet hyparquet-compressors'
        : `parquetFile could not load hyparquet: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
