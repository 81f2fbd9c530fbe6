/**
 * A draft of a flat object: a plain one, all of whose values are primitives. A callback may read and write it as if it
 * were the object. What it does makes the next object, and the object itself stays as it is.
 *
 *  F1  A draft is a Proxy over a copy, made anew for each callback and revoked after it. So it costs a fraction of one of
 *      immer, which has to be ready for values that hold others, and whoever keeps one meets an error at each later use,
 *      whatever that is (base/stale-draft.ts).
 *  F2  Fields may be added and deleted, and hold anything. What is no data is refused when the callback has returned.
 */

import { types } from 'node:util';
import { checkValue, copyValue } from '../../codec/value-codec.js';
import { putIntoItself, returnedAndChanged } from './draft-errors.js';

/** For messages. */
export interface DraftNames {
  /** Whose draft it is: `update(…)`. */
  readonly where: string;
  /** What the object is called: `state.basket`. */
  readonly name: string;
}

type Fields = Record<PropertyKey, unknown>;

/** Is this a plain object, all of whose values are primitives? One without fields is not worth a draft. */
export function isFlat(value: object): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  let count = 0;
  for (const key in value) {
    const field = (value as Fields)[key];
    if (!isPrimitive(field) || key === '__proto__') return false;
    count += 1;
  }
  return count > 0;
}

/**
 * What `change` makes of a flat object: through a draft, or by what it returns (not both). It gives the object itself when it
 * changes nothing, else a new value, which may hold anything that `change` has put there.
 * @throws whatever `change` throws; HoldfastError ERR_HOLDFAST_USER_CODE when it did both;
 *   ERR_HOLDFAST_UNSUPPORTED_VALUE when the draft was put into itself, or has properties that are hidden or have
 *   symbols as keys
 */
export function changedFlat(
  base: object,
  names: DraftNames,
  change: (draft: object) => unknown,
): unknown {
  const open = new FlatDraft(base, names);
  try {
    const answer = change(open.draft);
    if (answer === undefined || answer === open.draft) return open.next();
    if (open.isChanged) throw returnedAndChanged(names.where);
    return open.isIn(answer) ? copyValue(answer, names.name) : answer;
  } finally {
    open.close();
  }
}

/** An open draft, which is the handler of its own Proxy. */
export class FlatDraft implements ProxyHandler<Fields> {
  readonly draft: object;
  /** The object if nothing was written. */
  readonly #base: object;
  readonly #copy: Fields;
  readonly #names: DraftNames;
  readonly #revoke: () => void;
  #isChanged = false;
  /** Some field may hold an object by now. */
  #isNested = false;
  /** It may have become more than enumerable fields with texts as keys. */
  #isOdd = false;

  /** @param base is flat */
  constructor(base: object, names: DraftNames) {
    this.#base = base;
    this.#copy = { ...base };
    this.#names = names;
    const { proxy, revoke } = Proxy.revocable(this.#copy, this);
    this.draft = proxy;
    this.#revoke = revoke;
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /**
   * What has become of the object: that itself when nothing was written. Closes the draft.
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE
   */
  next(): object {
    this.#revoke();
    if (!this.#isChanged) return this.#base;
    const { where, name } = this.#names;
    const next = this.#isOdd ? collected(this.#copy) : this.#copy;
    if (this.#isNested) {
      for (const [key, value] of Object.entries(next)) {
        // Where the draft was made a field of itself stands what has become of it. Deeper in a field it is refused.
        if (value === this.draft) (next as Fields)[key] = next;
        else if (this.isIn(value)) throw putIntoItself(where);
      }
    }
    if (this.#isOdd) checkValue(next, name);
    return next;
  }

  /** From now on each use of it throws an error, which is told of as ERR_HOLDFAST_OUTSIDE_CALLBACK. */
  close(): void {
    this.#revoke();
  }

  /** Does the draft stand in a value? Plain objects, arrays, Maps and Sets are looked into. */
  isIn(value: unknown): boolean {
    return holds(value, this.draft);
  }

  set(copy: Fields, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    // An object that has the draft as its prototype gets a field of its own.
    if (receiver !== this.draft) return Reflect.set(copy, key, value, receiver);
    if (Object.is(copy[key], value) && Object.hasOwn(copy, key)) return true;
    this.#isChanged = true;
    if (!isPrimitive(value)) this.#isNested = true;
    if (typeof key === 'symbol' || key === '__proto__') this.#isOdd = true;
    copy[key] = value;
    return true;
  }

  deleteProperty(copy: Fields, key: PropertyKey): boolean {
    if (Object.hasOwn(copy, key)) this.#isChanged = true;
    return Reflect.deleteProperty(copy, key);
  }

  defineProperty(copy: Fields, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    this.#becomesOdd();
    return Reflect.defineProperty(copy, key, descriptor);
  }

  setPrototypeOf(copy: Fields, prototype: object | null): boolean {
    this.#becomesOdd();
    return Reflect.setPrototypeOf(copy, prototype);
  }

  preventExtensions(copy: Fields): boolean {
    this.#becomesOdd();
    return Reflect.preventExtensions(copy);
  }

  #becomesOdd(): void {
    this.#isChanged = true;
    this.#isNested = true;
    this.#isOdd = true;
  }
}

function isPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case 'object':
      return value === null;
    case 'function':
    case 'symbol':
      return false;
    default:
      return true;
  }
}

/** The same fields as data that can be written. */
function collected(copy: Fields): object {
  const object = Object.create(Object.getPrototypeOf(copy) as object | null) as object;
  for (const key of Reflect.ownKeys(copy)) {
    const { enumerable } = Object.getOwnPropertyDescriptor(copy, key)!;
    Object.defineProperty(object, key, {
      value: copy[key],
      enumerable: enumerable === true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}

function holds(value: unknown, draft: object, met: Set<object> = new Set()): boolean {
  if (value === draft) return true;
  if (typeof value !== 'object' || value === null || met.has(value)) return false;
  met.add(value);
  if (types.isMap(value)) {
    for (const [key, item] of value) {
      if (holds(key, draft, met) || holds(item, draft, met)) return true;
    }
    return false;
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  const isPlain = prototype === Object.prototype || prototype === null;
  const items =
    types.isSet(value) || Array.isArray(value) ? value : Object.values(isPlain ? value : {});
  for (const item of items) if (holds(item, draft, met)) return true;
  return false;
}
