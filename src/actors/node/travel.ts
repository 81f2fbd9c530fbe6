/**
 * What leaves an actor is a copy, so that no two actors share an object. The copy refuses what could not go to another
 * thread or into a snapshot: functions, instances of classes without a codec.
 */

import { copyValue } from '../../codec/value-codec.js';
import type { ActorRef } from '../actor-context.js';

/**
 * @param name what the value is called in messages
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE
 */
export function travelling(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol'
      ? copyValue(value, name)
      : value;
  }
  if (!isFlat(value)) return copyValue(value, name);
  return Object.isFrozen(value) ? value : { ...value };
}

/** A reference as it travels and is kept: frozen, and no draft, as one that stands in a state is. */
export function plainRef(ref: ActorRef): ActorRef {
  if (Object.isFrozen(ref)) return ref;
  const { actor, path, incarnation } = ref;
  return Object.freeze({ actor, path, incarnation });
}

/** A plain object, all of whose values are primitives, or frozen objects of that kind: references are. */
function isFlat(value: object, isInner = false): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    const type = typeof item;
    if (type === 'object' && item !== null) {
      if (isInner || !Object.isFrozen(item) || !isFlat(item as object, true)) return false;
    } else if (type === 'function' || type === 'symbol') return false;
  }
  return true;
}
