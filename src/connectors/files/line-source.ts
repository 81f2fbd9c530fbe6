/** A source over the lines of files, which are divided into byte ranges unless a record may take several lines. */

import type { Source } from '../../stream/source.js';
import type { NamedPath } from '../options.js';
import { pathOfSplit, positionField, splitChanged } from '../split-check.js';
import {
  type FileIdentity,
  type IdentifiedFile,
  openFile,
  openSame,
  unreadable,
} from './file-identity.js';
import { LineNumbers } from './line-numbers.js';
import { type LineFormat, type LinePosition, LineReader, type LineSplit } from './line-reader.js';

export const SPLIT_BYTES = 8 * 1024 * 1024;
export const LINE_BYTES_MAX = 64 * 1024 * 1024;
/** Splits travel in every snapshot: ranges of huge files grow instead of their number. */
const SPLITS_PER_FILE_MAX = 1_024;
/** Files that are looked at side by side: one alone would wait for the disk most of the time. */
const LISTED_AT_A_TIME = 16;

export const ADVICE =
  "Mend the line, or send malformed lines to a side output: { malformed: 'some-tag' }.";

/** A file of which so much was found out that its lines can be read. */
export interface ListedFile {
  readonly path: NamedPath;
  readonly identity: FileIdentity;
  readonly file: Omit<IdentifiedFile, 'identity'>;
  readonly alive: () => void;
}

export interface LineSourceOptions<T> {
  readonly kind: string;
  readonly paths: readonly NamedPath[];
  /** What the lines of a file mean, if need be by how it begins. It is asked when splits are listed, and when one is opened. */
  readonly formatOf: (file: ListedFile) => LineFormat<T> | Promise<LineFormat<T>>;
  readonly splitBytes: number;
  readonly rejectTag: string | undefined;
}

export function lineSource<T>({
  kind,
  paths,
  formatOf,
  splitBytes,
  rejectTag,
}: LineSourceOptions<T>): Source<T> {
  const numbers = new LineNumbers();
  return {
    kind,
    rejectTag,
    bounded: true,
    timed: false,
    async splits() {
      const splits: (readonly LineSplit[])[] = [];
      for (let at = 0; at < paths.length; at += LISTED_AT_A_TIME) {
        const some = paths.slice(at, at + LISTED_AT_A_TIME);
        const listed = await Promise.allSettled(
          some.map((path) => splitsOf(path, formatOf, splitBytes)),
        );
        // The failure that is told is that of the first file in the list, not that of the fastest.
        for (const one of listed) {
          if (one.status === 'rejected') throw one.reason;
          splits.push(one.value);
        }
      }
      return splits.flat();
    },
    async open(listed, position, context) {
      const split = listed as LineSplit;
      const path = pathOfSplit(kind, paths, split);
      const given = position === undefined ? undefined : checkPosition(kind, split, position);
      const file = await openSame(path, split);
      try {
        const alive = () => context.alive();
        const format = await formatOf({ path, identity: split, file, alive });
        if (format.isMultiline === true) checkWhole(kind, split);
        const start = given ?? firstRecord(format, split);
        return new LineReader({ format, split, path, file, start, numbers, context });
      } catch (error) {
        await file.handle.close();
        throw error;
      }
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

async function splitsOf<T>(
  path: NamedPath,
  formatOf: LineSourceOptions<T>['formatOf'],
  splitBytes: number,
): Promise<readonly LineSplit[]> {
  const { identity, ...file } = await openFile(path);
  const { size } = identity;
  try {
    const { head } = file;
    const format = FORMATS.find(([, magic]) => magic.equals(head.subarray(0, magic.length)));
    if (format !== undefined) throw unreadable(path, format[0]);
    if (size > 0) await formatOf({ path, identity, file, alive: () => {} });
  } finally {
    await file.handle.close();
  }
  const bytes = Math.max(splitBytes, Math.ceil(size / SPLITS_PER_FILE_MAX));
  return Array.from({ length: Math.ceil(size / bytes) }, (_, i) => ({
    id: `${path.shown}#${i}`,
    path: path.shown,
    ...identity,
    from: i * bytes,
    to: Math.min(size, (i + 1) * bytes),
  }));
}

/** Where the first record of a range is, if the range begins before the records do. */
function firstRecord<T>({ begin }: LineFormat<T>, { from }: LineSplit): LinePosition | undefined {
  return begin !== undefined && from < begin.offset ? begin : undefined;
}

function checkWhole(kind: string, { id, from, to, size }: LineSplit): void {
  if (from === 0 && to === size) return;
  throw splitChanged(
    kind,
    id,
    'a record may take several lines now, so that no file can be divided',
  );
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
