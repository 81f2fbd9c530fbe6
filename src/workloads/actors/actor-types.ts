/**
 * Actors as a workload: what the driver deploys, one node for each thread, and what it is told. Protocol file: shapes
 * only.
 */

import type { SuperviseOptions } from '../../actors/node/actor-child.js';
import type { ActorTreeNode } from '../../actors/node/actor-node.js';
import type { ShardOptions } from '../../actors/node/key-budgets.js';
import type { NodeEvent } from '../../actors/node/world.js';
import type { NodeSections } from '../../actors/snapshot/node-part.js';
import type { Failure } from '../../base/failure.js';
import type { HostSpawner } from '../../host/host-link.js';
import type { RegionSpec } from '../../host/workload.js';

/**
 * A ring from one thread to another. A thread is named by its index: slots 0…p − 1, and p for those outside. Records
 * are `Envelope`s, markers the control element `barrier`.
 */
export interface LaneSpec {
  readonly from: number;
  readonly to: number;
  readonly ring: SharedArrayBuffer;
}

/** The lanes of one thread, and whom they connect. */
export interface LanesSpec {
  /** p: nodes of the system; a slot is its node's number. */
  readonly nodes: number;
  readonly epoch: number;
  readonly incarnation: number;
  /** Memory of control blocks, for doorbells, by lane index. */
  readonly blocks: readonly SharedArrayBuffer[];
  /** From and to each other thread; those of others are left aside. */
  readonly lanes: readonly LaneSpec[];
}

/** The node of one slot. There is but region 0. */
export interface NodeSpec extends RegionSpec, LanesSpec {
  /** Of placement; m. */
  readonly groups: number;
  /** Owner of group g (1…m) at g − 1. */
  readonly table: Uint16Array;
  /** Undefined: the node begins with nothing. */
  readonly restore: NodeSections | undefined;
  /** Of what stands at the top of the node. */
  readonly supervisor: Omit<SuperviseOptions, 'children'> | undefined;
  /** Names of sharded definitions. */
  readonly sharded: readonly { readonly actor: string; readonly options: ShardOptions }[];
  /** See WorldOptions. */
  readonly drafts?: 'flat' | 'immer' | undefined;
}

/** What a thread has found in the module. */
export interface LoadedActors {
  /** Of the sorted names of all definitions. */
  readonly hash: string;
  readonly actors: readonly {
    readonly name: string;
    readonly version: number;
    readonly url: string;
  }[];
}

/** What a node tells the driver. */
export type ActorsEvent =
  /** What is worth telling to people, of one turn. */
  | {
      readonly kind: 'node-events';
      readonly slot: number;
      readonly epoch: number;
      readonly events: readonly NodeEvent[];
    }
  /** Its part of a checkpoint is complete. */
  | {
      readonly kind: 'node-part';
      readonly slot: number;
      readonly epoch: number;
      readonly checkpoint: number;
      readonly sections: NodeSections;
    }
  /** It cannot take its part, for instance because of a state that cannot be kept: the checkpoint cannot complete. */
  | {
      readonly kind: 'node-declined';
      readonly slot: number;
      readonly epoch: number;
      readonly checkpoint: number;
      readonly failure: Failure;
    }
  /** Nothing of it runs any more: its supervisor at the top has given up, or there was a bug. */
  | {
      readonly kind: 'node-failed';
      readonly slot: number;
      readonly epoch: number;
      readonly failure: Failure;
    };

/** Calls that only actors have. */
export type ActorCalls = {
  /** Of this thread's node; nothing when there is none. */
  readonly tree: { readonly args: readonly []; readonly answer: readonly ActorTreeNode[] };
};

export interface NodeMetrics {
  readonly slot: number;
  /** Also those that are down and come back. */
  readonly actors: number;
  /** That have something to do. */
  readonly ready: number;
  /** Since the node's beginning, restarts included. */
  readonly deadLetters: number;
  /** Open ones of its actors. */
  readonly asks: number;
}

/** Actors, as host, link and pool pass them on. */
export interface Actors {
  readonly loaded: LoadedActors;
  readonly spec: NodeSpec;
  readonly base: undefined;
  readonly metrics: NodeMetrics;
  readonly event: ActorsEvent;
  readonly calls: ActorCalls;
}

export type ActorSpawner = HostSpawner<Actors>;
