/**
 * Lists the splits of one source, in the thread that was asked for them. Waiting has a deadline: meanwhile the thread
 * is at rest, and no heartbeat would ever tell that anything is wrong.
 */

import { HoldfastError } from '../../base/errors.js';
import { inTime } from '../../base/in-time.js';
import type { Source, SourceSplit } from '../../stream/source.js';
import { checkSplits } from '../../stream/task/source-checks.js';

/** How long splits() of a source may take, in milliseconds. */
export const SPLITS_TIMEOUT_MS = 60_000;

/** @throws HoldfastError ERR_HOLDFAST_SOURCE when it does not settle in time, or gives no splits */
export async function listInTime(
  operator: string,
  source: Source<unknown>,
): Promise<readonly SourceSplit[]> {
  const late = () =>
    new HoldfastError(
      'ERR_HOLDFAST_SOURCE',
      `source '${operator}' could not list its splits: its splits() has not settled for ` +
        `${SPLITS_TIMEOUT_MS / 1_000} s. Give what it waits for (a connection, a listing, a reply) a ` +
        'shorter deadline of its own.',
      { details: { operator, timeoutMs: SPLITS_TIMEOUT_MS } },
    );
  const listed = await inTime(Promise.resolve(source.splits()), SPLITS_TIMEOUT_MS, late);
  return checkSplits(operator, listed);
}
