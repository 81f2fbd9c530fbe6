/**
 * The bytes of a part file, formats 1 and 2. All numbers are unsigned 32-bit, little-endian.
 *
 *     ┌ magic, 8 bytes ┬ format ┬ header bytes ┬ CRC-32 of format, header bytes and header ┐
 *     ├ header: JSON in UTF-8 ─────────────────────────────────────────────────────────────┤
 *     ├ length ┬ CRC-32 ┬ up to `chunkBytes` bytes of the body ┐                           │
 *     ├ length ┬ CRC-32 ┬ …                                    │                           │
 *     └────────┴────────┴──────────────────────────────────────┴───────────────────────────┘
 *
 * The body is all sections' bytes, one after the other in the header's order, cut every `chunkBytes`
 * whatever the sections' bounds, so that the file's size follows from the header alone.
 *
 * Format 2 is the same with compressed chunks: the header names the compression, length and CRC-32 are those of
 * the stored bytes, and a chunk as long as its content is not compressed (compression.ts).
 *
 *  P1  Every byte of the file is covered by a CRC-32 or belongs to one (the magic is compared). So damage is
 *      found with its place. The SHA-256 of the whole file, which the manifest holds, decides.
 *  P2  Checksums are of the very bytes that are handed to the file system. Sections may lie in memory
 *      that other threads share, so each byte is read from there once, into the block.
 *  P3  Encoding needs one block of memory and one chunk, whatever the size of the part.
 */

import { assert } from '../../base/assert.js';
import type { PartInput, StoredSection } from '../store.js';
import { crc32 } from './checksum.js';
import { type Compression, compressChunk, compressionOf } from './compression.js';

export const PART_FORMAT = 1;
export const COMPRESSED_FORMAT = 2;
/** A first byte above ASCII and both line ends, so that a transfer as text shows (as in PNG). */
export const PART_MAGIC = Uint8Array.of(0x89, 0x48, 0x46, 0x50, 0x0d, 0x0a, 0x1a, 0x0a);
/** Magic, format, header bytes, CRC-32. */
export const PREFIX_BYTES = 20;
/** Length and CRC-32 before each chunk. */
export const CHUNK_HEAD_BYTES = 8;
export const CHUNK_BYTES = 256 * 1024;
/** A header describes at most some thousand sections. */
export const HEADER_BYTES_MAX = 16 * 1024 * 1024;
/** Framed chunks that go to the file system in one write. */
const CHUNKS_PER_BLOCK = 4;

export interface PartHeader {
  readonly format: number;
  readonly job: string;
  readonly vertex: string;
  readonly instance: number;
  readonly checkpoint: number;
  readonly epoch: number;
  readonly incarnation: number;
  readonly node: string;
  /** In format 2, and there always. */
  readonly compression?: Compression;
  readonly chunkBytes: number;
  readonly bodyBytes: number;
  readonly sections: readonly {
    readonly operator: string;
    readonly name: string;
    readonly bytes: number;
  }[];
}

export interface EncodeOptions {
  /** For tests; at least 1. */
  readonly chunkBytes?: number;
  /** Node's version, as the header tells it. */
  readonly node?: string;
}

/** What a part has, with the bytes of each. */
export function sectionsOf(part: PartInput): readonly StoredSection[] {
  return part.sections.map(({ operator, name, chunks }) => ({
    operator,
    name,
    bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  }));
}

export function partHeader(part: PartInput, options: EncodeOptions = {}): PartHeader {
  const sections = sectionsOf(part);
  return {
    format: part.compression === undefined ? PART_FORMAT : COMPRESSED_FORMAT,
    job: part.job,
    vertex: part.vertex,
    instance: part.instance,
    checkpoint: part.checkpoint,
    epoch: part.epoch,
    incarnation: part.incarnation,
    node: options.node ?? process.version,
    ...compressionOf(part),
    chunkBytes: options.chunkBytes ?? CHUNK_BYTES,
    bodyBytes: sections.reduce((sum, section) => sum + section.bytes, 0),
    sections,
  };
}

/** Sum of the sections' bytes. */
export function bodyBytesOf(part: PartInput): number {
  let sum = 0;
  for (const section of part.sections) for (const chunk of section.chunks) sum += chunk.length;
  return sum;
}

/** Size of the whole file; where it is compressed, the largest that it can have (Z2 in compression.ts). */
export function encodedBytesMax(part: PartInput, options: EncodeOptions = {}): number {
  const header = partHeader(part, options);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const chunks = Math.ceil(header.bodyBytes / header.chunkBytes);
  return PREFIX_BYTES + json.length + header.bodyBytes + chunks * CHUNK_HEAD_BYTES;
}

/** The file's blocks in order. Each is valid until the next is asked for: they share their memory. */
export function* encodePart(
  part: PartInput,
  options: EncodeOptions = {},
): Generator<Uint8Array, void, undefined> {
  const header = partHeader(part, options);
  const { chunkBytes } = header;
  const json = new TextEncoder().encode(JSON.stringify(header));
  assert(json.length <= HEADER_BYTES_MAX, 'a part header within its limit');
  const head = PREFIX_BYTES + json.length;
  const framed = CHUNK_HEAD_BYTES + chunkBytes;
  const chunks = Math.ceil(header.bodyBytes / chunkBytes);
  const body = header.bodyBytes + chunks * CHUNK_HEAD_BYTES;
  const block = new Uint8Array(head + Math.min(body, framed * CHUNKS_PER_BLOCK));
  const view = new DataView(block.buffer);
  block.set(PART_MAGIC, 0);
  view.setUint32(8, header.format, true);
  view.setUint32(12, json.length, true);
  block.set(json, PREFIX_BYTES);
  view.setUint32(16, crc32(json, crc32(block.subarray(8, 16))), true);

  const { compression } = part;
  const content = new Uint8Array(compression === undefined ? 0 : chunkBytes);
  const source = new BodyCursor(part);
  let at = head;
  for (let left = header.bodyBytes; left > 0; ) {
    const length = Math.min(left, chunkBytes);
    if (at + CHUNK_HEAD_BYTES + length > block.length) {
      yield block.subarray(0, at);
      at = 0;
    }
    let bytes = block.subarray(at + CHUNK_HEAD_BYTES, at + CHUNK_HEAD_BYTES + length);
    if (compression === undefined) {
      source.fill(bytes);
    } else {
      const whole = content.subarray(0, length);
      source.fill(whole);
      const stored = compressChunk(compression, whole);
      bytes = bytes.subarray(0, stored.length);
      bytes.set(stored);
    }
    view.setUint32(at, bytes.length, true);
    view.setUint32(at + 4, crc32(bytes), true);
    at += CHUNK_HEAD_BYTES + bytes.length;
    left -= length;
  }
  yield block.subarray(0, at);
}

/** Walks over all sections' chunks as if they were one run of bytes. */
class BodyCursor {
  readonly #chunks: readonly Uint8Array[];
  #index = 0;
  #offset = 0;

  constructor(part: PartInput) {
    this.#chunks = part.sections.flatMap((section) => section.chunks);
  }

  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; ) {
      const chunk = this.#chunks[this.#index]!;
      const length = Math.min(chunk.length - this.#offset, target.length - at);
      target.set(chunk.subarray(this.#offset, this.#offset + length), at);
      at += length;
      this.#offset += length;
      if (this.#offset === chunk.length) {
        this.#index += 1;
        this.#offset = 0;
      }
    }
  }
}
