/**
 * Reads the records of one byte range of a file of lines.
 *
 *  R1  A batch never crosses a segment, so a record's line is found again by its index in it.
 *  R2  A malformed line ends the batch before it: what came earlier is emitted first, and the failure
 *      (or the rejected record) is the first thing of the next poll.
 *  R3  A record that a segment's end cuts waits for more of the file: its lines are joined to the next segment.
 *  R4  `position` and `describe` look at what is replaced in the same tick in which a poll settles. So while a poll
 *      is pending, they speak of the batch before.
 */

import { types } from 'node:util';
import { clipped } from '../../base/clipped.js';
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
import { FirstLineFault, type FollowingLines, RecordLines, UNFINISHED } from './record-lines.js';

const BATCH_RECORDS = 1_000;
/** Of the first batch, where it is only looked at. */
const FIRST_LOOK_RECORDS = 32;
const SHOWN_CHARACTERS = 120;
const NOT_UTF8 = 'it is not UTF-8';

/** What the lines of a file mean. */
export interface LineFormat<T> {
  /** Where the first record may begin; undefined: where the file does. */
  readonly begin?: LinePosition | undefined;
  /** A record may take several lines, so a file cannot be divided. */
  readonly isMultiline?: boolean | undefined;
  /** Of a line, and of a record of several. */
  readonly maxBytes: number;
  /** The option that sets it. */
  readonly limitOption: string;
  /** A malformed record becomes a `RejectedRecord` instead of a failure. */
  readonly reject: boolean;
  /** What to do about a malformed record. */
  readonly advice: string;
  /** Lines that are no records. Absent: there are none. */
  readonly isBlank?: ((line: string) => boolean) | undefined;
  /** Throws an Error that says what is wrong with the record that begins with the line. */
  parse(line: string, following: FollowingLines): T;
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
  readonly context: Pick<SourceContext, 'isTouch' | 'alive'>;
}

export class LineReader<T> implements SourceReader<T> {
  readonly #format: LineFormat<T>;
  readonly #parts: LineReaderParts<T>;
  readonly #blocks: LineBlocks;
  readonly #record: RecordLines;
  /** Most records of the next batch. */
  #batchMax: number;
  #segment: LineSegment | undefined;
  /** Number of the segment's first line, 1-based, where it is known. */
  #segmentLine: number | undefined;
  /** Line within the segment that the next batch begins with. */
  #nextLine = 0;
  /** Lines of the records of the batch polled last, then the line behind it. */
  #batchLines: number[] = [0];
  /** Nothing comes behind the segment. */
  #endsFile = false;

  constructor(parts: LineReaderParts<T>) {
    const { split, path, file, start, context } = parts;
    this.#parts = parts;
    this.#batchMax = context.isTouch === true ? FIRST_LOOK_RECORDS : BATCH_RECORDS;
    this.#format = parts.format;
    this.#record = new RecordLines(parts.format.maxBytes);
    this.#blocks = new LineBlocks({
      handle: file.handle,
      head: file.head,
      path,
      identity: split,
      from: start?.offset ?? split.from,
      to: split.to,
      seek: start === undefined,
      maxLineBytes: parts.format.maxBytes,
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
    const lines = segment?.lines.length ?? 0;
    if (!types.isPromise(next)) return this.#begin(next, lines);
    return next.then(
      (taken) => this.#begin(taken, lines),
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

  /** Ends reading, and leaves the file open. */
  async stop(): Promise<void> {
    await this.#blocks.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#parts.file.handle.close();
  }

  /** @param before how many lines of the segment at hand lie before the one that was taken */
  #begin(
    taken: Segment | undefined,
    before: number,
  ): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    if (taken === undefined) {
      this.#batchLines = [this.#nextLine];
      return undefined;
    }
    this.#segmentLine = this.#lineOfNewSegment(taken.start, before);
    this.#segment = new LineSegment(taken);
    this.#nextLine = 0;
    // The end of the batch before is the beginning of this segment (R4).
    this.#batchLines = [0];
    return this.#batch(this.#segment);
  }

  #lineOfNewSegment(start: number, before: number): number | undefined {
    if (this.#segment === undefined) return start === 0 ? 1 : this.#parts.start?.line;
    return this.#segmentLine === undefined ? undefined : this.#segmentLine + before;
  }

  /** Reads on when the record that begins at `line` is cut by the segment's end (R3). */
  async #more(segment: LineSegment, line: number): Promise<SourceBatch<T> | undefined> {
    const rest = segment.from(line);
    const pieces = [rest.bytes];
    let bytes = 0;
    try {
      // As much again as there is: so a long record is copied and searched a few times only.
      while (bytes < rest.bytes.length) {
        const next = await this.#blocks.take();
        if (next === undefined) break;
        pieces.push(next.bytes);
        bytes += next.bytes.length;
      }
    } catch (error) {
      return this.#explain(error);
    }
    if (bytes > 0) return this.#begin({ bytes: Buffer.concat(pieces), start: rest.start }, line);
    this.#endsFile = true;
    return this.#batch(segment);
  }

  #batch(segment: LineSegment): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    const { lines } = segment;
    const { maxBytes, isBlank } = this.#format;
    const record = this.#record;
    // A UTF-16 unit is three bytes at most, so is what a replacement character stands for: shorter lines need no
    // counting. A longer one is too long whatever it holds, as it is where a block cuts it.
    const surelyShort = Math.floor(maxBytes / 3);
    const records: T[] = [];
    const batchLines: number[] = [];
    let line = this.#nextLine;
    const most = this.#batchMax;
    this.#batchMax = BATCH_RECORDS;
    while (line < lines.length && records.length < most) {
      const text = record.begin(segment, line, this.#endsFile);
      if (text.length > surelyShort && segment.bytesOf(line) > maxBytes) {
        return this.#explain(new LineTooLong(segment.offsetOf(line)));
      }
      if (isBlank?.(text) === true) {
        line += 1;
        continue;
      }
      let parsed: T;
      try {
        parsed = this.#format.parse(text, record);
      } catch (error) {
        if (error !== UNFINISHED) return this.#stopAt(line, records, batchLines, error as Error);
        return records.length > 0
          ? this.#finish(line, records, batchLines)
          : this.#more(segment, line);
      }
      if (!record.isWhole) return this.#stopAt(line, records, batchLines, undefined);
      records.push(parsed);
      batchLines.push(line);
      line += record.count;
    }
    return this.#finish(line, records, batchLines);
  }

  #finish(line: number, records: readonly T[], batchLines: number[]): SourceBatch<T> {
    batchLines.push(line);
    this.#batchLines = batchLines;
    this.#nextLine = line;
    return { records };
  }

  /** At a malformed record (R2). Undefined: all that is wrong with it is that it is not UTF-8. */
  #stopAt(
    line: number,
    records: readonly T[],
    batchLines: number[],
    fault: Error | undefined,
  ): SourceBatch<T> | Promise<SourceBatch<T>> {
    if (records.length > 0) return this.#finish(line, records, batchLines);
    const segmentLine = this.#segmentLine;
    if (segmentLine !== undefined) return this.#malformed(line, segmentLine + line, fault);
    return this.#countLines(this.#segment!.offsetOf(line)).then((number) => {
      this.#segmentLine = number - line;
      return this.#malformed(line, number, fault);
    });
  }

  #malformed(line: number, number: number, fault: Error | undefined): SourceBatch<T> {
    const { path, split } = this.#parts;
    const { isWhole } = this.#record;
    const why = isWhole && fault !== undefined ? fault.message : NOT_UTF8;
    const count = fault instanceof FirstLineFault ? 1 : this.#record.count;
    const text = this.#record.text(count);
    if (this.#format.reject) {
      const rejected: RejectedRecord = { source: split.path, line: number, text, error: why };
      this.#batchLines = [line, line + count];
      this.#nextLine = line + count;
      // The task sends what `rejected` points at to the side output: it is no T.
      return { records: [rejected as T], rejected: [0] };
    }
    const shown = clipped(text, SHOWN_CHARACTERS);
    const advice = isWhole ? this.#format.advice : 'Convert the file to UTF-8 (iconv does it).';
    throw new HoldfastError(
      'ERR_HOLDFAST_MALFORMED_RECORD',
      `${path.shown} line ${number}: ${why}: ${JSON.stringify(shown)}. ${advice}`,
      { details: { path: path.absolute, line: number, offset: this.#segment!.offsetOf(line) } },
    );
  }

  async #explain(error: unknown): Promise<never> {
    if (!(error instanceof LineTooLong)) throw error;
    const { path } = this.#parts;
    const number = await this.#countLines(error.start);
    const { maxBytes, limitOption } = this.#format;
    throw new HoldfastError(
      'ERR_HOLDFAST_MALFORMED_RECORD',
      `${path.shown} line ${number} is longer than ${maxBytes} bytes. Is it a file of lines? ` +
        `Then raise ${limitOption}.`,
      {
        details: {
          path: path.absolute,
          line: number,
          offset: error.start,
          [limitOption]: maxBytes,
        },
      },
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
