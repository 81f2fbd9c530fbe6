/** The demo's data, and a plain fold over it, with which the job's result is compared. */

import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { seededRandom } from '../base/random.js';

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

/** The flights of one demo: real ones where their package is installed, otherwise made ones. */
export interface Flights {
  readonly file: string;
  readonly records: number;
  readonly real: boolean;
  /** Computes the expected rows in one thread, by keys of the form `origin day`. */
  fold(): Promise<{ readonly rows: ReadonlyMap<string, FlightsRow>; readonly records: number }>;
}

/** The packages that real flights need. */
export const FLIGHTS_PACKAGES = ['vega-datasets', 'hyparquet', 'hyparquet-compressors'] as const;

/** @param folder for the file of made flights */
export async function openFlights(folder: string): Promise<Flights> {
  const file = findRealFlights();
  const library = file === undefined ? undefined : await loadHyparquet().catch(() => undefined);
  if (file !== undefined && library !== undefined) {
    const { asyncBufferFromFile, parquetMetadataAsync } = library;
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(file));
    const records = Number(metadata.num_rows);
    return { file, records, real: true, fold: () => foldParquet(file, library) };
  }
  const made = join(folder, 'flights.ndjson');
  await writeMadeFlights(made);
  return { file: made, records: MADE_FLIGHTS, real: false, fold: () => foldLines(made) };
}

/** Path of the Parquet file; undefined where its package is not installed. */
function findRealFlights(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('vega-datasets');
    const path = join(dirname(entry), '../data/flights-3m.parquet');
    return statSync(path).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

type Hyparquet = Awaited<ReturnType<typeof loadHyparquet>>;

async function loadHyparquet() {
  const { compressors } = await import('hyparquet-compressors').catch(rethrown);
  return { ...(await import('hyparquet').catch(rethrown)), compressors };
}

/** For the `catch` of a dynamic import, which lets bundlers leave out what is not installed. */
function rethrown(error: unknown): never {
  throw error;
}

const MADE_FLIGHTS = 2_000_000;
const MADE_DAYS = 181;
const MADE_AIRPORTS = 97;
const MADE_FROM_MS = Date.UTC(2001, 0, 1);
/** How far made flights are out of order: less than the job waits. */
const MADE_DISORDER_MS = 240_000;
const MADE_CHUNK = 10_000;

/** Makes half a year of flights, with some airports busier than others and some flights cancelled, as in real data. */
async function writeMadeFlights(path: string): Promise<void> {
  const random = seededRandom(2_001);
  const stepMs = (MADE_DAYS * DAY_MS - MADE_DISORDER_MS) / MADE_FLIGHTS;
  const lines = function* (): Generator<string> {
    for (let at = 0; at < MADE_FLIGHTS; ) {
      let text = '';
      for (const end = Math.min(at + MADE_CHUNK, MADE_FLIGHTS); at < end; at += 1) {
        const date = Math.floor(MADE_FROM_MS + at * stepMs + random.next() * MADE_DISORDER_MS);
        const airport = Math.floor(random.next() ** 2 * MADE_AIRPORTS);
        const delay = random.next() < 0.02 ? null : Math.floor(random.next() ** 4 * 300) - 15;
        text += `{"date":${date},"delay":${delay},"origin":"A${airport}"}\n`;
      }
      yield text;
    }
  };
  await pipeline(Readable.from(lines()), createWriteStream(path));
}

async function foldLines(
  path: string,
): Promise<{ readonly rows: ReadonlyMap<string, FlightsRow>; readonly records: number }> {
  const rows = new Map<string, FlightsRow>();
  let records = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const { date, ...flight } = JSON.parse(line) as Record<string, unknown>;
    foldFlight(rows, { ...flight, date: new Date(Number(date)) });
    records += 1;
  }
  return { rows, records };
}

/** Folds the file row group by row group, so that not all rows are in memory at once. */
async function foldParquet(
  path: string,
  { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, compressors }: Hyparquet,
): Promise<{ readonly rows: ReadonlyMap<string, FlightsRow>; readonly records: number }> {
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
