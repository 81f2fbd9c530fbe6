/** Checks the option `supervision`, as far as that needs no graph. */

import { badOption, checkObject, checkOneOf } from '../base/option-checks.js';
import { checkRestartStrategy, type RestartStrategy } from '../supervisor/restart-strategy.js';
import type { GroupOptions } from './driver/groups.js';
import type { RunOptions, SupervisionGroup } from './job-types.js';

const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one'] as const;

/**
 * @param restart the strategy of a group that has none of its own
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function resolveSupervision(
  options: RunOptions['supervision'],
  restart: RestartStrategy,
): { readonly groups: readonly GroupOptions[] } {
  const { groups = [] } = checkObject('supervision', options, ['groups']);
  if (!Array.isArray(groups)) throw badOption('supervision.groups', groups, 'a list of groups');
  const names = new Set<string>();
  return Object.freeze({
    groups: groups.map((group: SupervisionGroup, at) => {
      const option = `supervision.groups[${at}]`;
      const given = checkObject(option, group, ['name', 'operators', 'strategy', 'restart']);
      const { name, operators } = given;
      if (typeof name !== 'string' || name === '') {
        throw badOption(`${option}.name`, name, 'a name for people, in the tree');
      }
      if (names.has(name))
        throw badOption(`${option}.name`, name, 'a name that no other group has');
      names.add(name);
      if (!isListOfIds(operators)) {
        throw badOption(`${option}.operators`, operators, 'a list of at least one operator id');
      }
      return Object.freeze({
        name,
        operators: Object.freeze([...operators]),
        strategy: checkOneOf(`${option}.strategy`, given.strategy, 'one-for-one', STRATEGIES),
        restart: given.restart === undefined ? restart : checkRestartStrategy(given.restart),
      });
    }),
  });
}

function isListOfIds(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.length > 0 && given.every((id) => typeof id === 'string');
}
