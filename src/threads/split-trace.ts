/**
 * How far the splits of a source task have come, written where it outlives the process: in a file that whoever started
 * the process has opened, and reads when the process is dead.
 *
 *  X1  Never ahead: a split's count is of records that are read, the one in work included.
 *  X2  The first record that is read of a split after a start, or after a snapshot, is told before it is worked
 *      on. So a split that has read on since is told to be beyond that snapshot, however soon the process dies.
 *  X3  After that a split is told at most every WRITE_EVERY_MS, and never per record: it lags behind by no more than
 *      what is read in that time and a turn of the task.
 *  X4  When the file takes nothing any more, nothing is told, and the task goes on.
 *
 * Each task has a range of its own in the file, which is sparse: first how many splits there are, then a row for
 * each. All numbers are float64 in the machine's own order of bytes, since both processes are of one machine.
 */

import { fstatSync, readSync, writeSync } from 'node:fs';

const WORD_BYTES = Float64Array.BYTES_PER_ELEMENT;
/** Key and count. */
const ROW_WORDS = 2;
const ROW_BYTES = ROW_WORDS * WORD_BYTES;
/** Of the ranges: room for a million splits. What a task has beyond that is not told. */
const RANGE_BYTES = 2 ** 24;
const SPLITS_MAX = Math.floor((RANGE_BYTES - WORD_BYTES) / ROW_BYTES);
const WRITE_EVERY_MS = 5;

/** Records that were read of each split, by the split's key. */
export type SplitCounts = ReadonlyMap<number, number>;

export class SplitTrace {
  readonly #fd: number;
  readonly #startByte: number;
  readonly #word = new Float64Array(1);
  readonly #bytes = new Uint8Array(this.#word.buffer);
  /** By place: when the split was told last (performance.now() ms); −∞: it is due (X2). */
  #toldMs = new Float64Array(0);
  #isOff = false;

  /** @param task its number among all tasks of the job */
  constructor(fd: number, task: number) {
    this.#fd = fd;
    this.#startByte = task * RANGE_BYTES;
  }

  /**
   * The task's splits as they stand now; told again when there are more.
   * @param keys by the split's place; equal in every process of the job
   * @param counts by the split's place
   */
  begin(keys: Float64Array, counts: Float64Array): void {
    const splits = Math.min(keys.length, SPLITS_MAX);
    const rows = new Float64Array(ROW_WORDS * splits);
    for (let place = 0; place < splits; place += 1) {
      rows[ROW_WORDS * place] = keys[place]!;
      rows[ROW_WORDS * place + 1] = counts[place]!;
    }
    this.#toldMs = new Float64Array(splits);
    this.snapshot();
    this.#write(new Uint8Array(rows.buffer), WORD_BYTES);
    this.#writeWord(splits, 0);
  }

  /** A snapshot of the task is taken (X2). */
  snapshot(): void {
    this.#toldMs.fill(Number.NEGATIVE_INFINITY);
  }

  /** @param count records read of the split, that which comes next included */
  reads(place: number, count: number): void {
    if (this.#isOff || place >= this.#toldMs.length) return;
    const now = performance.now();
    if (now - this.#toldMs[place]! < WRITE_EVERY_MS) return;
    this.#toldMs[place] = now;
    this.#writeWord(count, WORD_BYTES + place * ROW_BYTES + WORD_BYTES);
  }

  #writeWord(value: number, atByte: number): void {
    this.#word[0] = value;
    this.#write(this.#bytes, atByte);
  }

  #write(bytes: Uint8Array, atByte: number): void {
    if (this.#isOff) return;
    try {
      let written = 0;
      while (written < bytes.length) {
        const position = this.#startByte + atByte + written;
        written += writeSync(this.#fd, bytes, written, bytes.length - written, position);
      }
    } catch {
      this.#isOff = true; // X4
    }
  }
}

/** What all tasks of a process have told. */
export function readTraces(fd: number): SplitCounts {
  const counts = new Map<number, number>();
  const { size } = fstatSync(fd);
  for (let startByte = 0; startByte < size; startByte += RANGE_BYTES) {
    const [splits = 0] = readWords(fd, 1, startByte);
    const rows = readWords(fd, ROW_WORDS * splits, startByte + WORD_BYTES);
    for (let at = 0; at + 1 < rows.length; at += ROW_WORDS) {
      const [key, count] = [rows[at]!, rows[at + 1]!];
      // Another task may have read the split before a rescale, and its rows are still there.
      counts.set(key, Math.max(count, counts.get(key) ?? 0));
    }
  }
  return counts;
}

function readWords(fd: number, words: number, startByte: number): Float64Array {
  const bytes = new Uint8Array(words * WORD_BYTES);
  let read = 0;
  while (read < bytes.length) {
    const got = readSync(fd, bytes, read, bytes.length - read, startByte + read);
    if (got === 0) break;
    read += got;
  }
  return new Float64Array(bytes.buffer, 0, Math.floor(read / WORD_BYTES));
}
