/**
 * A segment's lines as text, and the way back from a line to its offset in the file.
 *
 * The whole segment is checked and decoded in one native call and split once; only when its bytes
 * are not UTF-8 are lines looked at one by one, to find which. Offsets are needed once per snapshot,
 * so they are found again by walking the newlines instead of being kept per line.
 */

import { isAscii, isUtf8 } from 'node:buffer';
import type { Segment } from './line-blocks.js';

const NEWLINE = 10;
const BYTE_ORDER_MARK = '\uFEFF';

export class LineSegment {
  /** Without newlines; undefined for a line that is not valid UTF-8. */
  readonly lines: readonly (string | undefined)[];
  readonly #bytes: Buffer;
  readonly #start: number;
  /** Cursor of the walk: line number within the segment and its offset in the bytes. */
  #line = 0;
  #offset = 0;

  constructor({ bytes, start }: Segment) {
    this.#bytes = bytes;
    this.#start = start;
    this.lines = decodeLines(bytes, start === 0);
  }

  /** Offset in the file of the first byte of line `line`; of the segment's end for the one behind the last. */
  offsetOf(line: number): number {
    if (line >= this.lines.length) return this.#start + this.#bytes.length;
    if (line < this.#line) {
      this.#line = 0;
      this.#offset = 0;
    }
    while (this.#line < line) {
      this.#offset = this.#bytes.indexOf(NEWLINE, this.#offset) + 1;
      this.#line += 1;
    }
    return this.#start + this.#offset;
  }

  /** Without its newline. */
  bytesOf(line: number): number {
    const from = this.offsetOf(line);
    const to = this.offsetOf(line + 1);
    return to - from - (this.#bytes[to - this.#start - 1] === NEWLINE ? 1 : 0);
  }

  /** What is left of it from a line on. */
  from(line: number): Segment {
    const start = this.offsetOf(line);
    return { bytes: this.#bytes.subarray(start - this.#start), start };
  }

  /** For messages about a line that is no text: its bytes with replacement characters. */
  lossyText(line: number): string {
    const from = this.offsetOf(line) - this.#start;
    const to = this.offsetOf(line + 1) - this.#start;
    return this.#bytes.toString('utf8', from, to).replace(/\r?\n$/, '');
  }
}

function decodeLines(bytes: Buffer, first: boolean): readonly (string | undefined)[] {
  if (!isUtf8(bytes)) return decodeOneByOne(bytes, first);
  const text = isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8');
  const lines = (first && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text).split('\n');
  if (bytes[bytes.length - 1] === NEWLINE) lines.pop();
  return lines;
}

function decodeOneByOne(bytes: Buffer, first: boolean): readonly (string | undefined)[] {
  const lines: (string | undefined)[] = [];
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline < 0 ? bytes.length : newline;
    const line = bytes.subarray(from, to);
    const text = isUtf8(line) ? line.toString('utf8') : undefined;
    lines.push(first && from === 0 && text?.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
    from = to + 1;
  }
  return lines;
}
