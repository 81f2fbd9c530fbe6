/**
 * Reading one part file, on whatever thread calls.
 *
 *  R1  Nothing is handed out before size, every CRC-32 and the SHA-256 have been verified.
 *  R2  How much memory is taken follows from the descriptor (out of a verified manifest) and the real
 *      size of the file, never from bytes that are not verified yet.
 *  R3  A compressed chunk is expanded only after its own CRC-32 has been found right, and to no more than
 *      its share of the descriptor's bytes.
 */

import { createHash, type Hash } from 'node:crypto';
import { isHoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import { sha256OfFile } from '../directory/file-reading.js';
import { errnoOf, type ReadableFile } from '../directory/file-system.js';
import { corruptError, formatError } from '../storage-errors.js';
import type { PartDescriptor, RestoredPartSection } from '../store.js';
import { crc32, hex32 } from './checksum.js';
import { COMPRESSIONS, expandChunk, isCompression } from './compression.js';
import {
  CHUNK_HEAD_BYTES,
  COMPRESSED_FORMAT,
  HEADER_BYTES_MAX,
  PART_FORMAT,
  PART_MAGIC,
  type PartHeader,
  PREFIX_BYTES,
} from './part-file.js';

/** Where parts are read from: a file system, or whatever can be read like one. */
export interface PartFiles {
  open(path: string): Promise<ReadableFile>;
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_CORRUPT or …_FORMAT. */
export async function readPartFile(
  files: PartFiles,
  path: string,
  part: PartDescriptor,
): Promise<readonly RestoredPartSection[]> {
  const file = await openStored(files, path, part);
  try {
    const size = await file.size();
    if (size !== part.bytes) {
      throw corruptError({
        file: path,
        offset: Math.min(size, part.bytes),
        check: 'size in bytes',
        expected: String(part.bytes),
        found: String(size),
        expectedSha256: part.sha256,
        // What is longer may be so by terabytes, and another sum would say no more.
        foundSha256: size < part.bytes ? await sha256OfFile(file) : undefined,
      });
    }
    return await new PartReader(file, path, part).read();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw unreadable(path, part, error);
  } finally {
    await file.close();
  }
}

async function openStored(
  files: PartFiles,
  path: string,
  part: PartDescriptor,
): Promise<ReadableFile> {
  try {
    return await files.open(path);
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    throw unreadable(path, part, error);
  }
}

function unreadable(path: string, part: PartDescriptor, cause: unknown): Error {
  const found = errnoOf(cause) === 'ENOENT' ? 'no file' : `nothing readable (${String(cause)})`;
  const expected = part.sha256;
  return corruptError({ file: path, offset: 0, check: 'SHA-256', expected, found }, cause);
}

const READ_BYTES = 512 * 1024;
/** Where the bytes begin that the header's CRC-32 covers. */
const CHECKED_FROM = PART_MAGIC.length;

/** Reads a file from front to back through one buffer, hashing as it goes. */
class PartReader {
  readonly #file: ReadableFile;
  readonly #path: string;
  readonly #part: PartDescriptor;
  readonly #hash: Hash = createHash('sha256');
  #buffer: Uint8Array;
  #start = 0;
  #end = 0;
  /** Position in the file of `#buffer[#start]`. */
  #offset = 0;

  constructor(file: ReadableFile, path: string, part: PartDescriptor) {
    this.#file = file;
    this.#path = path;
    this.#part = part;
    this.#buffer = new Uint8Array(Math.min(READ_BYTES, part.bytes));
  }

  async read(): Promise<readonly RestoredPartSection[]> {
    const header = await this.#header();
    const sections = this.#part.sections.map(({ operator, name, bytes }) => ({
      operator,
      name,
      bytes: new Uint8Array(bytes),
    }));
    await this.#body(header, sections);
    if (this.#offset !== this.#part.bytes) {
      throw await this.#damage(this.#offset, 'end of the file', this.#offset, this.#part.bytes);
    }
    const sha256 = this.#hash.digest('hex');
    if (sha256 !== this.#part.sha256) {
      const { sha256: expected } = this.#part;
      throw corruptError({
        file: this.#path,
        offset: 0,
        check: 'SHA-256',
        expected,
        found: sha256,
        expectedSha256: expected,
        foundSha256: sha256,
      });
    }
    return sections;
  }

  async #header(): Promise<PartHeader> {
    const prefix = (await this.#take(PREFIX_BYTES)).slice();
    const view = new DataView(prefix.buffer);
    if (PART_MAGIC.some((byte, index) => prefix[index] !== byte)) {
      const found = Buffer.from(prefix.subarray(0, 8)).toString('hex');
      throw await this.#damage(0, 'magic', Buffer.from(PART_MAGIC).toString('hex'), found);
    }
    const format = view.getUint32(CHECKED_FROM, true);
    if (format !== PART_FORMAT && format !== COMPRESSED_FORMAT) {
      const known = `${PART_FORMAT} or ${COMPRESSED_FORMAT}`;
      await this.#refuseIfWhole(`its format is ${format}, this version reads ${known}`);
      throw await this.#damage(CHECKED_FROM, 'format', known, format);
    }
    const length = view.getUint32(12, true);
    if (length > Math.min(HEADER_BYTES_MAX, this.#part.bytes - PREFIX_BYTES)) {
      throw await this.#damage(12, 'header bytes', `at most ${this.#part.bytes}`, length);
    }
    const json = await this.#take(length);
    const expected = view.getUint32(16, true);
    const found = crc32(json, crc32(prefix.subarray(CHECKED_FROM, 16)));
    if (found !== expected) {
      throw await this.#damage(CHECKED_FROM, 'CRC-32', hex32(expected), hex32(found));
    }
    const header = parseHeader(json);
    const { vertex, instance, compression = null, sections } = this.#part;
    const packed: unknown = header?.compression ?? null;
    if (header !== undefined && packed !== null && !isCompression(packed)) {
      const known = COMPRESSIONS.join(' or ');
      await this.#refuseIfWhole(`its compression is '${packed}', this version reads ${known}`);
    }
    const told =
      header && JSON.stringify([header.vertex, header.instance, packed, header.sections]);
    const named = JSON.stringify([
      vertex,
      instance,
      compression,
      sections.map(({ operator, name, bytes }) => ({ operator, name, bytes })),
    ]);
    const isPacked = format === COMPRESSED_FORMAT;
    if (header === undefined || told !== named || isPacked !== (compression !== null)) {
      throw await this.#damage(PREFIX_BYTES, 'header', named, told ?? 'no header');
    }
    return header;
  }

  /** What no version knows is damage, or another version's: the SHA-256 can tell. */
  async #refuseIfWhole(what: string): Promise<void> {
    if ((await sha256OfFile(this.#file)) === this.#part.sha256) throw formatError(this.#path, what);
  }

  async #body(header: PartHeader, sections: readonly RestoredPartSection[]): Promise<void> {
    let index = 0;
    let filled = 0;
    let left = sections.reduce((sum, section) => sum + section.bytes.length, 0);
    while (left > 0) {
      const at = this.#offset;
      const head = await this.#take(CHUNK_HEAD_BYTES);
      const view = new DataView(head.buffer, head.byteOffset, CHUNK_HEAD_BYTES);
      const length = view.getUint32(0, true);
      const expected = view.getUint32(4, true);
      const lengthDue = Math.min(left, header.chunkBytes);
      const isLength =
        header.compression === undefined
          ? length === lengthDue
          : length <= Math.min(lengthDue, this.#part.bytes - this.#offset);
      if (!isLength) throw await this.#damage(at, 'chunk length', lengthDue, length);
      const stored = await this.#take(length);
      const found = crc32(stored);
      if (found !== expected) {
        throw await this.#damage(at, 'CRC-32', hex32(expected), hex32(found));
      }
      const bytes = await this.#content(header, at, stored, lengthDue);
      for (let from = 0; from < lengthDue; ) {
        const target = sections[index]!.bytes;
        const count = Math.min(lengthDue - from, target.length - filled);
        target.set(bytes.subarray(from, from + count), filled);
        from += count;
        filled += count;
        if (filled === target.length) {
          index += 1;
          filled = 0;
        }
      }
      left -= lengthDue;
    }
  }

  /** R3. */
  async #content(
    { compression }: PartHeader,
    at: number,
    stored: Uint8Array,
    bytes: number,
  ): Promise<Uint8Array> {
    if (compression === undefined) return stored;
    try {
      return expandChunk(compression, stored, bytes);
    } catch (error) {
      const found = messageOf(error);
      throw await this.#damage(at, compression, `${bytes} bytes of content`, found);
    }
  }

  /** The next `length` bytes; valid until the next call. */
  async #take(length: number): Promise<Uint8Array> {
    if (this.#end - this.#start < length) await this.#fill(length);
    const bytes = this.#buffer.subarray(this.#start, this.#start + length);
    this.#start += length;
    this.#offset += length;
    return bytes;
  }

  async #fill(length: number): Promise<void> {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    if (length > this.#buffer.length) {
      // Bounded by the file's real size, which is the descriptor's (R2).
      if (this.#offset + length > this.#part.bytes) throw await this.#cutShort(length);
      const larger = new Uint8Array(length);
      larger.set(rest);
      this.#buffer = larger;
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = rest.length;
    while (this.#end < length) {
      const target = this.#buffer.subarray(this.#end);
      const count = await this.#file.read(target, this.#offset + this.#end);
      if (count === 0) throw await this.#cutShort(length);
      this.#hash.update(target.subarray(0, count));
      this.#end += count;
    }
  }

  #cutShort(length: number): Promise<Error> {
    const expected = `${length} more bytes`;
    return this.#damage(this.#offset, 'length', expected, `${this.#part.bytes - this.#offset}`);
  }

  async #damage(
    offset: number,
    check: string,
    expected: string | number,
    found: string | number,
  ): Promise<Error> {
    return corruptError({
      file: this.#path,
      offset,
      check,
      expected: String(expected),
      found: String(found),
      expectedSha256: this.#part.sha256,
      foundSha256: await sha256OfFile(this.#file),
    });
  }
}

/** A header that may be walked: with a chunk size that makes progress. */
function parseHeader(json: Uint8Array): PartHeader | undefined {
  try {
    const header = JSON.parse(new TextDecoder().decode(json)) as PartHeader | null;
    const chunkBytes = header?.chunkBytes;
    return Number.isInteger(chunkBytes) && chunkBytes! > 0 ? header! : undefined;
  } catch {
    return undefined;
  }
}
