/**
 * A journal of records that cannot be read a second time. They are written before they are emitted, read again after
 * a death, and removed when checkpoints have made them needless.
 *
 *  J1  Records are numbered from 0, over all lives of a run. A file holds consecutive records; its name says the
 *      number of the first, and which life wrote it (epoch, incarnation).
 *  J2  A life begins a file of its own with its first record, at the number where the journal ended when the life
 *      began. From there on that file takes precedence over older ones: a thread that was given up may still
 *      write to its own file, but such records were never emitted, and are not read.
 *  J3  A frame counts only when it is complete. A death may leave a torn frame, whose records were not emitted
 *      either, but only at the end of a file. A damaged frame with more behind it is an error.
 *  J4  `dropBefore` removes whole files only, those whose records all lie before the given number.
 *
 * A file: `HFJ1`, then frames: length of the payload and its CRC-32 (little-endian, 32 bits each), payload: how
 * many records, and each as the value codec writes it.
 */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { HoldfastError } from '../../base/errors.js';
import { type FileHandle, open, readdir, readFile, unlink } from '../../base/files.js';
import { makeDirectory } from '../../base/make-directory.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { syncDirectory } from '../files/durable-files.js';
import { explainSystemError } from '../system-error.js';

const MAGIC = Buffer.from('HFJ1');
const FRAME_HEAD_BYTES = 8;
/** A file of this size is closed and another one begun, because only whole files are removed (J4). */
const FILE_BYTES = 4 * 1024 * 1024;
const NAME = /^(\d{16})-(\d{10})-(\d{10})\.journal$/;

export interface JournalOptions {
  readonly directory: string;
  /** The source's name, for messages. */
  readonly source: string;
  /** Epoch of the life that writes; together with the incarnation it is greater than that of any earlier life. */
  readonly epoch: number;
  readonly incarnation: number;
  /** fsync before a record counts as written, so that it survives a crash of the machine as well. */
  readonly sync: boolean;
  /** Size at which a file is closed; tests set a smaller one. */
  readonly fileBytes?: number | undefined;
}

interface JournalFile {
  readonly path: string;
  /** Number of its first record. */
  readonly first: number;
  /** Records before this number are valid. */
  end: number;
  bytes: number;
}

export class Journal {
  readonly #options: JournalOptions;
  /** The files in order; each begins where the one before ends. */
  #files: JournalFile[];
  #handle: FileHandle | undefined;
  /** Number of the next record while the journal is empty. */
  #begin = 0;
  #closed = false;

  private constructor(options: JournalOptions, files: JournalFile[]) {
    this.#options = options;
    this.#files = files;
  }

  /** @throws HoldfastError ERR_HOLDFAST_SOURCE when it cannot be used, or is damaged (J3) */
  static async open(options: JournalOptions): Promise<Journal> {
    try {
      await makeDirectory(options.directory);
      return new Journal(options, await listFiles(options));
    } catch (error) {
      throw journalError(options, 'open', error);
    }
  }

  /** Number of the first record that the journal holds. */
  get first(): number {
    return this.#files[0]?.first ?? this.#begin;
  }

  /** Number of the next record that is written. */
  get end(): number {
    return this.#files.at(-1)?.end ?? this.#begin;
  }

  /** Goes on at a number beyond its end; its records are no longer needed. */
  async skipTo(number: number): Promise<void> {
    await this.dropBefore(number);
    this.#begin = Math.max(this.#begin, number);
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Records from this number to the end of the file that holds it; none at the journal's end. */
  async read(from: number): Promise<readonly unknown[]> {
    const file = this.#files.find(({ first, end }) => from >= first && from < end);
    if (file === undefined) return [];
    try {
      const records = recordsOf(await readFile(file.path), file.first, file.end);
      return records.slice(from - file.first);
    } catch (error) {
      throw journalError(this.#options, 'read', error);
    }
  }

  /** Writes records behind the last one. @returns when they are safe */
  async append(records: readonly unknown[]): Promise<void> {
    const frame = encodeFrame(records);
    const { sync, fileBytes = FILE_BYTES } = this.#options;
    try {
      const current = this.#files.at(-1);
      if (this.#handle !== undefined && current!.bytes >= fileBytes) await this.#closeFile();
      if (this.#handle === undefined) await this.#openFile();
      const handle = this.#handle!;
      const file = this.#files.at(-1)!;
      await handle.writeAll(frame);
      if (sync) await handle.sync();
      file.bytes += frame.length;
      file.end += records.length;
    } catch (error) {
      throw journalError(this.#options, 'write', error);
    }
  }

  /** Removes records before this number (J4). */
  async dropBefore(before: number): Promise<void> {
    try {
      while (this.#files.length > 0) {
        const [file] = this.#files;
        const isOpen = this.#handle !== undefined && this.#files.length === 1;
        if (file!.end > before || isOpen) return;
        this.#begin = file!.end;
        this.#files.shift();
        await unlink(file!.path).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        });
      }
    } catch (error) {
      throw journalError(this.#options, 'shorten', error);
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#closeFile();
  }

  async #openFile(): Promise<void> {
    if (this.#closed) throw new Error('the journal is closed');
    const { directory, epoch, incarnation } = this.#options;
    const first = this.end;
    const name = [digits(first, 16), digits(epoch, 10), digits(incarnation, 10)].join('-');
    const path = join(directory, `${name}.journal`);
    // A file of this name can only be a leftover of the same life that has no records.
    const handle = await open(path, 'w');
    this.#handle = handle;
    await handle.writeAll(MAGIC);
    if (this.#options.sync) await syncDirectory(directory);
    this.#files.push({ path, first, end: first, bytes: MAGIC.length });
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

/** The files of the directory, as far as their records are valid (J2). */
async function listFiles(options: JournalOptions): Promise<JournalFile[]> {
  const { directory } = options;
  const named = (await readdir(directory))
    .map((name) => ({ name, match: NAME.exec(name) }))
    .filter(({ match }) => match !== null)
    .map(({ name, match }) => ({
      path: join(directory, name),
      first: Number(match![1]),
      life: `${match![2]}-${match![3]}`,
    }))
    .sort((a, b) => (a.life < b.life ? -1 : a.life > b.life ? 1 : a.first - b.first));
  let files: JournalFile[] = [];
  for (const { path, first, life } of named) {
    const later = named.filter((other) => other.life > life).map((other) => other.first);
    const most = Math.min(...later) - first;
    if (most <= 0) {
      // A thread that was given up began this file, behind the place where its successor goes on (J2).
      await unlink(path).catch(() => {});
      continue;
    }
    const bytes = await readFile(path);
    const end = first + countRecords(options, path, bytes, most);
    const isFollowed = named.some((other) => other.life === life && other.first > first);
    if (end === first && !isFollowed) {
      await unlink(path).catch(() => {});
      continue;
    }
    files = files
      .map((file) => ({ ...file, end: Math.min(file.end, first) }))
      .filter((file) => file.end > file.first);
    const before = files.at(-1);
    if (before !== undefined && before.end < first) {
      throw damaged(options, path, `records ${before.end} to ${first - 1} are missing before it`);
    }
    files.push({ path, first, end, bytes: bytes.length });
  }
  return files;
}

/**
 * @param most number of records after which later lives take precedence: the rest of the file does not matter (J2)
 * @returns how many whole records there are before a torn frame (J3)
 */
function countRecords(options: JournalOptions, path: string, bytes: Buffer, most: number): number {
  if (bytes.length < MAGIC.length) return 0;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw damaged(options, path, 'it does not begin as a journal does');
  }
  let count = 0;
  for (let at = MAGIC.length; at < bytes.length && count < most; ) {
    const frame = frameAt(bytes, at);
    if (frame === undefined) return count;
    if (crc32(frame.payload) !== frame.crc) {
      if (frame.next === bytes.length) return count;
      throw damaged(options, path, `the frame at byte ${at} has another checksum than it says`);
    }
    count += new ByteReader(frame.payload).u32();
    at = frame.next;
  }
  return Math.min(count, most);
}

function recordsOf(bytes: Buffer, first: number, end: number): readonly unknown[] {
  const records: unknown[] = [];
  for (let at = MAGIC.length; records.length < end - first; ) {
    const { payload, next } = frameAt(bytes, at)!;
    const reader = new ByteReader(payload);
    for (let left = reader.u32(); left > 0; left -= 1) records.push(decodeValue(reader));
    at = next;
  }
  return records.slice(0, end - first);
}

function frameAt(
  bytes: Buffer,
  at: number,
): { readonly payload: Buffer; readonly crc: number; readonly next: number } | undefined {
  const start = at + FRAME_HEAD_BYTES;
  if (start > bytes.length) return undefined;
  const next = start + bytes.readUInt32LE(at);
  if (next > bytes.length) return undefined;
  return { payload: bytes.subarray(start, next), crc: bytes.readUInt32LE(at + 4), next };
}

/** @throws HoldfastError for a record that would not come back equal */
function encodeFrame(records: readonly unknown[]): Buffer {
  const writer = new ByteWriter();
  writer.u32(records.length);
  for (const record of records) encodeValue(writer, record);
  const payload = writer.take();
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt32LE(crc32(payload), 4);
  frame.set(payload, FRAME_HEAD_BYTES);
  return frame;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}

function damaged({ source, directory }: JournalOptions, path: string, what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `the journal of source '${source}' is damaged: '${path}': ${what}. Put the file back from a copy, or ` +
      "start the job afresh (restore: 'none').",
    { details: { source, directory, path } },
  );
}

function journalError(options: JournalOptions, verb: string, cause: unknown): unknown {
  if (cause instanceof HoldfastError) return cause;
  const { source, directory } = options;
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `cannot ${verb} the journal of source '${source}' in '${directory}': ${explainSystemError(cause)}.`,
    { cause, details: { source, directory } },
  );
}
