/**
 * Reads what the matrix's job has published, and counts what is lost, twice, wrong or out of order.
 * Knows the input and the files' names, and nothing else of Holdfast.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plain, record, WINDOW_MS } from './input.mjs';

/**
 * @param {string} out
 * @param {{ records: number, plainRecords: number, complete: boolean }} expected not `complete`:
 *   what is there must be a beginning of what will be
 */
export function verify(out, { records, plainRecords, complete }) {
  const found = { rows: 0, lost: 0, duplicated: 0, wrong: 0, outOfOrder: 0 };
  checkCounts(rowsOf(join(out, 'counts')), records, complete, found);
  checkWindows(rowsOf(join(out, 'windows')), records, complete, found);
  checkPlain(rowsOf(join(out, 'plain')), plainRecords, complete, found);
  return found;
}

function rowsOf(folder) {
  let names;
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.startsWith('part-'))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
    .map((line) => JSON.parse(line));
}

/** One row for each record: n counts its key's records from 1, in order. */
function checkCounts(rows, records, complete, found) {
  const ids = new Map();
  for (let i = 0; i < records; i += 1) {
    const { key } = record(i);
    if (!ids.has(key)) ids.set(key, []);
    ids.get(key).push(i);
  }
  const seen = new Map();
  for (const { key, n, ids: total } of rows) {
    found.rows += 1;
    const before = seen.get(key) ?? { n: 0, total: 0 };
    const expected = before.total + (ids.get(key)?.[before.n] ?? Number.NaN);
    if (n === before.n + 1) {
      if (total !== expected) found.wrong += 1;
      seen.set(key, { n, total });
    } else if (n <= before.n) found.duplicated += 1;
    else {
      found.outOfOrder += 1;
      found.lost += n - before.n - 1;
      seen.set(key, { n, total });
    }
  }
  if (!complete) return;
  for (const [key, own] of ids) found.lost += own.length - (seen.get(key)?.n ?? 0);
}

/** One row for each key and window that has records. */
function checkWindows(rows, records, complete, found) {
  const expected = new Map();
  for (let i = 0; i < records; i += 1) {
    const { key, time } = record(i);
    const name = `${key} ${Math.floor(time / WINDOW_MS) * WINDOW_MS}`;
    const known = expected.get(name) ?? { n: 0, ids: 0 };
    expected.set(name, { n: known.n + 1, ids: known.ids + i });
  }
  const seen = new Set();
  for (const { key, windowStart, n, ids } of rows) {
    found.rows += 1;
    const name = `${key} ${windowStart}`;
    if (seen.has(name)) found.duplicated += 1;
    seen.add(name);
    const right = expected.get(name);
    if (right?.n !== n || right.ids !== ids) found.wrong += 1;
  }
  if (complete) found.lost += expected.size - seen.size;
}

/** Each record once, in order. */
function checkPlain(rows, records, complete, found) {
  let next = 0;
  for (const { id, text, seen } of rows) {
    found.rows += 1;
    if (text !== plain(id).text || seen !== true) found.wrong += 1;
    if (id < next) found.duplicated += 1;
    else {
      if (id > next) {
        found.lost += id - next;
        found.outOfOrder += 1;
      }
      next = id + 1;
    }
  }
  if (complete) found.lost += records - next;
}
