/** Tells, when a graph is planned, what it does not promise. Such a graph is not wrong, but its author may not know. */

import type { GraphData, GraphNodeData } from './graph.js';
import type { GraphNotice, PlanVertex } from './plan.js';

/**
 * Which records are late is the same on every run only where times are given in the source's own chain: there the
 * time of the split that a record is read from decides (operators/lateness.ts). Elsewhere it depends on the order in
 * which other tasks' records arrive. The notice is given where a window judges by such times.
 */
export function noticesOf(
  graph: GraphData,
  vertices: readonly PlanVertex[],
): readonly GraphNotice[] {
  const atSource = new Set(
    vertices
      .filter(({ nodes }) => graph.nodes[nodes[0]!]!.kind === 'source')
      .flatMap(({ nodes }) => nodes),
  );
  return graph.nodes
    .filter(({ index, type }) => type === 'timestamps' && !atSource.has(index))
    .filter((node) => isJudgedBy(graph, node))
    .map(({ id }) => ({
      operator: id,
      text:
        `withTimestamps ('${id}') stands behind an exchange: it gives times to records of many splits in the ` +
        'order in which other tasks send them, so which of them are late for a window may differ from run to ' +
        'run. Put it into the source’s own chain: ahead of mapAsync, keyBy, rebalance, broadcast, union, connect and ' +
        'changes of parallelism.',
    }));
}

/** Does a window read records to which this node gives times? */
function isJudgedBy({ nodes }: GraphData, { index: from }: GraphNodeData): boolean {
  const timed = new Set([from]);
  // Nodes come behind those that they read.
  for (const { index, type, inputs } of nodes) {
    if (type === 'timestamps' || !inputs.some((input) => timed.has(input.from))) continue;
    if (type.startsWith('window-')) return true;
    timed.add(index);
  }
  return false;
}
