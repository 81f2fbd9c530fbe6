/**
 * Compression of parts, chunk by chunk.
 *
 *  Z1  Only what every supported Node has built in, and will keep, is used: a part has to be readable anywhere and
 *      at any time. (zstd is not in Node 20.)
 *  Z2  A chunk that does not get smaller is stored as it is. So a stored chunk is never larger than its content,
 *      and a length equal to the content's says that it is the content.
 *  Z3  Whatever the bytes say, no more is inflated than the length that the chunk's place in the part gives it.
 */

import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  gunzipSync,
  gzipSync,
} from 'node:zlib';

export const COMPRESSIONS = ['gzip', 'brotli'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** The fastest levels: a checkpoint must not take long, and is kept for seconds. */
const GZIP = { level: 1 };
const BROTLI_QUALITY = 1;

export function isCompression(value: unknown): value is Compression {
  return COMPRESSIONS.some((name) => name === value);
}

/** Compressed content, or the very same bytes where that is no smaller (Z2). */
export function compressChunk(compression: Compression, content: Uint8Array): Uint8Array {
  const compressed = compression === 'gzip' ? gzipSync(content, GZIP) : brotli(content);
  return compressed.length < content.length ? compressed : content;
}

/**
 * The content of a stored chunk.
 * @param bytes the length that the content has to have
 * @throws whatever zlib says of bytes that are not what they should be, and for any other length
 */
export function expandChunk(
  compression: Compression,
  stored: Uint8Array,
  bytes: number,
): Uint8Array {
  if (stored.length === bytes) return stored;
  const limit = { maxOutputLength: bytes }; // Z3
  const content =
    compression === 'gzip' ? gunzipSync(stored, limit) : brotliDecompressSync(stored, limit);
  if (content.length !== bytes) throw new Error(`${content.length} bytes came out`);
  return content;
}

/** How a part says in data that it is compressed: by nothing, when it is not. */
export function compressionOf({
  compression,
}: {
  readonly compression?: Compression | undefined;
}): { readonly compression?: Compression } {
  return compression === undefined ? {} : { compression };
}

function brotli(content: Uint8Array): Uint8Array {
  return brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}
