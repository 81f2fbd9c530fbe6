/**
 * A hash by which threads know that they speak of the same graph, and a job knows that a checkpoint is of its graph.
 *
 * It covers what decides where records go and what state means: ids, kinds, types, inputs with
 * partitions and tags, parameters, sinks' committers. It leaves out the parallelism (rescaling changes
 * that), names (ids cover them) and the texts of functions (a bundler may rewrite them).
 */

import { createHash } from 'node:crypto';
import type { GraphData } from './graph.js';

/** SHA-256 in hex. */
export function graphHash(graph: Pick<GraphData, 'job' | 'nodes'>): string {
  const nodes = graph.nodes.map((node) => ({
    ...node,
    name: undefined,
    parallelism: undefined,
    module: undefined,
  }));
  return createHash('sha256')
    .update(canonicalJson({ job: graph.job, nodes }))
    .digest('hex');
}

/** JSON with sorted property names, so that the order of drawing options does not matter. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    const entries = Object.entries(part).filter(([, field]) => field !== undefined);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}
