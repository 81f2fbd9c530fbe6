/**
 * From a graph to tasks. Pure: the same graph and numbers give the same plan, in every process.
 *
 * Nodes that can call each other directly are one *vertex* (a chain, which is a tree: a node may have
 * several consumers in it, never several producers); all other edges become channels between the
 * instances of two vertices.
 *
 *  P1  A node joins its producer's chain exactly if it has one input, the input is a `forward` edge,
 *      and both have the same parallelism. So every node is in one vertex, channels end only at heads,
 *      and an instance of a chain has its barrier aligned once, at its head. A node with several ports (ports.ts)
 *      has several inputs, and so is a head: a chained port would bring it records past that alignment.
 *  P2  A `forward` edge between unequal parallelism becomes `rebalance`, because there is no i-to-i.
 *  P3  With as many instances as slots, instance i lives on slot i. With fewer instances the operator's id
 *      chooses the first slot, so that several narrow operators do not all sit on slot 0. The id chooses it, not
 *      the operator's place in the graph, so that an edit elsewhere moves nothing.
 *  P4  There is one key-group table per number of instances, of every vertex that is read by key or has state.
 *  P5  What gives times asks which split a record is of, and knows that of the record which the chain has just taken.
 *      So it heads a chain where an operator ahead of it emits later.
 */

import { HoldfastError } from '../../base/errors.js';
import { hashKey } from '../../hashring/murmur3.js';
import { placementTable } from '../../hashring/placement.js';
import { requireChangeOrder } from './change-order.js';
import type { GraphData, GraphNodeData, Partition } from './graph.js';
import { noticesOf } from './notices.js';
import type { JobPlan, PlanChannel, PlanEdge, PlanTask, PlanVertex } from './plan.js';
import { planRegions } from './regions.js';

/** Types of operators that wait for promises. */
const ASYNCHRONOUS: ReadonlySet<string> = new Set(['mapAsync', 'mapOnPool']);

export interface PlanOptions {
  /** Slots, at least 1. */
  readonly slots: number;
  /** Key groups m, at least the parallelism of every keyed operator. */
  readonly keyGroups: number;
}

/**
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION naming the operator that does not fit, ERR_HOLDFAST_JOB_BUILD where
 *   changes of rows would lose their order
 */
export function planJob(graph: GraphData, { slots, keyGroups }: PlanOptions): JobPlan {
  requireCount('parallelism', slots);
  requireCount('keyGroups', keyGroups);
  const parallelism = graph.nodes.map((node) => parallelismOf(node, slots));
  requireChangeOrder(graph, parallelism);
  const partitionOf = (from: number, to: number, partition: Partition): Partition =>
    partition === 'forward' && parallelism[from] !== parallelism[to] ? 'rebalance' : partition;

  const vertexOf: number[] = [];
  const chains: number[][] = [];
  const edges: PlanEdge[] = [];
  /** By node: it emits later than its chain takes records (P5). */
  const isLater: boolean[] = [];
  for (const { index, type, inputs } of graph.nodes) {
    const [only, ...others] = inputs;
    const chained =
      only !== undefined &&
      others.length === 0 &&
      partitionOf(only.from, index, only.partition) === 'forward' &&
      !(type === 'timestamps' && isLater[only.from]);
    isLater.push(ASYNCHRONOUS.has(type) || (chained && isLater[only.from]!));
    if (chained) {
      const vertex = vertexOf[only.from]!;
      vertexOf.push(vertex);
      chains[vertex]!.push(index);
      continue;
    }
    const vertex = chains.push([index]) - 1;
    vertexOf.push(vertex);
    inputs.forEach(({ from, partition, tag }, toInput) => {
      edges.push({
        index: edges.length,
        fromVertex: vertexOf[from]!,
        fromNode: from,
        toVertex: vertex,
        toNode: index,
        toInput,
        partition: partitionOf(from, index, partition),
        tag,
      });
    });
  }

  const vertices = chains.map((nodes, index): PlanVertex => {
    const head = graph.nodes[nodes[0]!]!;
    const instances = parallelism[head.index]!;
    return {
      index,
      id: head.id,
      nodes,
      parallelism: instances,
      slots: slotsOf(head.id, instances, slots),
    };
  });
  const regions = planRegions(graph, vertices, edges);
  const tables = tablesOf(graph, vertices, keyGroups);
  const notices = noticesOf(graph, vertices);
  return { graph, slots, keyGroups, vertices, edges, regions, tables, notices };
}

/** A region's tasks on a slot, in the order of vertices. */
export function tasksOn(plan: JobPlan, region: number, slot: number): readonly PlanTask[] {
  return plan.regions[region]!.vertices.flatMap((index) => {
    const vertex = plan.vertices[index]!;
    return vertex.slots.flatMap((of, instance) => (of === slot ? [{ vertex, instance }] : []));
  });
}

/** Every channel of a plan: by edge, then producing, then consuming instance. */
export function planChannels(plan: JobPlan): PlanChannel[] {
  return plan.edges.flatMap((edge) => {
    const from = plan.vertices[edge.fromVertex]!.slots;
    const to = plan.vertices[edge.toVertex]!.slots;
    return from.flatMap((fromSlot, fromInstance) =>
      to.flatMap((toSlot, toInstance) =>
        edge.partition === 'forward' && fromInstance !== toInstance
          ? []
          : [{ edge: edge.index, fromInstance, toInstance, fromSlot, toSlot }],
      ),
    );
  });
}

function parallelismOf(node: GraphNodeData, slots: number): number {
  const instances = node.parallelism ?? slots;
  if (instances <= slots) return instances;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `operator '${node.id}' asks for parallelism ${instances}, but the job has ${slots} ` +
      `slot${slots === 1 ? '' : 's'}. Raise the job's parallelism to ${instances}, or lower the operator's.`,
    { details: { operator: node.id, parallelism: instances, slots } },
  );
}

function slotsOf(id: string, instances: number, slots: number): number[] {
  const turn = instances === slots ? 0 : hashKey(id) % slots;
  return Array.from({ length: instances }, (_, instance) => (instance + turn) % slots);
}

function tablesOf(
  graph: GraphData,
  vertices: readonly PlanVertex[],
  keyGroups: number,
): Record<number, Uint16Array> {
  const tables: Record<number, Uint16Array> = {};
  for (const { nodes, parallelism } of vertices) {
    const needing = nodes
      .map((node) => graph.nodes[node]!)
      .find(({ stateful, inputs }) => stateful || inputs.some(isHash));
    if (needing === undefined) continue;
    if (parallelism > keyGroups) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `operator '${needing.id}' has ${parallelism} instances, but the job only ${keyGroups} key groups, ` +
          'so some would have no keys. Raise keyGroups (fixed for the life of a job), or lower the parallelism.',
        { details: { operator: needing.id, parallelism, keyGroups } },
      );
    }
    tables[parallelism] ??= placementTable(keyGroups, parallelism);
  }
  return tables;
}

function isHash({ partition }: { readonly partition: Partition }): boolean {
  return partition === 'hash';
}

/** Instances and key groups are 16-bit numbers in frames and tables. */
const COUNT_MAX = 65_535;

function requireCount(option: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 1 && count <= COUNT_MAX) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${option} must be a whole number from 1 to ${COUNT_MAX}, but is ${String(count)}.`,
    { details: { option } },
  );
}
