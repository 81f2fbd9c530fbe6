/** Compares the published files with the plain fold, row by row. */

import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type FlightsRow, rowKey } from './flights-data.js';

export interface Comparison {
  /** Number of published rows. */
  readonly rows: number;
  /** Number of rows that were expected and not published. */
  readonly lost: number;
  /** Number of rows too many, where one was published more than once. */
  readonly duplicated: number;
  /** Number of rows that were published with other values, or not expected at all. */
  readonly wrong: number;
  /** The first few differences, for people. */
  readonly examples: readonly string[];
}

const DAY_MS = 86_400_000;
const EXAMPLES_MAX = 5;

export async function comparePublished(
  directory: string,
  expected: ReadonlyMap<string, FlightsRow>,
): Promise<Comparison> {
  const seen = new Set<string>();
  const examples: string[] = [];
  let rows = 0;
  let duplicated = 0;
  let wrong = 0;
  const differs = (what: string): void => {
    if (examples.length < EXAMPLES_MAX) examples.push(what);
  };
  for await (const [line, file] of publishedLines(directory)) {
    rows += 1;
    const found = JSON.parse(line) as Record<string, unknown>;
    const key = rowKey(String(found['key']), Number(found['windowStart']));
    const row = expected.get(key);
    if (seen.has(key)) {
      duplicated += 1;
      differs(`duplicated in ${file}: ${line}`);
    } else if (row === undefined || !isSame(found, row)) {
      wrong += 1;
      differs(`wrong in ${file}: ${line}, expected ${JSON.stringify(row)}`);
    }
    seen.add(key);
  }
  let lost = 0;
  for (const [key, row] of expected) {
    if (seen.has(key)) continue;
    lost += 1;
    differs(`lost: ${JSON.stringify(row)}`);
  }
  return { rows, lost, duplicated, wrong, examples };
}

/** Sums of whole numbers are exact, so equal means equal. */
function isSame(found: Readonly<Record<string, unknown>>, row: FlightsRow): boolean {
  return (
    found['key'] === row.origin &&
    found['windowStart'] === row.day * DAY_MS &&
    found['windowEnd'] === (row.day + 1) * DAY_MS &&
    found['flights'] === row.flights &&
    found['delay'] === (row.delayCount === 0 ? null : row.delaySum / row.delayCount) &&
    found['worst'] === row.worst
  );
}

/** The lines that any reader of the folder finds; hidden files are left out. */
async function* publishedLines(directory: string): AsyncGenerator<readonly [string, string]> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  for (const name of names) {
    const input = createReadStream(join(directory, name));
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line !== '') yield [line, name];
    }
  }
}
