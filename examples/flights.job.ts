/**
 * Three million real flights (January to June 2001): per airport and day how many there were, the
 * average delay and the worst one. `npm run demo` runs this job and kills it again and again.
 *
 *   npx holdfast run examples/flights.job.ts --parallelism 2 --checkpoints ./checkpoints
 *
 * `--arg file=flights.ndjson` reads lines instead, as the demo does where the real flights are not installed.
 */

import { fileURLToPath } from 'node:url';
import {
  average,
  count,
  days,
  defineJob,
  max,
  minutes,
  ndjsonFile,
  ndjsonFiles,
  tumbling,
} from 'holdfast';
import { parquetFile } from 'holdfast/parquet';

interface Flight {
  /** In lines of JSON: ms. */
  readonly date: Date | number;
  /** Minutes; negative when early, null when cancelled. */
  readonly delay: number | null;
  readonly origin: string;
}

/** Columns that are not read need not be decoded, neither now nor again after a failure. */
const columns = ['date', 'delay', 'origin'];

/** Within the package vega-datasets, a development dependency. */
const flights = () =>
  fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));

const read = (file: string) =>
  file.endsWith('.ndjson')
    ? ndjsonFile<Flight>(file)
    : parquetFile<Flight>(file, { columns, eventTime: 'date' });

export default defineJob('flight-delays', (env, args) => {
  env
    .from(read(String(args['file'] ?? flights())))
    .withTimestamps((flight) => Number(flight.date), { outOfOrdernessMs: minutes(10) })
    .keyBy((flight) => flight.origin)
    .window(tumbling(days(1)))
    .aggregate({
      flights: count(),
      delay: average((flight) => flight.delay),
      worst: max((flight) => flight.delay),
    })
    .sinkTo(ndjsonFiles(String(args['out'] ?? 'out/delays')));
});
