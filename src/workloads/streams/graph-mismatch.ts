/** The error of a job that builds different graphs. */

import { HoldfastError } from '../../base/errors.js';
import type { GraphData } from '../../stream/graph/graph.js';

/** @param when it did */
export function graphMismatch(
  expected: GraphData,
  found: GraphData,
  when = 'in two threads',
): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_MISMATCH',
    `job '${found.job}' built different graphs ${when}. The build function must be ` +
      'deterministic: it must not depend on time, chance, environment changes or thread.',
    { details: { expected: describe(expected), found: describe(found) } },
  );
}

function describe(graph: GraphData): readonly string[] {
  return graph.nodes.map((node) => `${node.id} (${node.type})`);
}
