/** The node of one slot, in one epoch: made anew or restored, and connected with those of other threads. */

import type { Surroundings } from '../../actors/actor.js';
import type { ActorDefinition } from '../../actors/actor-definition.js';
import { Cell } from '../../actors/cell.js';
import { ActorNode, type ActorTreeNode, type NodeOptions } from '../../actors/node/actor-node.js';
import { restoreNode } from '../../actors/node/node-image.js';
import { homesBy } from '../../actors/placement.js';
import { decodeNodePart, type NodePart } from '../../actors/snapshot/node-part.js';
import type { Failure } from '../../base/failure.js';
import { seededRandom } from '../../base/random.js';
import type { Deployment, HostedCell, Stage } from '../../host/workload.js';
import type { ControlBlock } from '../../threads/control-block.js';
import type { Actors, NodeMetrics, NodeSpec } from './actor-types.js';
import { NodeClock } from './node-clock.js';
import { type NodeMessage, NodeWork } from './node-work.js';
import { ThreadLanes } from './thread-lanes.js';

export interface ActorDeploymentOptions {
  readonly spec: NodeSpec;
  readonly stage: Stage<Actors>;
  /** All of the system's. */
  readonly definitions: readonly ActorDefinition[];
  readonly block: ControlBlock;
  /** A number by chance. */
  readonly seed: number;
  readonly closed: () => void;
}

export class ActorDeployment implements Deployment<Actors> {
  readonly cells: readonly HostedCell[];
  readonly #work: NodeWork;
  readonly #cell: Cell<NodeMessage, undefined>;
  readonly #spec: NodeSpec;
  readonly #part: NodePart | undefined;
  readonly #closed: () => void;

  /**
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_UNKNOWN_ACTOR, ERR_HOLDFAST_STATE_MIGRATION, and
   *   what a definition's `migrate` throws
   */
  constructor(options: ActorDeploymentOptions) {
    const { spec, stage, block } = options;
    const { slot, epoch } = spec;
    this.#spec = spec;
    this.#closed = options.closed;
    this.#part = spec.restore === undefined ? undefined : decodeNodePart(spec.restore);
    const clock = new NodeClock(this.#part?.image.now);
    const homeOf = homesBy(spec.table);
    const lanes = new ThreadLanes({ ...spec, index: slot });
    const { report } = stage;
    const failed = (failure: Failure) => this.#cell.fail(failure);
    this.#work = new NodeWork(
      { slot, epoch, lanes, clock, homeOf, block, failed, report },
      (work) =>
        makeNode(options, this.#part, clock.now(), {
          node: slot,
          random: seededRandom(options.seed),
          isHere: ({ path }) => homeOf(path) === slot,
          out: (envelope) => work.out(envelope),
          observe: (event) => work.observe(event),
          wake: stage.wake,
          supervisor: spec.supervisor,
          drafts: spec.drafts,
        }),
    );
    const surroundings: Surroundings<NodeMessage> = {
      wake: stage.wake,
      failed: (_, failure) => {
        report({ kind: 'node-failed', slot, epoch, failure: { ...failure, slot } });
        stage.failed();
      },
      deadLetter: () => {},
    };
    this.#cell = new Cell({
      address: { path: `node ${slot}`, incarnation: epoch },
      behaviour: this.#work,
      work: this.#work,
      surroundings,
    });
    this.cells = [this.#cell];
  }

  /** What was on its way comes before anything that lanes bring. */
  async open(): Promise<void> {
    for (const { from, envelopes } of this.#part?.channels ?? []) {
      for (const envelope of envelopes) this.#work.envelope(from, envelope);
    }
  }

  /** Markers come over the lanes. */
  trigger(): void {}

  abort(checkpoint: number): void {
    this.#cell.tell({ kind: 'abort', checkpoint });
  }

  async committed(): Promise<void> {}

  tree(): readonly ActorTreeNode[] {
    const { node } = this.#work;
    return node.tree(node.world.now);
  }

  async metrics(): Promise<readonly NodeMetrics[]> {
    const { cells, ready, deadLetters, asks } = this.#work.node.world;
    const { slot } = this.#spec;
    return [{ slot, actors: cells.size, ready: ready.size, deadLetters, asks: asks.size }];
  }

  async close(): Promise<void> {
    this.#closed();
    await this.#cell.stop();
  }
}

function makeNode(
  { spec, definitions }: ActorDeploymentOptions,
  part: NodePart | undefined,
  now: number,
  options: NodeOptions,
): ActorNode {
  const node =
    part === undefined
      ? new ActorNode(options)
      : restoreNode(part.image, definitions as never, options);
  for (const definition of definitions) node.register(definition as never);
  for (const { actor, options: shard } of spec.sharded) {
    node.sharded(node.world.kindOf(actor).definition as never, shard);
  }
  if (part === undefined) node.start(now);
  return node;
}
