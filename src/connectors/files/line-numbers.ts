/**
 * Line numbers for messages.
 *
 * A byte range does not know how many lines lie before it, and nothing needs to know until a line
 * has to be named. Then they are counted, from the furthest place counted before: a thread that
 * reads a file's ranges in order reads the file at most once more, however many lines it names.
 */

import type { FileHandle } from '../../base/files.js';

const BLOCK_BYTES = 1024 * 1024;
const NEWLINE = 10;

export class LineNumbers {
  readonly #known = new Map<string, { offset: number; line: number }>();

  /** 1-based number of the line that begins at `offset`. */
  async at(handle: FileHandle, file: string, offset: number, alive: () => void): Promise<number> {
    const known = this.#known.get(file);
    let from = known !== undefined && known.offset <= offset ? known.offset : 0;
    let line = from === 0 ? 1 : known!.line;
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(BLOCK_BYTES, offset - from)));
    while (from < offset) {
      const wanted = Math.min(buffer.length, offset - from);
      const { bytesRead } = await handle.read(buffer, 0, wanted, from);
      if (bytesRead === 0) break;
      line += countNewlines(buffer, bytesRead);
      from += bytesRead;
      alive();
    }
    this.#known.set(file, { offset: from, line });
    return line;
  }
}

function countNewlines(bytes: Buffer, length: number): number {
  let count = 0;
  for (
    let at = bytes.indexOf(NEWLINE);
    at >= 0 && at < length;
    at = bytes.indexOf(NEWLINE, at + 1)
  ) {
    count += 1;
  }
  return count;
}
