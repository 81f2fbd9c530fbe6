/** A job over CSV files reads each record once, wherever it is killed. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RejectedRecord } from '../../dist/index.js';
import { LINES_PER_RECORD, type Row } from './fixtures/csv.job.js';
import { fixture, type Kill, Meter, temporaryFolder, throughKills } from './kit.js';
import { run } from './run-compiled.js';

const FILES = 2;
const PER_FILE = 6_000;
/** One record in so many has a quote too many, and three lines that are malformed each. */
const BROKEN_EVERY = 500;

const KILLS: readonly Kill[] = [
  [0, 'terminate'],
  [1, 'throw'],
  [1, 'exit'],
  [0, 'throw'],
];

const isBroken = (n: number): boolean => n % BROKEN_EVERY === BROKEN_EVERY - 1;
const textOf = (n: number): string => `a "${n}"\r\n,\n${'ü'.repeat(n % 90)}`;

function fileOf(file: number): string {
  const records = Array.from({ length: PER_FILE }, (_, n) => {
    const text = `"${textOf(n).replaceAll('"', '""')}"`;
    return isBroken(n) ? `${file},${n},${text}"x` : `${file},${n},${text}`;
  });
  return `\uFEFFfile,n,text\n${records.join('\n')}`;
}

test('each record once, and each malformed line, through kills', async () => {
  const folder = await temporaryFolder();
  const paths = Array.from({ length: FILES }, (_, file) => join(folder, `${file}.csv`));
  for (const [file, path] of paths.entries()) await writeFile(path, fileOf(file));
  const meter = new Meter();
  const numbers = Array.from({ length: PER_FILE }, (_, n) => n);
  const good = numbers.filter((n) => !isBroken(n));
  const broken = numbers.filter(isBroken);
  const count = FILES * (good.length + broken.length * LINES_PER_RECORD);
  const job = await run(fixture('csv'), {
    parallelism: 2,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 30 },
    args: { paths, count, meter: meter.shared },
  });
  const { collected } = await throughKills(job, meter, count, KILLS);
  for (const [file, path] of paths.entries()) {
    const rows = (collected['rows'] as Row[]).filter((row) => row.file === file);
    expect(rows.toSorted((a, b) => a.n - b.n)).toEqual(
      good.map((n) => ({ file, n, text: textOf(n) })),
    );
    const rejects = (collected['rejects'] as RejectedRecord[]).filter(
      ({ source }) => source === path,
    );
    expect(rejects.map(({ line }) => line).sort((a, b) => a - b)).toEqual(
      broken.flatMap((n) => [0, 1, 2].map((line) => 2 + n * LINES_PER_RECORD + line)),
    );
  }
});
