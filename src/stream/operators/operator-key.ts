/** From what a key selector gave to what state is keyed by. */

import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';

/** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_KEY, ERR_HOLDFAST_ASYNC_CALLBACK */
export function keyOfSelected(key: unknown): PrimitiveKey {
  if (typeof key === 'object' && isThenable(key)) throw asyncCallbackError('keyBy');
  return canonicalKey(key);
}
