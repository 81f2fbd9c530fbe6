/**
 * Looks at what a record has changed in a value that immer made. Only new parts are looked at, since immer leaves the
 * others as they are.
 *
 *  W1  New parts must be data (`checkValue`).
 *  W2  Whether the value is a tree is asked again only when an object stands where it did not stand
 *      before: otherwise a value that was a tree stays one.
 *  W3  New parts are frozen as far as they can be: what was emitted stays what it was.
 */

import { isDraftable } from 'immer';
import { checkValue, copyValue } from '../../codec/value-codec.js';

/** Values that are known to be no trees. All others are trees, or have not been looked at yet. */
const tangled = new WeakSet<object>();
/** Restored values that were looked at and are trees: one look is enough. */
const trees = new WeakSet<object>();

/** Does no object that immer would copy stand in two places of the value? */
export function isTree(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (tangled.has(value)) return false;
  // What was looked at is frozen; what a checkpoint gave is not.
  if (Object.isFrozen(value) || trees.has(value)) return true;
  note(value);
  return !tangled.has(value);
}

/**
 * @param before undefined: all of the value is new
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE with the path to what cannot be state
 */
export function looksAtChange(before: unknown, value: unknown): void {
  if (before === value) return;
  if (typeof before === 'object' && before !== null && tangled.has(before)) {
    checkValue(value, 'state');
    freezeParts(value, new Set());
    if (typeof value === 'object' && value !== null) note(value);
    return;
  }
  const found = { hasObjects: false };
  look(before, value, 'state', found);
  if (typeof value !== 'object' || value === null) return;
  if (found.hasObjects) note(value);
}

function look(before: unknown, value: unknown, path: string, found: { hasObjects: boolean }): void {
  if (before === value) return;
  if (typeof value !== 'object' || value === null) {
    checkValue(value, path);
    return;
  }
  if (!isAlike(before, value)) {
    found.hasObjects = true;
    checkValue(value, path);
    freezeParts(value, new Set());
    return;
  }
  if (value instanceof Map) {
    const old = before as Map<unknown, unknown>;
    let i = 0;
    for (const [key, item] of value) {
      if (!old.has(key)) checkValue(key, `${path}<key ${i}>`);
      look(old.get(key), item, `${path}<value ${i}>`, found);
      i += 1;
    }
  } else if (value instanceof Set) {
    const old = before as Set<unknown>;
    let i = 0;
    for (const item of value) {
      if (!old.has(item)) look(undefined, item, `${path}<item ${i}>`, found);
      i += 1;
    }
  } else {
    const old = before as Record<string, unknown>;
    const isArray = Array.isArray(value);
    for (const key of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[key];
      const had = Object.hasOwn(old, key) ? old[key] : undefined;
      if (had !== item) look(had, item, isArray ? `${path}[${key}]` : `${path}.${key}`, found);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) checkValue(value, path);
    Object.freeze(value);
  }
}

/** W3 */
function freezeParts(value: unknown, met: Set<object>): void {
  if (typeof value !== 'object' || value === null || !isDraftable(value) || met.has(value)) return;
  met.add(value);
  if (value instanceof Map) {
    for (const [key, item] of value) {
      freezeParts(key, met);
      freezeParts(item, met);
    }
  } else if (value instanceof Set) {
    for (const item of value) freezeParts(item, met);
  } else if (!Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) freezeParts(item, met);
  }
}

/** A value to emit: immer leaves Maps and Sets as they are, which the reader of a row may change. */
export function emittedValue(value: unknown): unknown {
  return hasCollections(value) ? copyValue(value, 'row') : value;
}

function hasCollections(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !isDraftable(value)) return false;
  if (value instanceof Map || value instanceof Set) return true;
  // What contains itself was frozen by nobody else.
  return tangled.has(value) || Object.values(value).some(hasCollections);
}

/** Could `value` be `before`, changed? */
function isAlike(before: unknown, value: object): boolean {
  if (typeof before !== 'object' || before === null || !isDraftable(value)) return false;
  return Object.getPrototypeOf(before) === Object.getPrototypeOf(value);
}

function note(value: object): void {
  if (hasShared(value)) tangled.add(value);
  else trees.add(value);
}

/** Does an object stand in two places of it? Dates, binary data and the like may: nothing copies them. */
export function hasShared(value: unknown, met: Set<object> = new Set()): boolean {
  if (typeof value !== 'object' || value === null || !isDraftable(value)) return false;
  if (met.has(value)) return true;
  met.add(value);
  if (value instanceof Map) {
    for (const [key, item] of value) if (hasShared(key, met) || hasShared(item, met)) return true;
    return false;
  }
  if (value instanceof Set) {
    for (const item of value) if (hasShared(item, met)) return true;
    return false;
  }
  return Object.values(value).some((item) => hasShared(item, met));
}
