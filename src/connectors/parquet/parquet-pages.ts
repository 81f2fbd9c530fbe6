/**
 * Reads the pages of a column chunk from the file, one after the other, in blocks. A page that is not
 * wanted is passed over: it is neither read in full nor decompressed.
 *
 *  P1  Bytes are handed on only after the comparison with their checksum, where the file carries one, and
 *      after the file was found unchanged since the split was listed (file-identity.ts).
 */

import { crc32 } from 'node:zlib';
import type { PageHeader, ParquetLibrary } from './parquet-library.js';

const BLOCK_BYTES = 256 * 1024;
/** Bytes that are read for a header at first. It holds sizes, and perhaps the least and greatest value. */
const HEADER_BYTES = 1_024;

export interface PageSource {
  readonly library: ParquetLibrary;
  readonly codec: string;
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
  /** Reads bytes of the file, and sees afterwards that the file is unchanged (P1). */
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
        // The header may just be longer than what was read.
        if (wanted === left) throw error;
      }
    }
  }

  pass(header: PageHeader): void {
    this.#offset += header.compressed_page_size;
  }

  /** Takes the page as it is stored. */
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
    // Some writers write nothing at all where nothing was to be compressed.
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

  /** Takes `count` bytes from the offset on, within the chunk. */
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
