/** Records that are changes of rows already (`asChangelog`) need their order: it must not be lost on their way there. */

import { HoldfastError } from '../../base/errors.js';
import type { GraphData, GraphNodeData, Partition } from './graph.js';

/** Where records of one split begin to go to different instances. */
interface Fork {
  readonly from: GraphNodeData;
  readonly to: GraphNodeData;
  /** Undefined: the two have different numbers of instances. */
  readonly method: Partition | undefined;
}

/**
 * Looks back from each `asChangelog` to sources, and to keyed exchanges, behind which an order begins anew.
 * @param parallelism of each node
 * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD
 */
export function requireChangeOrder({ nodes }: GraphData, parallelism: readonly number[]): void {
  const forks: (Fork | undefined)[] = [];
  // Nodes come behind those that they read.
  for (const to of nodes) {
    const found = to.inputs.map(({ from, partition, port }): Fork | undefined => {
      // A broadcast stream that is connected to another one writes state; what goes on is the other.
      if (partition === 'hash' || (partition === 'broadcast' && port !== undefined))
        return undefined;
      if (partition !== 'forward') return { from: nodes[from]!, to, method: partition };
      const [before, now] = [parallelism[from]!, parallelism[to.index]!];
      // What is read by one instance alone keeps the order that it had.
      if (before === now || now === 1) return forks[from];
      return { from: nodes[from]!, to, method: undefined };
    });
    const fork = found.find((one) => one !== undefined);
    if (fork !== undefined && to.type === 'changelog') throw outOfOrder(to, fork, parallelism);
    forks.push(fork);
  }
}

function outOfOrder(
  { id }: GraphNodeData,
  { from, to, method }: Fork,
  parallelism: readonly number[],
): HoldfastError {
  const [why, way] =
    method === undefined
      ? [
          `'${from.id}' has parallelism ${parallelism[from.index]}, and '${to.id}', which reads it, has ` +
            `${parallelism[to.index]}`,
          `Give '${to.id}' .parallelism(${parallelism[from.index]}).`,
        ]
      : [
          `${method}() gives them to all instances of '${to.id}'`,
          `Call asChangelog before ${method}().`,
        ];
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_BUILD',
    `asChangelog ('${id}') would get the changes of a row out of order: ${why}. ${way}`,
    { details: { operator: id } },
  );
}
