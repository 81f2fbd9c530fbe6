/** Where the demo's real data is, and a plain fold over it: the result to compare with. */

import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../base/errors.js';

/**
 * The expected row of one airport and day. The code shares nothing with the job: another reader, a
 * plain Map, no windows but a division.
 */
export interface FlightsRow {
  readonly origin: string;
  readonly day: number;
  flights: number;
  delaySum: number;
  delayCount: number;
  worst: number | null;
}

const DAY_MS = 86_400_000;

/**
 * Path of the Parquet file.
 *
 * @param job the demo's job, which is part of the repository but not of the package
 * @throws HoldfastError when it, or a development package, is not there
 */
export function findFlights(job: URL): string {
  try {
    statSync(job);
    const entry = createRequire(import.meta.url).resolve('vega-datasets');
    const path = join(dirname(entry), '../data/flights-3m.parquet');
    if (statSync(path).isFile()) return path;
  } catch (error) {
    throw notInstalled(error);
  }
  throw notInstalled(undefined);
}

async function loadHyparquet() {
  try {
    const { compressors } = await import('hyparquet-compressors');
    return { ...(await import('hyparquet')), compressors };
  } catch (error) {
    throw notInstalled(error);
  }
}

function notInstalled(cause: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    'the demo needs a checkout of the repository with its development packages (vega-datasets, ' +
      'hyparquet, hyparquet-compressors). Run it there with `npm run demo`, which installs what is ' +
      'missing, or run `npm install` first.',
    { cause },
  );
}

export async function countFlights(path: string): Promise<number> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await loadHyparquet();
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
  return Number(metadata.num_rows);
}

/** Single-threaded, row group by row group; key `origin day`. */
export async function foldFlights(
  path: string,
): Promise<{ readonly rows: ReadonlyMap<string, FlightsRow>; readonly records: number }> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, compressors } =
    await loadHyparquet();
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const rows = new Map<string, FlightsRow>();
  let records = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = records + Number(group.num_rows);
    const flights = await parquetReadObjects({
      file,
      metadata,
      compressors,
      columns: ['date', 'delay', 'origin'],
      rowStart: records,
      rowEnd,
    });
    for (const flight of flights) foldFlight(rows, flight);
    records = rowEnd;
  }
  return { rows, records };
}

function foldFlight(rows: Map<string, FlightsRow>, flight: Record<string, unknown>): void {
  const origin = flight['origin'] as string;
  const day = Math.floor((flight['date'] as Date).getTime() / DAY_MS);
  const key = rowKey(origin, day * DAY_MS);
  let row = rows.get(key);
  if (row === undefined) {
    row = { origin, day, flights: 0, delaySum: 0, delayCount: 0, worst: null };
    rows.set(key, row);
  }
  row.flights += 1;
  const raw = flight['delay'] as bigint | number | null | undefined;
  if (raw === null || raw === undefined) return;
  const delay = Number(raw);
  row.delaySum += delay;
  row.delayCount += 1;
  row.worst = row.worst === null ? delay : Math.max(row.worst, delay);
}

export function rowKey(origin: string, windowStartMs: number): string {
  return `${origin} ${windowStartMs / DAY_MS}`;
}
