/**
 * The regions of a plan: its connected components. Parts that no channel connects need no common snapshot
 * to be consistent, so each may fail and recover without the rest. Pure.
 */

import type { GraphData } from './graph.js';
import type { PlanEdge, PlanRegion, PlanVertex } from './plan.js';

/** In the order of their first vertices; every vertex is in exactly one. */
export function planRegions(
  graph: GraphData,
  vertices: readonly PlanVertex[],
  edges: readonly PlanEdge[],
): readonly PlanRegion[] {
  /** By vertex: some earlier vertex with which it is connected, or itself. */
  const leader = vertices.map(({ index }) => index);
  const find = (vertex: number): number => {
    let at = vertex;
    while (leader[at] !== at) at = leader[at]!;
    return at;
  };
  for (const { fromVertex, toVertex } of edges) {
    const [first, second] = [find(fromVertex), find(toVertex)];
    leader[Math.max(first, second)] = Math.min(first, second);
  }
  const members = new Map<number, number[]>();
  for (const { index } of vertices) {
    const found = members.get(find(index));
    if (found === undefined) members.set(index, [index]);
    else found.push(index);
  }
  return [...members].map(([first, own], index) => ({
    index,
    id: vertices[first]!.id,
    vertices: own,
    operators: own.flatMap((vertex) =>
      vertices[vertex]!.nodes.map((node) => graph.nodes[node]!.id),
    ),
    slots: [...new Set(own.flatMap((vertex) => vertices[vertex]!.slots))].sort((a, b) => a - b),
  }));
}
