/**
 * The pages of a column chunk, one after the other, read from the file in blocks. A page that is not
 * wanted is passed over: neither read in full nor decompressed.
 *
 *  P1  Bytes are handed on only after their checksum was compared, where the file carries one, and
 *      after the file was found unchanged behind them (file-identity.ts).
 */

import { crc32 } from 'node:zlib';
import type { PageHeader, ParquetLibrary } from './parquet-library.js';

const BLOCK_BYTES = 256 * 1024;
/** A header holds sizes, and perhaps the least and greatest value. */
const HEADER_BYTES = 1_024;

export interface PageSource {
  readonly library: ParquetLibrary;
  readonly codec: string;
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
  /** Bytes of the file, which was unchanged after they were read (P1). */
  read(start: number, end: number): Promise<Uint8Array>;
}

export class ParquetPages {
  readonly #source: PageSource;
  #block: Uint8Array = new Uint8Array(0);
  #blockStart: number;
  #offset: number;

  constructor(source: PageSource) {
    this.#source = source;
    this.#offset = source.start;
    this.#blockStart = source.start;
  }

  /** The next page's header; undefined at the end of the chunk. `take` or `pass` comes next. */
  async header(): Promise<PageHeader | undefined> {
    const { library, end } = this.#source;
    const left = end - this.#offset;
    if (left <= 0) return undefined;
    for (let wanted = Math.min(HEADER_BYTES, left); ; wanted = Math.min(wanted * 4, left)) {
      const bytes = await this.#bytes(wanted);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const cursor = { view, offset: 0 };
      try {
        const header = library.pageHeader(cursor);
        this.#offset += cursor.offset;
        return header;
      } catch (error) {
        // It may only be longer than what was looked at.
        if (wanted === left) throw error;
      }
    }
  }

  pass(header: PageHeader): void {
    this.#offset += header.compressed_page_size;
  }

  /** The page as it is stored. */
  async take(header: PageHeader): Promise<Uint8Array> {
    const size = header.compressed_page_size;
    if (!(size >= 0 && this.#offset + size <= this.#source.end)) {
      throw new Error(`a page of ${size} bytes is larger than its column`);
    }
    const bytes = await this.#bytes(size);
    this.#offset += size;
    if (header.crc !== undefined && header.crc >>> 0 !== crc32(bytes)) {
      const [found, wanted] = [crc32(bytes), header.crc >>> 0].map((sum) => sum.toString(16));
      throw new Error(`the checksum of a page is ${found} instead of ${wanted}`);
    }
    return bytes;
  }

  decompress(bytes: Uint8Array, length: number): Buffer {
    // Some writers leave nothing at all where nothing was to be compressed.
    if (length === 0) return Buffer.alloc(0);
    const { library, codec } = this.#source;
    const decompress = library.decompressor(codec);
    if (decompress === undefined) throw new Error(`codec ${codec} is not supported`);
    const page = decompress(bytes, length);
    if (page.length !== length) {
      throw new Error(`a page has ${page.length} bytes where its header says ${length}`);
    }
    return Buffer.from(page.buffer, page.byteOffset, page.byteLength);
  }

  /** `count` bytes from the offset on, within the chunk. */
  async #bytes(count: number): Promise<Uint8Array> {
    const from = this.#offset - this.#blockStart;
    if (from >= 0 && from + count <= this.#block.length) {
      return this.#block.subarray(from, from + count);
    }
    const { end } = this.#source;
    const blockEnd = Math.min(end, this.#offset + Math.max(count, BLOCK_BYTES));
    this.#block = await this.#source.read(this.#offset, blockEnd);
    this.#blockStart = this.#offset;
    return this.#block.subarray(0, count);
  }
}
