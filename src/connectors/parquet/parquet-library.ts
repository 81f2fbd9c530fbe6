/**
 * The parts of hyparquet and its decompressors that are used: the footer, page headers, value encodings and
 * codecs. Both are optional packages, loaded when a Parquet file is first read.
 *
 * Holdfast itself decides what values mean (parquet-values.ts, parquet-shape.ts, row-assembly.ts). hyparquet
 * gives decimals as products of floats, drops keys such as `__proto__`, and does not tell every missing list from an
 * empty one.
 */

import * as zlib from 'node:zlib';
import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import { errorCode } from '../system-error.js';

/** Types of our own, which do not need hyparquet to be installed. */
export interface ParquetFile {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

export interface ParquetElement {
  readonly name: string;
  readonly type?: string;
  readonly type_length?: number;
  readonly repetition_type?: string;
  readonly converted_type?: string;
  readonly logical_type?: {
    readonly type?: string;
    readonly unit?: string;
    readonly bitWidth?: number;
    readonly isSigned?: boolean;
    readonly scale?: number;
  };
  readonly scale?: number;
}

export interface ParquetSchemaNode {
  readonly children: readonly ParquetSchemaNode[];
  readonly element: ParquetElement;
}

/** The part of a row group that holds one column. */
export interface ParquetChunk {
  /** Set when the bytes are in another file. */
  readonly file_path?: string;
  /** Undefined where it is encrypted. */
  readonly meta_data?: {
    readonly codec: string;
    readonly path_in_schema: readonly string[];
    readonly num_values: bigint;
    readonly total_compressed_size: bigint;
    readonly data_page_offset: bigint;
    readonly dictionary_page_offset?: bigint;
    readonly statistics?: { readonly min_value?: unknown };
  };
  readonly crypto_metadata?: unknown;
}

export interface ParquetMetadata {
  readonly row_groups: readonly {
    readonly num_rows: bigint;
    /** One for each leaf of the schema, in its order. */
    readonly columns: readonly ParquetChunk[];
  }[];
}

export interface ByteCursor {
  readonly view: DataView;
  offset: number;
}

export interface DataPageHeader {
  readonly num_values: number;
  readonly encoding: string;
  readonly definition_level_encoding: string;
  readonly repetition_level_encoding: string;
}

export interface DataPageHeaderV2 {
  readonly num_values: number;
  readonly num_rows: number;
  readonly encoding: string;
  readonly definition_levels_byte_length: number;
  readonly repetition_levels_byte_length: number;
  readonly is_compressed: boolean;
}

export interface PageHeader {
  readonly type: string;
  readonly uncompressed_page_size: number;
  readonly compressed_page_size: number;
  readonly crc?: number;
  readonly data_page_header?: DataPageHeader;
  readonly data_page_header_v2?: DataPageHeaderV2;
  readonly dictionary_page_header?: { readonly num_values: number };
}

type Bytes = Uint8Array<ArrayBufferLike>;

export interface ParquetLibrary {
  metadata(file: ParquetFile): Promise<ParquetMetadata>;
  schema(metadata: ParquetMetadata): ParquetSchemaNode;
  /** Reads a header, and leaves the cursor behind it. Throws when the bytes end before the header does. */
  pageHeader(cursor: ByteCursor): PageHeader;
  /** The decompressor of a codec; undefined for a codec that is not known. */
  decompressor(codec: string): ((bytes: Bytes, length: number) => Bytes) | undefined;
  deltaIntegers(cursor: ByteCursor, count: number, output: Int32Array | BigInt64Array): void;
  deltaLengthByteArrays(cursor: ByteCursor, count: number, output: Uint8Array[]): void;
  deltaByteArrays(cursor: ByteCursor, count: number, output: Uint8Array[]): void;
  byteStreamSplit(
    cursor: ByteCursor,
    count: number,
    type: string,
    typeLength: number | undefined,
  ): ArrayLike<unknown>;
  geoJson(cursor: ByteCursor): unknown;
}

type Import = (name: string) => Promise<unknown>;

// The names are literals, so that bundlers see them. With a `catch`, bundlers leave external what is not installed.
const importPackage: Import = (name) => {
  switch (name) {
    case 'hyparquet':
      return import('hyparquet').catch(rethrown);
    case 'hyparquet/src/column.js':
      return import('hyparquet/src/column.js').catch(rethrown);
    case 'hyparquet/src/delta.js':
      return import('hyparquet/src/delta.js').catch(rethrown);
    case 'hyparquet/src/encoding.js':
      return import('hyparquet/src/encoding.js').catch(rethrown);
    case 'hyparquet/src/wkb.js':
      return import('hyparquet/src/wkb.js').catch(rethrown);
    default:
      return import('hyparquet-compressors').catch(rethrown);
  }
};

function rethrown(error: unknown): never {
  throw error;
}

/** Rejects with ERR_HOLDFAST_SOURCE that says what to install. */
export async function loadParquetLibrary(load: Import = importPackage): Promise<ParquetLibrary> {
  try {
    const [hyparquet, { parquetHeader }, delta, encoding, wkb, { compressors }] =
      (await Promise.all([
        load('hyparquet'),
        load('hyparquet/src/column.js'),
        load('hyparquet/src/delta.js'),
        load('hyparquet/src/encoding.js'),
        load('hyparquet/src/wkb.js'),
        load('hyparquet-compressors'),
      ])) as [
        typeof import('hyparquet'),
        typeof import('hyparquet/src/column.js'),
        typeof import('hyparquet/src/delta.js'),
        typeof import('hyparquet/src/encoding.js'),
        typeof import('hyparquet/src/wkb.js'),
        typeof import('hyparquet-compressors'),
      ];
    const library: ParquetLibrary = {
      metadata: (file) =>
        hyparquet.parquetMetadataAsync(file, { geoparquet: false }) as Promise<ParquetMetadata>,
      schema: (metadata) => hyparquet.parquetSchema(metadata as never) as ParquetSchemaNode,
      pageHeader: parquetHeader as ParquetLibrary['pageHeader'],
      decompressor: (codec) =>
        NATIVE[codec] ?? (compressors as Readonly<Record<string, Decompress>>)[codec],
      deltaIntegers: delta.deltaBinaryUnpack,
      deltaLengthByteArrays: delta.deltaLengthByteArray,
      deltaByteArrays: delta.deltaByteArray,
      byteStreamSplit: encoding.byteStreamSplit as ParquetLibrary['byteStreamSplit'],
      geoJson: wkb.wkbToGeojson,
    };
    // Modules below a package's front door may change with any version.
    for (const [name, part] of Object.entries(library)) {
      if (typeof part !== 'function') throw new TypeError(`it has no ${name}`);
    }
    return library;
  } catch (error) {
    throw notLoaded(error);
  }
}

type Decompress = (bytes: Bytes, length: number) => Bytes;

/** Node's own decompressors are faster, and need no warming up in a thread that has just started. */
const NATIVE: Readonly<Record<string, Decompress>> = {
  UNCOMPRESSED: (bytes) => bytes,
  GZIP: (bytes) => zlib.unzipSync(bytes),
  BROTLI: (bytes) => zlib.brotliDecompressSync(bytes),
  // Node has it from 22.15 on.
  ...('zstdDecompressSync' in zlib ? { ZSTD: zlib.zstdDecompressSync as Decompress } : {}),
};

function notLoaded(error: unknown): HoldfastError {
  const message = messageOf(error);
  const missing = errorCode(error) === 'ERR_MODULE_NOT_FOUND';
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    missing
      ? 'parquetFile needs two packages that are not installed: npm install hyparquet hyparquet-compressors'
      : `parquetFile cannot use the installed hyparquet: ${message}. ` +
          'Install the versions that package.json of holdfast names as peers.',
    { cause: error },
  );
}
