/** How a CSV file begins: lines that are skipped, the header, and where the first record is. */

import { HoldfastError } from '../../base/errors.js';
import { LineNumbers } from '../files/line-numbers.js';
import { type LineFormat, type LinePosition, LineReader } from '../files/line-reader.js';
import type { ListedFile } from '../files/line-source.js';
import { type CsvDialect, splitCells } from './csv-cells.js';

export interface HeaderOptions {
  readonly dialect: CsvDialect;
  /** Lines before the header, or before the first record if there is none. */
  readonly skipLines: number;
  readonly maxRecordBytes: number;
}

interface Beginning {
  readonly cells: readonly string[];
  /** Behind the lines that are skipped. */
  readonly start: LinePosition;
  /** Behind the cells' record. */
  readonly next: LinePosition;
}

const ADVICE =
  'Mend it, or name the columns yourself: { header: [names], skipLines: lines to pass over }.';

/**
 * Reads the cells of the header, which are names.
 *
 * @throws HoldfastError ERR_HOLDFAST_MALFORMED_RECORD for no header, a broken one, a name that is empty or there twice
 */
export async function readHeader(file: ListedFile, options: HeaderOptions): Promise<Beginning> {
  const found = await readFirst(file, options, true);
  if (found !== undefined) return found;
  const { path } = file;
  const line = options.skipLines + 1;
  throw new HoldfastError(
    'ERR_HOLDFAST_MALFORMED_RECORD',
    `${path.shown} ends before line ${line}, where its header should be. Is skipLines right?`,
    { details: { path: path.absolute, line } },
  );
}

/** Reads the first record, as cells. Undefined when the file ends before it. */
export async function readFirst(
  file: ListedFile,
  options: HeaderOptions,
  isHeader: boolean,
): Promise<Beginning | undefined> {
  const start = await passLines(file, options);
  if (start === undefined) return undefined;
  const { dialect } = options;
  const format: LineFormat<readonly string[]> = {
    ...limits(options),
    advice: isHeader ? ADVICE : 'Mend the line.',
    ...(isHeader ? {} : { isBlank: isEmptyLine }),
    parse(line, following) {
      const cells = splitCells(line, following, dialect).texts;
      if (isHeader) checkNames(cells);
      return cells;
    },
  };
  const reader = readerOf(file, format, start);
  try {
    let batch = await reader.poll();
    // Empty lines only.
    while (batch?.records.length === 0) batch = await reader.poll();
    const [cells] = batch?.records ?? [];
    return cells && { cells, start, next: reader.position(1)! };
  } finally {
    await reader.stop();
  }
}

export function isEmptyLine(line: string): boolean {
  return line === '' || line === '\r';
}

/** Where the line behind those that are skipped begins; undefined when the file ends before it. */
export async function passLines(
  file: ListedFile,
  options: HeaderOptions,
): Promise<LinePosition | undefined> {
  const { skipLines } = options;
  const start: LinePosition = { offset: 0, line: 1 };
  if (skipLines === 0) return start;
  const format: LineFormat<undefined> = { ...limits(options), advice: '', parse: () => undefined };
  const reader = readerOf(file, format, start);
  try {
    let passed = 0;
    for (;;) {
      const batch = await reader.poll();
      if (batch === undefined) return undefined;
      const wanted = skipLines - passed;
      if (batch.records.length >= wanted) return reader.position(wanted);
      passed += batch.records.length;
    }
  } finally {
    await reader.stop();
  }
}

function limits({
  maxRecordBytes,
}: HeaderOptions): Pick<LineFormat<unknown>, 'maxBytes' | 'limitOption' | 'reject'> {
  return { maxBytes: maxRecordBytes, limitOption: 'maxRecordBytes', reject: false };
}

function readerOf<T>(
  { path, identity, file, alive }: ListedFile,
  format: LineFormat<T>,
  start: LinePosition,
): LineReader<T> {
  const { size } = identity;
  const split = { id: path.shown, path: path.shown, ...identity, from: 0, to: size };
  const context = { isTouch: true, alive };
  const parts = { format, split, path, file: { ...file, identity }, start, context };
  return new LineReader({ ...parts, numbers: new LineNumbers() });
}

function checkNames(names: readonly string[]): void {
  const seen = new Map<string, number>();
  for (const [i, name] of names.entries()) {
    if (name === '') throw new Error(`column ${i + 1} of its header has no name`);
    const other = seen.get(name);
    if (other !== undefined) {
      throw new Error(`columns ${other + 1} and ${i + 1} of its header are both called '${name}'`);
    }
    seen.set(name, i);
  }
}
