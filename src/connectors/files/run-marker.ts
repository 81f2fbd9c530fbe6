/**
 * Whose a folder is: a small durable record in its staging folder, `run.json`.
 *
 * It is written before a run stages anything, and read again at every commit: a run whose folder was
 * taken over by another one stops instead of mixing its rows with the other's.
 */

import { HoldfastError } from '../../base/errors.js';
import { sinkError } from '../sink-error.js';
import { errorCode } from '../system-error.js';
import { readSmall, writeDurably } from './durable-files.js';
import { isRunId, PART_NUMBER_MAX, stagingPath } from './part-names.js';

export interface RunMarker {
  readonly run: string;
  /**
   * Numbers up to this one belong to earlier runs (0 unless the run appends): checkpoint n of the run
   * becomes number base + n.
   */
  readonly base: number;
}

const FORMAT = 1;

function markerPath(directory: string): string {
  return stagingPath(directory, 'run.json');
}

export async function writeMarker(directory: string, { run, base }: RunMarker): Promise<void> {
  await writeDurably(markerPath(directory), `${JSON.stringify({ format: FORMAT, run, base })}\n`);
}

/** Undefined when there is none. Rejects with ERR_HOLDFAST_SINK when it is damaged. */
export async function readMarker(directory: string): Promise<RunMarker | undefined> {
  const path = markerPath(directory);
  let text: string;
  try {
    text = await readSmall(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw sinkError('read', path, error);
  }
  const marker = parseMarker(text);
  if (marker !== undefined) return marker;
  throw new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `'${path}', the record of whose the folder is, is damaged or of another version. Use another ` +
      "folder, or start afresh with { existing: 'overwrite' }, which removes the parts in this one.",
    { details: { path } },
  );
}

function parseMarker(text: string): RunMarker | undefined {
  try {
    const { format, run, base } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const good =
      format === FORMAT &&
      isRunId(run) &&
      Number.isSafeInteger(base) &&
      (base as number) >= 0 &&
      (base as number) <= PART_NUMBER_MAX;
    return good ? { run: run as string, base: base as number } : undefined;
  } catch {
    return undefined;
  }
}
