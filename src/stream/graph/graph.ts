/**
 * The dataflow graph as the job's build function draws it, and the same as plain data.
 * Protocol file: shapes only; `graph-builder.ts` makes it, `planner.ts` divides it into tasks.
 */

import type { Codec } from '../../codec/codec-registry.js';
import type { ErrorPolicy } from '../dead-letter.js';
import type { Operator } from '../operator.js';
import type { CommitterData, Sink } from '../sink.js';
import type { Source } from '../source.js';
import type { StateDescription } from '../state/state-layout.js';

/**
 * How records find the consuming instance. `forward`: instance i to instance i (operators may be
 * chained); `hash`: by key group; `rebalance`: round robin; `broadcast`: to all.
 */
export type Partition = 'forward' | 'hash' | 'rebalance' | 'broadcast';

export interface GraphInput {
  /** Index of the producing node. */
  readonly from: number;
  readonly partition: Partition;
  /** On a `hash` edge: the key of a record. */
  readonly key?: ((record: never) => unknown) | undefined;
  /** Reads this side output of the producer instead of its main output. */
  readonly tag?: string | undefined;
  /** The port of this node that the records are for; absent: port 0 (ports.ts). */
  readonly port?: number | undefined;
}

/**
 * What an operator was given beside its functions (window, lateness, which aggregations): JSON data.
 * It decides the layout and the meaning of state, so it is part of the hash.
 */
export type NodeParameters = Readonly<Record<string, unknown>>;

export type NodeKind = 'source' | 'operator' | 'sink';

/** A node with its code: lives in the thread that built it. */
export interface GraphNode {
  readonly index: number;
  /** Stable id: uid, else name, else derived from kind and upstream ids; unique in the graph. */
  readonly id: string;
  readonly kind: NodeKind;
  /** `map`, `window-aggregate`, `ndjsonFile`… */
  readonly type: string;
  /** For people. */
  readonly name: string;
  readonly stateful: boolean;
  /** Undefined: the job's parallelism. */
  readonly parallelism: number | undefined;
  readonly inputs: readonly GraphInput[];
  readonly parameters?: NodeParameters | undefined;
  readonly states: readonly StateDescription[];
  readonly source: Source<unknown> | undefined;
  readonly sink: Sink<unknown> | undefined;
  /** What happens to records on which its user code fails. No part of the hash, since it changes no state. */
  readonly onError: ErrorPolicy;
  /** URL of a module that the operator runs on threads of its own. No part of the hash: code lies where it was installed. */
  readonly module?: string | undefined;
  /** Makes a fresh operator instance; for sources and sinks the task wraps `source` and `sink` itself. */
  readonly create: (() => Operator) | undefined;
}

export interface Graph {
  readonly job: string;
  readonly nodes: readonly GraphNode[];
  /** Codecs of the user's classes. They are registered before the graph runs. */
  readonly codecs: readonly Codec[];
  /** Hash over everything in `GraphData` but parallelism and names; equal in every worker or the job is refused. */
  readonly hash: string;
}

export interface GraphNodeData {
  readonly index: number;
  readonly id: string;
  readonly kind: NodeKind;
  readonly type: string;
  readonly name: string;
  readonly stateful: boolean;
  readonly parallelism: number | undefined;
  readonly inputs: readonly {
    readonly from: number;
    readonly partition: Partition;
    readonly tag?: string | undefined;
    readonly port?: number | undefined;
  }[];
  readonly parameters?: NodeParameters | undefined;
  /** What the operator's keyed state consists of. */
  readonly states: readonly StateDescription[];
  /** See GraphNode. */
  readonly module?: string | undefined;
  readonly collectName: string | undefined;
  /** What is collected is a table. */
  readonly collectsTable?: true | undefined;
  readonly committer: CommitterData | undefined;
  /** The sink commits in a worker (it has `commit` and no `committer`). */
  readonly commitsInWorker: boolean;
}

/** The graph as data: what the main thread, manifests and `job.plan()` see. */
export interface GraphData {
  readonly job: string;
  readonly hash: string;
  readonly nodes: readonly GraphNodeData[];
}
