/** Records that are changes of rows already (`asChangelog`) need their order: it must not be lost on their way there. */

import { HoldfastError } from '../../base/errors.js';
import type { GraphData, GraphNodeData, Partition } from './graph.js';
import { keepsKeyedState } from './keyed-state.js';

/** Where records of one split lose their order. */
interface Fork {
  readonly from: GraphNodeData;
  readonly to: GraphNodeData;
  /**
   * `unordered`: `from` waits for promises, and gives results as they come. Undefined: the two have different numbers of
   * instances.
   */
  readonly method: Partition | 'unordered' | undefined;
}

/**
 * Looks back from each `asChangelog` to sources, and to keyed operators with state, behind which an order begins anew.
 * (A keyed exchange alone brings the records of a key together, in the order that they have by then.)
 * @param parallelism of each node
 * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD
 */
export function requireChangeOrder({ nodes }: GraphData, parallelism: readonly number[]): void {
  const forks: (Fork | undefined)[] = [];
  // Nodes come behind those that they read.
  for (const to of nodes) {
    const found = to.inputs.map(({ from, partition, port }): Fork | undefined => {
      // A broadcast stream that is connected to another one writes state; what goes on is the other.
      if (partition === 'broadcast' && port !== undefined) return undefined;
      if (partition === 'hash') return keepsKeyedState(to) ? undefined : forks[from];
      if (partition !== 'forward') return { from: nodes[from]!, to, method: partition };
      const [before, now] = [parallelism[from]!, parallelism[to.index]!];
      // What is read by one instance alone keeps the order that it had.
      if (before === now || now === 1) return forks[from];
      return { from: nodes[from]!, to, method: undefined };
    });
    const fork = found.find((one) => one !== undefined);
    if (fork !== undefined && to.type === 'changelog') throw outOfOrder(to, fork, parallelism);
    forks.push(isUnordered(to) ? { from: to, to, method: 'unordered' } : fork);
  }
}

/** Its results go out as they come. */
function isUnordered({ parameters }: GraphNodeData): boolean {
  return parameters?.['ordered'] === false;
}

function outOfOrder(
  { id }: GraphNodeData,
  { from, to, method }: Fork,
  parallelism: readonly number[],
): HoldfastError {
  const [why, way] = reasonOf();
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_BUILD',
    `asChangelog ('${id}') would get the changes of a row out of order: ${why}. ${way}`,
    { details: { operator: id } },
  );

  function reasonOf(): readonly [why: string, way: string] {
    switch (method) {
      case undefined:
        return [
          `'${from.id}' has parallelism ${parallelism[from.index]}, and '${to.id}', which reads it, has ` +
            `${parallelism[to.index]}`,
          `Give '${to.id}' .parallelism(${parallelism[from.index]}).`,
        ];
      case 'unordered':
        return [
          `'${from.id}', ${from.type}(…, { ordered: false }), lets results go out as they come`,
          'Leave out ordered: false.',
        ];
      default:
        return [
          `${method}() gives them to all instances of '${to.id}'`,
          `Call asChangelog before ${method}().`,
        ];
    }
  }
}
