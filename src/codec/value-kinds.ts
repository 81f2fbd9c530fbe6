/**
 * What an object is, for the value codec: looked up by prototype where that decides, by internal
 * slots (`util.types`) where it does not.
 */

import { types } from 'node:util';

export type ObjectKind =
  | 'object'
  | 'null-object'
  | 'array'
  | 'date'
  | 'map'
  | 'set'
  | 'array-buffer'
  | 'view'
  | 'regexp'
  | 'error'
  | 'boxed'
  | 'unsupported';

/** Prototypes of classes whose instances were found to be plain data. */
const plainPrototypes = new WeakSet<object>();

const builtInPrototypes = new Set<object>(
  [Array, ArrayBuffer, BigInt, Boolean, DataView, Date, Error, Function, Map, Number, Promise]
    .concat([RegExp, Set, SharedArrayBuffer, String, Symbol, WeakMap, WeakRef, WeakSet] as never[])
    .map((builtIn) => builtIn.prototype as object)
    .concat(Object.getPrototypeOf(Uint8Array.prototype) as object),
);

/**
 * The kind of `value`. A Proxy of a plain object or an array counts as what it shows; of anything
 * else it is `unsupported`.
 */
export function classify(value: object): ObjectKind {
  if (Array.isArray(value)) return 'array';
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return 'object';
  if (prototype === null) return 'null-object';
  if (plainPrototypes.has(prototype)) return 'object';
  const kind = bySlots(value);
  if (kind === 'object' && isUserClass(prototype)) plainPrototypes.add(prototype);
  return kind;
}

/** A plain object, or an instance of a class that is plain data: has properties and nothing else. */
export function isPlainPrototype(prototype: object | null): boolean {
  return prototype === Object.prototype || (prototype !== null && plainPrototypes.has(prototype));
}

/** `a Promise`, `a WeakMap`, `an Intl.Collator`: for messages. Never throws. */
export function nameOf(value: object): string {
  if (types.isProxy(value)) return 'a Proxy';
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return `${/^[AEIOU]/.test(tag) ? 'an' : 'a'} ${tag}`;
}

/** The primitive inside a boxed one, whatever its `valueOf` was replaced by. */
export function unbox(value: object): unknown {
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value);
  return Symbol.prototype.valueOf.call(value);
}

function bySlots(value: object): ObjectKind {
  if (types.isDate(value)) return 'date';
  if (types.isMap(value)) return 'map';
  if (types.isSet(value)) return 'set';
  if (ArrayBuffer.isView(value)) return 'view';
  if (types.isArrayBuffer(value)) return 'array-buffer';
  if (types.isNativeError(value)) return 'error';
  if (types.isRegExp(value)) return 'regexp';
  if (types.isBoxedPrimitive(value)) return 'boxed';
  return hasHiddenContent(value) ? 'unsupported' : 'object';
}

/**
 * Objects that are more than their properties. What `util.types` does not know is told by its tag
 * (`Intl.Collator`, `URL`, `Blob`, `WeakRef`): tagged and without properties of its own, it would
 * arrive as an empty object.
 */
function hasHiddenContent(value: object): boolean {
  return (
    types.isProxy(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isSharedArrayBuffer(value) ||
    types.isGeneratorObject(value) ||
    types.isMapIterator(value) ||
    types.isSetIterator(value) ||
    types.isExternal(value) ||
    types.isKeyObject(value) ||
    (types as { isCryptoKey?: (value: unknown) => boolean }).isCryptoKey?.(value) === true ||
    (Object.prototype.toString.call(value) !== '[object Object]' && Object.keys(value).length === 0)
  );
}

function isUserClass(prototype: object): boolean {
  let current: object | null = prototype;
  while (current !== null && current !== Object.prototype) {
    if (builtInPrototypes.has(current) || Symbol.toStringTag in current) return false;
    current = Object.getPrototypeOf(current) as object | null;
  }
  return true;
}
