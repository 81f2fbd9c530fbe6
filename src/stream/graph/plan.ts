/**
 * From the graph to tasks: chains become vertices, the rest of the edges become channels between
 * their instances. Shapes here; the pure function is `planJob` in `planner.ts`.
 */

import type { GraphData, Partition } from './graph.js';

export interface PlanVertex {
  readonly index: number;
  /** Id of the chain's first node. */
  readonly id: string;
  /** Graph node indexes of the chain, upstream before downstream; the first is its head. A chain is a tree. */
  readonly nodes: readonly number[];
  readonly parallelism: number;
  /** Slot (0…p−1) of each instance. */
  readonly slots: readonly number[];
}

export interface PlanEdge {
  readonly index: number;
  readonly fromVertex: number;
  readonly fromNode: number;
  readonly toVertex: number;
  /** The consuming node: always the head of its chain. */
  readonly toNode: number;
  /** Which of `graph.nodes[toNode].inputs` this edge is. */
  readonly toInput: number;
  /** `forward` only between equal parallelism (i to i); otherwise it has become `rebalance`. */
  readonly partition: Partition;
  readonly tag?: string | undefined;
}

/** A part of the graph without a connection to the rest: it fails and recovers independently. */
export interface PlanRegion {
  readonly index: number;
  /** Id of its first vertex. */
  readonly id: string;
  /** Ascending. */
  readonly vertices: readonly number[];
  /** Ids of the nodes of its vertices. */
  readonly operators: readonly string[];
  /** Slots that have tasks of the region, ascending. */
  readonly slots: readonly number[];
}

/** Something that the graph does not promise, although one might think so. */
export interface GraphNotice {
  /** Id of the operator of which the notice speaks. */
  readonly operator: string;
  readonly text: string;
}

export interface JobPlan {
  readonly graph: GraphData;
  readonly slots: number;
  readonly keyGroups: number;
  readonly vertices: readonly PlanVertex[];
  readonly edges: readonly PlanEdge[];
  /** In the order of their first vertices. */
  readonly regions: readonly PlanRegion[];
  /** Per distinct operator parallelism q: entry g (1…m; entry 0 unused) is the owning instance. */
  readonly tables: Readonly<Record<number, Uint16Array>>;
  readonly notices: readonly GraphNotice[];
  /** By URL: the file that a thread loads for the module (`GraphNode.module`). Absent: none is compiled. */
  readonly modules?: Readonly<Record<string, string>> | undefined;
}

/** One task: an instance of a vertex. */
export interface PlanTask {
  readonly vertex: PlanVertex;
  readonly instance: number;
}

/** One channel: instance to instance over an edge. */
export interface PlanChannel {
  readonly edge: number;
  readonly fromInstance: number;
  readonly toInstance: number;
  readonly fromSlot: number;
  readonly toSlot: number;
}
