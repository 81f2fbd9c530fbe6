/**
 * The lines of one record, taken one by one by the format that knows where the record ends.
 *
 *  L1  What is taken depends on the file alone, not on where its blocks were cut. Where a segment ends within a
 *      record, UNFINISHED is thrown, and the record is begun anew with more of the file at hand.
 *  L2  A record never grows beyond the limit, so that much of the file is in memory at most.
 */

import type { LineSegment } from './line-segment.js';

/** Thrown through a format's `parse`: the segment ends within the record. */
export const UNFINISHED = new Error('the segment ends within a record');

/**
 * A fault that leaves open where the record would end. Only its first line is given up, and the next line
 * begins a record: so one quote too many does not take good lines along.
 */
export class FirstLineFault extends Error {}

/** What a format may ask for beyond a record's first line. */
export interface FollowingLines {
  /**
   * The next line, which thereby belongs to the record. Not to be called by formats whose records are single lines.
   *
   * @param unfinished what is wrong with the record if it has no further line: `a quoted cell is not closed`
   * @throws FirstLineFault when the file has no more, or the record would grow beyond its limit
   */
  take(unfinished: string): string;
}

export class RecordLines implements FollowingLines {
  readonly #bytesMax: number;
  #segment: LineSegment | undefined;
  #first = 0;
  #count = 0;
  #bytes = 0;
  #isWhole = true;
  #endsFile = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Begins a record, and gives its first line.
   *
   * @param endsFile nothing comes behind the segment
   */
  begin(segment: LineSegment, line: number, endsFile: boolean): string {
    this.#segment = segment;
    this.#first = line;
    this.#count = 1;
    this.#bytes = -1;
    this.#endsFile = endsFile;
    const text = segment.lines[line];
    this.#isWhole = text !== undefined;
    return text ?? segment.lossyText(line);
  }

  /** How many lines the record has, as far as they were taken. */
  get count(): number {
    return this.#count;
  }

  /** Is every line of it UTF-8? */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  take(unfinished: string): string {
    const segment = this.#segment!;
    const line = this.#first + this.#count;
    if (line >= segment.lines.length) {
      if (this.#endsFile) throw new FirstLineFault(unfinished);
      throw UNFINISHED;
    }
    if (this.#bytes < 0) this.#bytes = this.#lengthOf(this.#first);
    this.#bytes += this.#lengthOf(line);
    if (this.#bytes > this.#bytesMax) {
      throw new FirstLineFault(`${unfinished} within ${this.#bytesMax} bytes`);
    }
    const text = segment.lines[line];
    this.#count += 1;
    if (text !== undefined) return text;
    this.#isWhole = false;
    return segment.lossyText(line);
  }

  /** The record's text, with replacement characters for what is not UTF-8. */
  text(count: number): string {
    const segment = this.#segment!;
    const lines = Array.from({ length: count }, (_, i) => {
      const line = this.#first + i;
      return segment.lines[line] ?? segment.lossyText(line);
    });
    return lines.join('\n').replace(/\r$/, '');
  }

  /** In bytes, with the newline. */
  #lengthOf(line: number): number {
    return 1 + this.#segment!.bytesOf(line);
  }
}
