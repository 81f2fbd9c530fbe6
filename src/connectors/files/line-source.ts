/** A source over the lines of files, which are divided into byte ranges. */

import type { Source } from '../../stream/source.js';
import type { NamedPath } from '../options.js';
import { pathOfSplit, positionField } from '../split-check.js';
import { openFile, openSame, unreadable } from './file-identity.js';
import { LineNumbers } from './line-numbers.js';
import { type LineFormat, type LinePosition, LineReader, type LineSplit } from './line-reader.js';

export const SPLIT_BYTES = 8 * 1024 * 1024;
export const LINE_BYTES_MAX = 64 * 1024 * 1024;
/** Splits travel in every snapshot: ranges of huge files grow instead of their number. */
const SPLITS_PER_FILE_MAX = 1_024;
/** Files that are looked at side by side: one alone would wait for the disk most of the time. */
const LISTED_AT_A_TIME = 16;

export interface LineSourceOptions<T> {
  readonly paths: readonly NamedPath[];
  readonly format: LineFormat<T>;
  readonly splitBytes: number;
  readonly rejectTag: string | undefined;
}

export function lineSource<T>({
  paths,
  format,
  splitBytes,
  rejectTag,
}: LineSourceOptions<T>): Source<T> {
  const { kind } = format;
  const numbers = new LineNumbers();
  return {
    kind,
    rejectTag,
    bounded: true,
    async splits() {
      const splits: (readonly LineSplit[])[] = [];
      for (let at = 0; at < paths.length; at += LISTED_AT_A_TIME) {
        const some = paths.slice(at, at + LISTED_AT_A_TIME);
        const listed = await Promise.allSettled(some.map((path) => splitsOf(path, splitBytes)));
        // The failure that is told is that of the first file in the list, not that of the fastest.
        for (const one of listed) {
          if (one.status === 'rejected') throw one.reason;
          splits.push(one.value);
        }
      }
      return splits.flat();
    },
    async open(given, position, context) {
      const split = given as LineSplit;
      const path = pathOfSplit(kind, paths, split);
      const start = position === undefined ? undefined : checkPosition(kind, split, position);
      const file = await openSame(path, split);
      return new LineReader({ format, split, path, file, start, numbers, context });
    },
  };
}

const UNPACK = 'Unpack it first: lines are found again by their place in the file';
/** Files that are often taken for files of lines, and how they begin. */
const FORMATS: readonly (readonly [why: string, magic: Buffer])[] = [
  [`it is compressed by gzip. ${UNPACK} (gunzip)`, Buffer.from('1f8b', 'hex')],
  [`it is compressed by zstd. ${UNPACK} (unzstd)`, Buffer.from('28b52ffd', 'hex')],
  [`it is compressed by xz. ${UNPACK} (unxz)`, Buffer.from('fd377a585a00', 'hex')],
  [`it is a zip archive. ${UNPACK} (unzip)`, Buffer.from('504b0304', 'hex')],
  ['it is a Parquet file. Read it with parquetFile', Buffer.from('50415231', 'hex')],
];

async function splitsOf(path: NamedPath, splitBytes: number): Promise<readonly LineSplit[]> {
  const { handle, identity, head } = await openFile(path);
  await handle.close();
  const format = FORMATS.find(([, magic]) => magic.equals(head.subarray(0, magic.length)));
  if (format !== undefined) throw unreadable(path, format[0]);
  const { size } = identity;
  const bytes = Math.max(splitBytes, Math.ceil(size / SPLITS_PER_FILE_MAX));
  return Array.from({ length: Math.ceil(size / bytes) }, (_, i) => ({
    id: `${path.shown}#${i}`,
    path: path.shown,
    ...identity,
    from: i * bytes,
    to: Math.min(size, (i + 1) * bytes),
  }));
}

function checkPosition(kind: string, split: LineSplit, position: unknown): LinePosition {
  const offset = positionField(kind, split.id, position, 'offset', split.from, split.size);
  const line = (position as { line?: unknown }).line;
  if (line === undefined) return { offset };
  return {
    offset,
    line: positionField(kind, split.id, position, 'line', 1, Number.MAX_SAFE_INTEGER),
  };
}
