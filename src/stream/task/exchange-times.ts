/**
 * The times that a task's `withTimestamps` keep behind an exchange. Nobody can tell there which split a record is of:
 * each instance has one time for all its input.
 */

import type { Graph } from '../graph/graph.js';
import type { OperatorTime, SplitObserver } from '../operator.js';
import type { HeldTime } from './time-holder.js';

interface Generator {
  readonly operator: string;
  readonly sources: readonly string[];
  readonly times: OperatorTime;
}

export class ExchangeTimes {
  readonly #graph: Graph;
  readonly #generators: Generator[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  attach(operator: string, times: OperatorTime): void {
    this.#generators.push({ operator, times, sources: sourcesOf(this.#graph, operator) });
  }

  /** The least time that one of them holds; +∞ when nobody has to wait for them. */
  get leastMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { times } of this.#generators) least = Math.min(least, times.leastMs);
    return least;
  }

  /** The one that stands at the least time; undefined when none holds time. */
  get held(): HeldTime | undefined {
    let least: (Generator & { readonly held: NonNullable<SplitObserver['holder']> }) | undefined;
    for (const generator of this.#generators) {
      const held = generator.times.holder;
      if (held === undefined || (least !== undefined && held.ownMs >= least.held.ownMs)) continue;
      least = { ...generator, held };
    }
    if (least === undefined) return undefined;
    const { operator, sources, held } = least;
    return { operator, split: undefined, sources, ownMs: held.ownMs, isBehind: false };
  }
}

/** Ids of the sources whose records come to the operator. */
function sourcesOf({ nodes }: Graph, operator: string): readonly string[] {
  const above = new Set<number>();
  const find = (index: number): void => {
    if (above.has(index)) return;
    above.add(index);
    for (const { from } of nodes[index]!.inputs) find(from);
  };
  find(nodes.findIndex(({ id }) => id === operator));
  return nodes
    .filter(({ index, kind }) => above.has(index) && kind === 'source')
    .map(({ id }) => id);
}
