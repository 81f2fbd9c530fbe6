/** `{ version, migrate }` of declared state, at the door. */

import { badOption, checkNumber } from '../../base/option-checks.js';
import type { NodeParameters } from '../graph/graph.js';
import { REDUCE, reduceLayout, type StateDescription } from '../state/state-layout.js';
import { checkCallback } from './callbacks.js';

export interface StateVersion<S> {
  /** Version of the state's meaning, from 1. Raise it when what was written before means something else. Default 1. */
  readonly version?: number | undefined;
  /** Makes state of this version out of older state that a checkpoint holds. Synchronous. */
  readonly migrate?: ((state: never, fromVersion: number) => S) | undefined;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkVersion(of: string, { version, migrate }: StateVersion<unknown>): number {
  const name = `${of}({ version })`;
  checkNumber(name, version, undefined, { min: 1, max: 1_000_000, integer: true });
  if (migrate === undefined) return version ?? 1;
  checkCallback(migrate, `${of}({ migrate })`);
  if ((version ?? 1) > 1) return version!;
  throw badOption(
    name,
    version,
    "a number above 1 beside 'migrate': the version that it migrates to",
  );
}

/** The state of a reduce, and the part of it that belongs to the graph's hash. @throws as `checkVersion` */
export function reducedState(state: StateVersion<unknown>): {
  readonly parameters: NodeParameters | undefined;
  readonly description: StateDescription;
} {
  const version = checkVersion('reduce', state);
  const migrates = state.migrate === undefined ? [] : [REDUCE];
  return {
    parameters: version === 1 ? undefined : { version },
    description: { section: 'cells', layout: reduceLayout(version), migrates },
  };
}
