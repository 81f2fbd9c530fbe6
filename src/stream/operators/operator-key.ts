/** From what a key selector gave to what state is keyed by, and to the key group. */

import { assert } from '../../base/assert.js';
import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { keyGroupOf } from '../../hashring/key-group.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { OperatorContext } from '../operator.js';
import { isNumberTuple } from '../state/number-tuple-index.js';

/** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_KEY, ERR_HOLDFAST_ASYNC_CALLBACK */
export function keyOfSelected(key: unknown): PrimitiveKey {
  return canonicalKey(requireKey(key));
}

/**
 * The canonical form, where keys are found by it: undefined for tuples of numbers, which are found without (key-cells.ts).
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_KEY, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function canonicalOfSelected(key: unknown): PrimitiveKey | undefined {
  return isNumberTuple(key) ? undefined : keyOfSelected(key);
}

/** What a key selector gave, unless it is a promise. @throws HoldfastError ERR_HOLDFAST_ASYNC_CALLBACK */
export function requireKey(key: unknown): unknown {
  if (typeof key === 'object' && isThenable(key)) throw asyncCallbackError('keyBy');
  return key;
}

/** @param given the group that came with the record; 0 for a record that came over no keyed edge: then it is found */
export function groupOf({ keyGroups }: OperatorContext, key: unknown, given: number): number {
  return given === 0 ? keyGroupOf(key, keyGroups) : given;
}

/** The same, of an instance that has to own it. */
export function ownedGroup(context: OperatorContext, key: unknown, given: number): number {
  const group = groupOf(context, key, given);
  assert(context.ownsGroup(group), `a record of key group ${group} reached an instance without it`);
  return group;
}
