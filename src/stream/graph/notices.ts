/** Tells, when a graph is planned, what it does not promise. Such a graph is not wrong, but its author may not know. */

import type { GraphData, GraphNodeData } from './graph.js';
import type { GraphNotice, PlanVertex } from './plan.js';

export function noticesOf(
  graph: GraphData,
  vertices: readonly PlanVertex[],
): readonly GraphNotice[] {
  return [...timesBehindExchange(graph, vertices), ...endlessJoins(graph)];
}

function endlessJoins({ nodes }: GraphData): readonly GraphNotice[] {
  return nodes
    .filter(({ type, parameters }) => type === 'join' && parameters?.['ttlMs'] === null)
    .map(({ id }) => ({
      operator: id,
      text:
        `join ('${id}') keeps every row of both streams for good, so its state grows as long as the job runs. With ` +
        'ttlMs rows are kept for a time; join({ window }) and intervalJoin let go of them, too.',
    }));
}

/** What judges records by their times. */
const JUDGES = /^window-|^interval-join$|^co-group$|^latest-join/;

/**
 * Which records are late is the same on every run only where times are given in the source's own chain: there the
 * time of the split that a record is read from decides (operators/lateness.ts). Elsewhere it depends on the order in
 * which other tasks' records arrive. The notice is given where a window or a join judges by such times.
 */
function timesBehindExchange(
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
        'order in which other tasks send them, so which of them are late for a window or join may differ from run to ' +
        'run. Put it into the source’s own chain: ahead of mapAsync, keyBy, rebalance, broadcast, union, connect and ' +
        'changes of parallelism.',
    }));
}

/** Does a window or join read records to which this node gives times? */
function isJudgedBy({ nodes }: GraphData, { index: from }: GraphNodeData): boolean {
  const timed = new Set([from]);
  // Nodes come behind those that they read.
  for (const { index, type, inputs, parameters } of nodes) {
    if (type === 'timestamps' || !inputs.some((input) => timed.has(input.from))) continue;
    const hasTtl = type === 'join' && parameters?.['ttlMs'] !== null;
    if (hasTtl || JUDGES.test(type)) return true;
    timed.add(index);
  }
  return false;
}
