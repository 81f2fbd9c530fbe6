/**
 * Reads the records of one byte range of a file of lines.
 *
 *  R1  A batch never crosses a segment, so a record's line is found again by its index in it.
 *  R2  A malformed line ends the batch before it: what came earlier is emitted first, and the failure
 *      (or the rejected record) is the first thing of the next poll.
 *  R3  `position` and `describe` look at what is replaced in the same tick in which a poll settles. So while a poll
 *      is pending, they speak of the batch before.
 */

import { types } from 'node:util';
import { HoldfastError } from '../../base/errors.js';
import type {
  RejectedRecord,
  SourceBatch,
  SourceContext,
  SourceReader,
} from '../../stream/source.js';
import type { NamedPath } from '../options.js';
import type { FileSplit } from '../split-check.js';
import { type IdentifiedFile, sourceError } from './file-identity.js';
import { LineBlocks, LineTooLong, type Segment } from './line-blocks.js';
import type { LineNumbers } from './line-numbers.js';
import { LineSegment } from './line-segment.js';

const BATCH_RECORDS = 1_000;
/** Of the first batch, where it is only looked at. */
const FIRST_LOOK_RECORDS = 32;
const SHOWN_CHARACTERS = 120;

/** What a line means. */
export interface LineFormat<T> {
  readonly kind: string;
  /** Blank lines are no records. */
  readonly skipBlank: boolean;
  readonly maxLineBytes: number;
  /** A malformed line becomes a `RejectedRecord` instead of a failure. */
  readonly reject: boolean;
  /** Throws an Error that says what is wrong with the line. */
  parse(line: string): T;
}

export interface LineSplit extends FileSplit {
  /** Byte range of the file: lines that begin in it. */
  readonly from: number;
  readonly to: number;
  readonly [key: string]: unknown;
}

/** The next line to emit: its offset, and its number where it is known. */
export interface LinePosition {
  readonly offset: number;
  readonly line?: number;
}

export interface LineReaderParts<T> {
  readonly format: LineFormat<T>;
  readonly split: LineSplit;
  readonly path: NamedPath;
  readonly file: IdentifiedFile;
  readonly start: LinePosition | undefined;
  readonly numbers: LineNumbers;
  readonly context: SourceContext;
}

export class LineReader<T> implements SourceReader<T> {
  readonly #format: LineFormat<T>;
  readonly #parts: LineReaderParts<T>;
  readonly #blocks: LineBlocks;
  /** Most records of the next batch. */
  #batchMax: number;
  #segment: LineSegment | undefined;
  /** Number of the segment's first line, 1-based, where it is known. */
  #segmentLine: number | undefined;
  /** Line within the segment that the next batch begins with. */
  #nextLine = 0;
  /** Lines of the records of the batch polled last, then the line behind it. */
  #batchLines: number[] = [0];

  constructor(parts: LineReaderParts<T>) {
    const { split, path, file, start, context } = parts;
    this.#parts = parts;
    this.#batchMax = context.isTouch === true ? FIRST_LOOK_RECORDS : BATCH_RECORDS;
    this.#format = parts.format;
    this.#blocks = new LineBlocks({
      handle: file.handle,
      head: file.head,
      path,
      identity: split,
      from: start?.offset ?? split.from,
      to: split.to,
      seek: start === undefined,
      maxLineBytes: parts.format.maxLineBytes,
      beginsSmall: context.isTouch === true,
      alive: () => context.alive(),
    });
  }

  poll(): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    const segment = this.#segment;
    if (segment !== undefined && this.#nextLine < segment.lines.length) return this.#batch(segment);
    let next: Segment | undefined | Promise<Segment | undefined>;
    try {
      next = this.#blocks.take();
    } catch (error) {
      return this.#explain(error);
    }
    if (!types.isPromise(next)) return this.#begin(next);
    return next.then(
      (taken) => this.#begin(taken),
      (error: unknown) => this.#explain(error),
    );
  }

  position(taken: number): LinePosition | undefined {
    const segment = this.#segment;
    if (segment === undefined) return this.#parts.start;
    const line = this.#batchLines[Math.min(taken, this.#batchLines.length - 1)]!;
    const offset = segment.offsetOf(line);
    return this.#segmentLine === undefined
      ? { offset }
      : { offset, line: this.#segmentLine + line };
  }

  describe(index: number): string {
    const { shown } = this.#parts.path;
    const position = this.position(index);
    if (position === undefined) return `the beginning of ${shown}`;
    return position.line === undefined
      ? `${shown} byte ${position.offset}`
      : `${shown} line ${position.line}`;
  }

  async close(): Promise<void> {
    await this.#blocks.stop();
    await this.#parts.file.handle.close();
  }

  #begin(
    taken: Segment | undefined,
  ): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    if (taken === undefined) {
      this.#batchLines = [this.#nextLine];
      return undefined;
    }
    this.#segmentLine = this.#lineOfNewSegment(taken.start);
    this.#segment = new LineSegment(taken);
    this.#nextLine = 0;
    // The end of the batch before is the beginning of this segment (R3).
    this.#batchLines = [0];
    return this.#batch(this.#segment);
  }

  #lineOfNewSegment(start: number): number | undefined {
    if (this.#segment === undefined) return start === 0 ? 1 : this.#parts.start?.line;
    return this.#segmentLine === undefined
      ? undefined
      : this.#segmentLine + this.#segment.lines.length;
  }

  #batch(segment: LineSegment): SourceBatch<T> | Promise<SourceBatch<T> | undefined> {
    const { lines } = segment;
    const { maxLineBytes, skipBlank } = this.#format;
    // A UTF-16 unit is three bytes at most: shorter lines need no counting.
    const surelyShort = Math.floor(maxLineBytes / 3);
    const records: T[] = [];
    const batchLines: number[] = [];
    let line = this.#nextLine;
    const most = this.#batchMax;
    this.#batchMax = BATCH_RECORDS;
    for (; line < lines.length && records.length < most; line += 1) {
      const text = lines[line];
      if (text === undefined) return this.#stopAt(line, records, batchLines, 'it is not UTF-8');
      if (text.length > surelyShort && Buffer.byteLength(text) > maxLineBytes) {
        return this.#explain(new LineTooLong(segment.offsetOf(line)));
      }
      if (skipBlank && isBlank(text)) continue;
      try {
        records.push(this.#format.parse(text));
      } catch (error) {
        return this.#stopAt(line, records, batchLines, (error as Error).message);
      }
      batchLines.push(line);
    }
    return this.#finish(line, records, batchLines);
  }

  #finish(line: number, records: readonly T[], batchLines: number[]): SourceBatch<T> {
    batchLines.push(line);
    this.#batchLines = batchLines;
    this.#nextLine = line;
    return { records };
  }

  /** At a malformed line (R2). */
  #stopAt(
    line: number,
    records: readonly T[],
    batchLines: number[],
    why: string,
  ): SourceBatch<T> | Promise<SourceBatch<T>> {
    if (records.length > 0) return this.#finish(line, records, batchLines);
    const segmentLine = this.#segmentLine;
    if (segmentLine !== undefined) return this.#malformed(line, segmentLine + line, why);
    return this.#countLines(this.#segment!.offsetOf(line)).then((number) => {
      this.#segmentLine = number - line;
      return this.#malformed(line, number, why);
    });
  }

  #malformed(line: number, number: number, why: string): SourceBatch<T> {
    const segment = this.#segment!;
    const { path, split } = this.#parts;
    const text = (segment.lines[line] ?? segment.lossyText(line)).replace(/\r$/, '');
    if (this.#format.reject) {
      const rejected: RejectedRecord = { source: split.path, line: number, text, error: why };
      this.#batchLines = [line, line + 1];
      this.#nextLine = line + 1;
      // The task sends what `rejected` points at to the side output: it is no T.
      return { records: [rejected as T], rejected: [0] };
    }
    const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
    throw new HoldfastError(
      'ERR_HOLDFAST_MALFORMED_RECORD',
      `${path.shown} line ${number}: ${why}: ${JSON.stringify(shown)}. ${this.#advice(segment, line)}`,
      { details: { path: path.absolute, line: number, offset: segment.offsetOf(line) } },
    );
  }

  #advice(segment: LineSegment, line: number): string {
    if (segment.lines[line] === undefined) return 'Convert the file to UTF-8 (iconv does it).';
    return "Mend the line, or send malformed lines to a side output: { malformed: 'some-tag' }.";
  }

  async #explain(error: unknown): Promise<never> {
    if (!(error instanceof LineTooLong)) throw error;
    const { path } = this.#parts;
    const number = await this.#countLines(error.start);
    const { maxLineBytes } = this.#format;
    throw new HoldfastError(
      'ERR_HOLDFAST_MALFORMED_RECORD',
      `${path.shown} line ${number} is longer than ${maxLineBytes} bytes. Is it a file of lines? ` +
        'Then raise maxLineBytes.',
      { details: { path: path.absolute, line: number, offset: error.start, maxLineBytes } },
    );
  }

  async #countLines(offset: number): Promise<number> {
    const { numbers, file, path, context } = this.#parts;
    try {
      return await numbers.at(file.handle, path.absolute, offset, () => context.alive());
    } catch (error) {
      throw sourceError(path, error);
    }
  }
}

function isBlank(text: string): boolean {
  return text.length === 0 || (text.charCodeAt(0) <= 32 && text.trim() === '');
}
