/** Actors as a workload: finds the definitions in the modules that the thread has loaded, and makes nodes of them. */

import { randomInt } from 'node:crypto';
import { type ActorDefinition, isActorDefinition } from '../../actors/actor-definition.js';
import { notExported, twoDefinitions } from '../../actors/actor-errors.js';
import type { ActorTreeNode } from '../../actors/node/actor-node.js';
import { outcome } from '../../host/outcome.js';
import type { Answering, Stage, Workload } from '../../host/workload.js';
import type { ControlBlock } from '../../threads/control-block.js';
import { ActorDeployment } from './actor-deployment.js';
import type { ActorCalls, Actors, LoadedActors, NodeSpec } from './actor-types.js';
import { actorsHash } from './actors-hash.js';

/** Seeds are whole numbers below this. */
const SEEDS = 2 ** 47;

export class ActorWorkload implements Workload<Actors> {
  readonly #found: ReadonlyMap<string, ActorDefinition>;
  readonly #block: ControlBlock;
  #definitions: readonly ActorDefinition[] = [];
  readonly #deployments = new Set<ActorDeployment>();

  /** @throws HoldfastError ERR_HOLDFAST_ACTOR_DEFINITION when two definitions have one name */
  constructor(modules: readonly object[], block: ControlBlock) {
    this.#found = definitionsIn(modules);
    this.#block = block;
  }

  readonly calls: Answering<ActorCalls> = {
    tree: () =>
      outcome('internal', async () => {
        const trees: ActorTreeNode[] = [];
        for (const deployment of this.#deployments) trees.push(...deployment.tree());
        return trees;
      }),
  };

  /**
   * @param args `actors`: names of the system's definitions. What else the modules export does not count.
   * @throws HoldfastError ERR_HOLDFAST_ACTOR_MODULE for a name that no module exports
   */
  async load({ actors }: Readonly<Record<string, unknown>>): Promise<LoadedActors> {
    const names = [...new Set(actors as readonly string[])].sort();
    this.#definitions = names.map((name) => {
      const definition = this.#found.get(name);
      if (definition === undefined) throw notExported(name, this.#found.keys());
      return definition;
    });
    return {
      hash: actorsHash(names),
      actors: this.#definitions.map(({ name, version, url }) => ({ name, version, url })),
    };
  }

  deploy(spec: NodeSpec, stage: Stage<Actors>): ActorDeployment {
    const deployment = new ActorDeployment({
      spec,
      stage,
      definitions: this.#definitions,
      block: this.#block,
      seed: randomInt(SEEDS),
      closed: () => this.#deployments.delete(deployment),
    });
    this.#deployments.add(deployment);
    return deployment;
  }
}

/** What modules export; what CommonJS exports may be the default of its namespace. */
function definitionsIn(modules: readonly object[]): ReadonlyMap<string, ActorDefinition> {
  const found = new Map<string, ActorDefinition>();
  for (const module of modules) {
    const { default: inner } = module as { readonly default?: unknown };
    const isNamespace = typeof inner === 'object' && inner !== null;
    for (const value of [...Object.values(module), ...(isNamespace ? Object.values(inner) : [])]) {
      if (!isActorDefinition(value)) continue;
      const other = found.get(value.name);
      if (other !== undefined && other !== value) {
        throw twoDefinitions(value.name, [other.url, value.url]);
      }
      found.set(value.name, value);
    }
  }
  return found;
}
