/**
 * Has one of the job's threads list the splits of all sources.
 *
 *  L1  When a thread dies meanwhile, that need not be the source's fault: another thread is asked, a few times.
 *      If every thread that is asked dies, this is told as the source's failure, with the last death.
 *  L2  Waiting for splits() has a deadline, which the host keeps (`workloads/streams/split-listing.ts`).
 */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import type { GraphData } from '../../stream/graph/graph.js';
import type { SourceSplit } from '../../stream/source.js';
import type { StreamPool } from '../../workloads/streams/stream-types.js';

/** So many threads may die while they list splits. */
const DEATHS_MAX = 3;

export type SplitsBySource = Readonly<Record<string, readonly SourceSplit[]>>;

/**
 * @param mayRestart false: a thread's death is the end of the job
 * @throws HoldfastError what splits() throws; ERR_HOLDFAST_SOURCE when it does not settle, gives no
 *   splits, or ends the threads that call it
 */
export async function listSplits(
  graph: GraphData,
  slots: Pick<StreamPool, 'anyLoaded'>,
  mayRestart: boolean,
): Promise<SplitsBySource> {
  const splits = new Map<string, readonly SourceSplit[]>();
  for (const { id, kind } of graph.nodes) {
    if (kind === 'source') splits.set(id, await listOne(id, slots, mayRestart ? DEATHS_MAX : 1));
  }
  // Ids are users' names, and one may be `__proto__`.
  return Object.fromEntries(splits);
}

async function listOne(
  source: string,
  slots: Pick<StreamPool, 'anyLoaded'>,
  deathsMax: number,
): Promise<readonly SourceSplit[]> {
  for (let deaths = 1; ; deaths += 1) {
    const link = await slots.anyLoaded();
    try {
      return await link.ask('listSplits', [source]);
    } catch (error) {
      if (!isHoldfastError(error, 'ERR_HOLDFAST_WORKER_DIED')) throw error;
      if (deaths >= deathsMax) throw deadly(source, deaths, error);
    }
  }
}

function deadly(operator: string, deaths: number, cause: HoldfastError): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `source '${operator}' could not list its splits: ${deaths === 1 ? 'the thread' : `${deaths} threads`} ` +
      `that called its splits() died of it. The last one: ${cause.message}`,
    { cause, details: { operator, deaths } },
  );
}
