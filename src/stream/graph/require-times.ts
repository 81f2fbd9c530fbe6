/** Finds, as the graph is drawn, that an operator that goes by event time would get records without one. */

import { HoldfastError } from '../../base/errors.js';
import { describeNode, type EdgeDraft, type NodeDraft } from './graph-draft.js';

/**
 * @param what goes by event time, for the message: `window(…)`
 * @param stream which of its streams it is: `stream`, `left stream`
 * @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP when a source that knows no times is read without `withTimestamps`
 */
export function requireTimes(what: string, stream: string, edges: readonly EdgeDraft[]): void {
  const untimed = untimedSource(edges, new Set());
  if (untimed === undefined) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    `${what} goes by event times, and the ${stream} has none: its source, ${describeNode(untimed)}, knows ` +
      'none. Give the records their times with .withTimestamps(…), right behind the source.',
  );
}

function untimedSource(edges: readonly EdgeDraft[], seen: Set<NodeDraft>): NodeDraft | undefined {
  for (const { from, partition, port } of edges) {
    // A broadcast stream that is connected to another one writes state; what goes on has the times of the other.
    if (partition === 'broadcast' && port !== undefined) continue;
    if (seen.has(from) || from.type === 'timestamps') continue;
    seen.add(from);
    if (from.source?.timed === false) return from;
    const found = untimedSource(from.inputs, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}
