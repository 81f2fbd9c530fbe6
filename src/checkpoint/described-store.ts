/** Makes a store from its description, in a process to which the description was sent. */

import { HoldfastError } from '../base/errors.js';
import { messageOf } from '../base/realm.js';
import type { CheckpointStore, StoreDescription } from './store.js';

/**
 * Rejects with ERR_HOLDFAST_CHECKPOINT_STORE when the description leads to no store, or with what the store's
 * function throws.
 */
export async function openDescribed({
  module,
  factory,
  options,
}: StoreDescription): Promise<CheckpointStore> {
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = (await import(module)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const said = messageOf(cause);
    throw unusable(module, `it could not be loaded: ${said}`, cause);
  }
  const make = loaded[factory];
  if (typeof make !== 'function') {
    throw unusable(module, `it exports no function '${factory}'.`);
  }
  return (await (make as (options: unknown) => unknown)(options)) as CheckpointStore;
}

function unusable(module: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_STORE',
    `the checkpoint store describes itself by module '${module}', but ${why} Correct the store's description.`,
    { cause, details: { module } },
  );
}
