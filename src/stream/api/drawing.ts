/** How streams add nodes and edges to the graph. */

import type { Partition } from '../graph/graph.js';
import type { EdgeDraft, GraphDraft, NewNode } from '../graph/graph-draft.js';
import type { Operator } from '../operator.js';
import { keyOfEnvelope, PRE_AGGREGATE } from '../operators/partials.js';
import { processOperator } from '../operators/process-operator.js';
import type { KeySelector } from './key-selector.js';
import { describeSlots, type ProcessSpecData, slotsOf } from './process.js';
import { StreamOrigin } from './stream-origin.js';

/** Adds an operator: what it makes is the stream. */
export function drawn(draft: GraphDraft, node: Omit<NewNode, 'kind'>): StreamOrigin {
  return StreamOrigin.ofNode(draft, draft.add({ ...node, kind: 'operator' }));
}

/** Adds an operator that has as many instances as what it reads, without an exchange. */
export function drawnInChain(
  { draft, edges }: StreamOrigin,
  type: string,
  create: NewNode['create'],
): StreamOrigin {
  return drawn(draft, { type, inputs: edges, create, inChain: true });
}

/** Edges that bring all records of a key to one instance. */
export function hashed(edges: readonly EdgeDraft[], key: KeySelector): readonly EdgeDraft[] {
  return edges.map(({ from, tag }) => ({ from, partition: 'hash', key, tag }));
}

export const NO_KEY = (() => null) as KeySelector;
export const ROW_KEY = (({ key }: { readonly key: unknown }) => key) as KeySelector;

/**
 * Adds an operator that does by key what a spec of `process` says.
 * @param inChain the records of a key are in one instance already: no exchange, for what has to see watermarks with it
 */
export function processed(
  { draft, edges }: StreamOrigin,
  type: string,
  key: KeySelector,
  spec: ProcessSpecData,
  parameters?: NewNode['parameters'],
  inChain = false,
): StreamOrigin {
  return drawn(draft, {
    type,
    inChain,
    inputs: inChain ? edges : hashed(edges, key),
    stateful: true,
    parameters,
    states: [describeSlots(slotsOf(spec))],
    create: processOperator(key, spec),
  });
}

export function repartitioned(origin: StreamOrigin, partition: Partition): readonly EdgeDraft[] {
  return origin.edges.map(({ from, tag }) => ({ from, partition, key: undefined, tag }));
}

/** Adds the first of two phases of windows. @returns the edges on which its partial aggregates go to the second one */
export function preAggregated(
  draft: GraphDraft,
  inputs: readonly EdgeDraft[],
  key: KeySelector,
  create: () => Operator,
): readonly EdgeDraft[] {
  const { edges } = drawn(draft, {
    type: PRE_AGGREGATE,
    inputs,
    inChain: inputs.length === 1 && inputs[0]!.partition === 'forward',
    create,
  });
  return hashed(edges, keyOfEnvelope(key));
}

/** Known when the graph is complete. */
export function putsFailedAside(stream: StreamOrigin): boolean {
  return (stream.node().onError ?? 'fail') !== 'fail';
}
