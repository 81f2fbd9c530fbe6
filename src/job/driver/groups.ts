/**
 * Plans which regions stand under which supervisor: pure. A region that no group of the user's names gets a
 * group of its own.
 */

import { HoldfastError } from '../../base/errors.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { RestartStrategy } from '../../supervisor/restart-strategy.js';

/** Which regions of a group go down when one of them fails. */
export type GroupStrategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

/** A group as the options hold it, checked as far as that needs no graph. */
export interface GroupOptions {
  readonly name: string;
  readonly operators: readonly string[];
  readonly strategy: GroupStrategy;
  readonly restart: RestartStrategy;
}

export interface Group {
  /** Undefined for the group of a region that no group names. */
  readonly name: string | undefined;
  readonly strategy: GroupStrategy;
  readonly restart: RestartStrategy;
  /** Indexes of the group's regions in the order in which they start: that in which the group lists its operators. */
  readonly regions: readonly number[];
}

/**
 * @returns groups in the order of their first regions
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION for an operator that the job does not have, or whose
 *   region is in another group already
 */
export function planGroups(
  plan: JobPlan,
  groups: readonly GroupOptions[],
  restart: RestartStrategy,
): readonly Group[] {
  const owners = new Map<number, string>();
  const named = groups.map(({ name, operators, ...rest }): Group => {
    const regions: number[] = [];
    for (const operator of operators) {
      const region = regionOf(plan, name, operator);
      const owner = owners.get(region);
      if (owner !== undefined && owner !== name) throw sharedRegion(operator, name, owner);
      owners.set(region, name);
      if (!regions.includes(region)) regions.push(region);
    }
    return { name, ...rest, regions };
  });
  const single = plan.regions
    .filter(({ index }) => !owners.has(index))
    .map(({ index }): Group => {
      return { name: undefined, strategy: 'one-for-one', restart, regions: [index] };
    });
  return [...named, ...single].sort((a, b) => Math.min(...a.regions) - Math.min(...b.regions));
}

function regionOf(plan: JobPlan, group: string, operator: string): number {
  const region = plan.regions.find(({ operators }) => operators.includes(operator));
  if (region !== undefined) return region.index;
  const known = plan.graph.nodes.map(({ id }) => id);
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `option supervision.groups: group '${group}' names operator '${operator}', which the job does not ` +
      `have. Its operators are ${known.map((id) => `'${id}'`).join(', ')}.`,
    { details: { option: 'supervision.groups', group, operator, known } },
  );
}

function sharedRegion(operator: string, group: string, owner: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `option supervision.groups: operator '${operator}' of group '${group}' is connected with one of ` +
      `group '${owner}'. What is connected goes back to the same checkpoint together, so it belongs ` +
      'to one group.',
    { details: { option: 'supervision.groups', group, owner, operator } },
  );
}
