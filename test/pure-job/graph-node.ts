/** Nodes of graphs for tests of what is planned from them. */

import type { GraphNodeData } from '../../src/stream/graph/graph.js';

/** A keyed operator, or what `more` makes of it. */
export const node = (index: number, id: string, more: Partial<GraphNodeData>): GraphNodeData => ({
  index,
  id,
  kind: 'operator',
  type: 'keyed-aggregate',
  name: id,
  stateful: true,
  parallelism: undefined,
  inputs: [],
  states: [],
  collectName: undefined,
  committer: undefined,
  commitsInWorker: false,
  ...more,
});
