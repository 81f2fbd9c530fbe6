/**
 * The lines of one byte range of a file, block by block, with the next block read ahead.
 *
 *  B1  A line belongs to the range in which its first byte lies. It is read to its end, also beyond
 *      the range. So the ranges of a file give every line once, wherever they begin.
 *  B2  A segment holds whole lines only. The rest of a block waits, in pieces, for the newline. It is copied
 *      once, however many blocks the line spans, and `maxLineBytes` limits it.
 *  B3  Bytes are handed on only after the file was found unchanged behind them (file-identity.ts).
 *  B4  One read is under way at most; its failure is kept for the `take` that meets it.
 */

import type { FileHandle } from '../../base/files.js';
import type { NamedPath } from '../options.js';
import { checkUnchanged, type FileIdentity, sourceError, unreadable } from './file-identity.js';

export const BLOCK_BYTES = 256 * 1024;
/** For a look at the first lines. */
const FIRST_LOOK_BYTES = 4 * 1024;
const NEWLINE = 10;

/** Whole lines, each with its newline but perhaps the last of the file. */
export interface Segment {
  readonly bytes: Buffer;
  /** Offset of its first byte in the file. */
  readonly start: number;
}

export interface LineRange {
  readonly handle: FileHandle;
  /** How the file begins, as far as it was read and found unchanged already. */
  readonly head: Buffer;
  readonly path: NamedPath;
  readonly identity: FileIdentity;
  /** Offset to read from. */
  readonly from: number;
  /** Lines that begin here or later are not of this range. */
  readonly to: number;
  /** `from` may lie inside a line of the range before: begin behind that line's end. */
  readonly seek: boolean;
  readonly maxLineBytes: number;
  /** The first lines may be all that is wanted: the first block is small, and nothing is read ahead of the second. */
  readonly beginsSmall: boolean;
  readonly alive: () => void;
}

export class LineTooLong extends Error {
  /** Offset of the line's first byte. */
  readonly start: number;

  constructor(start: number) {
    super('line too long');
    this.start = start;
  }
}

type Block =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'eof' }
  | { readonly kind: 'failed'; readonly error: unknown };

export class LineBlocks {
  readonly #range: LineRange;
  /** Offset of the next byte to take from a block. */
  #offset: number;
  /** Offset of the next byte to read from the file. */
  #readAt: number;
  #seeking: boolean;
  /** Pieces of a line without its newline, and where it begins. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #lineStart: number;
  #arrived: Block | undefined;
  #reading: Promise<void> | undefined;
  #ended = false;
  /** Of the next block. */
  #blockBytes: number;

  constructor(range: LineRange) {
    this.#range = range;
    this.#blockBytes = range.beginsSmall ? FIRST_LOOK_BYTES : BLOCK_BYTES;
    // One byte earlier: when that is a newline, a line begins exactly at `from`.
    this.#seeking = range.seek && range.from > 0;
    this.#offset = this.#seeking ? range.from - 1 : range.from;
    this.#readAt = this.#offset;
    this.#lineStart = this.#offset;
    if (range.from >= range.to) this.#ended = true;
    else this.#read();
  }

  /** The next segment; undefined at the end of the range; a promise when it is not there yet. */
  take(): Segment | undefined | Promise<Segment | undefined> {
    while (!this.#ended) {
      const block = this.#arrived;
      if (block === undefined) {
        if (this.#reading === undefined) this.#read();
        return this.#reading!.then(() => this.take());
      }
      this.#arrived = undefined;
      const segment = this.#accept(block);
      if (segment !== undefined) return segment;
    }
    return undefined;
  }

  /** Waits for the read under way, so that the handle can be closed. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#reading;
  }

  #accept(block: Block): Segment | undefined {
    if (block.kind === 'failed') {
      this.#ended = true;
      throw block.error;
    }
    if (block.kind === 'eof') {
      this.#ended = true;
      if (this.#seeking || this.#pieceBytes === 0) return undefined;
      return { bytes: Buffer.concat(this.#pieces), start: this.#lineStart };
    }
    let { bytes } = block;
    const blockStart = this.#offset;
    this.#offset += bytes.length;
    if (this.#seeking) {
      const newline = bytes.indexOf(NEWLINE);
      if (newline < 0) {
        this.#blockBytes = BLOCK_BYTES;
        this.#read();
        return undefined;
      }
      this.#seeking = false;
      bytes = bytes.subarray(newline + 1);
      this.#lineStart = blockStart + newline + 1;
      if (this.#lineStart >= this.#range.to) {
        this.#ended = true;
        return undefined;
      }
    }
    const segment = this.#segmentOf(bytes, this.#offset - bytes.length);
    const isLook = this.#blockBytes < BLOCK_BYTES;
    this.#blockBytes = BLOCK_BYTES;
    if (!this.#ended && !isLook) this.#read();
    return segment;
  }

  /** Takes the whole lines, as far as they are of this range, and keeps the rest as pieces. */
  #segmentOf(bytes: Buffer, bytesStart: number): Segment | undefined {
    const { to, maxLineBytes } = this.#range;
    let end: number;
    if (bytesStart + bytes.length >= to) {
      // The range's last line ends at the first newline at or behind its last byte (B1).
      const last = bytes.indexOf(NEWLINE, Math.max(0, to - 1 - bytesStart));
      end = last < 0 ? bytes.lastIndexOf(NEWLINE) + 1 : last + 1;
      if (last >= 0) this.#ended = true;
    } else {
      end = bytes.lastIndexOf(NEWLINE) + 1;
    }
    if (end === 0) {
      this.#keep(bytes);
      if (this.#pieceBytes > maxLineBytes) throw new LineTooLong(this.#lineStart);
      return undefined;
    }
    const segment = {
      bytes: Buffer.concat([...this.#pieces, bytes.subarray(0, end)]),
      start: this.#lineStart,
    };
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#lineStart = bytesStart + end;
    if (!this.#ended) this.#keep(bytes.subarray(end));
    return segment;
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
  }

  #read(): void {
    this.#reading = this.#readBlock().then(
      (block) => {
        this.#reading = undefined;
        this.#arrived = block;
      },
      (error: unknown) => {
        this.#reading = undefined;
        this.#arrived = { kind: 'failed', error: sourceError(this.#range.path, error) };
      },
    );
  }

  async #readBlock(): Promise<Block> {
    const { handle, head, path, identity, alive } = this.#range;
    const wanted = Math.min(this.#blockBytes, identity.size - this.#readAt);
    if (wanted <= 0) {
      await checkUnchanged(handle, path, identity);
      return { kind: 'eof' };
    }
    const from = this.#readAt;
    if (from + wanted <= head.length) {
      this.#readAt += wanted;
      return { kind: 'bytes', bytes: head.subarray(from, from + wanted) };
    }
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const { bytesRead } = await handle.read(buffer, 0, wanted, from);
    await checkUnchanged(handle, path, identity);
    alive();
    // To take it for the end would leave out the rest of the file without a word.
    if (bytesRead === 0)
      throw unreadable(path, `it gives nothing at byte ${from} of ${identity.size}`);
    this.#readAt += bytesRead;
    return { kind: 'bytes', bytes: buffer.subarray(0, bytesRead) };
  }
}
