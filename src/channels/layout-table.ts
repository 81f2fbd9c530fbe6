/**
 * The layouts that one place has learnt, found by a record's shape.
 *
 *  T1  A shape is the own enumerable keys of a plain object, in order. An object with another prototype is of
 *      no shape, whatever its keys.
 *  T2  The table is bounded: `layoutsMax` layouts, and `SIGHTINGS_MAX` shapes that are being counted.
 *  T3  A shape gets a layout when it has been seen `sightingsMin` times. So objects used as
 *      dictionaries, each of a shape of its own, never use up the limit.
 *  T4  Streams of a few shapes in turn find their layouts among the last ones, without making a text of the keys.
 */

import { types } from 'node:util';
import { LAYOUT_KEYS_MAX, SEEN_OTHER, seen } from './frame-layout.js';

const SIGHTINGS_MAX = 256;
/** One record of so many is looked at closely, besides the first of each shape. */
export const CHECKED_OF = 64;
/** Number of shapes that are tried before the table is asked (T4). */
const RECENT_MAX = 4;

/** Has an object of so many enumerable keys nothing besides: no symbols, no hidden properties, no other's face? */
export function isWhole(record: object, keys: number): boolean {
  // Two calls: V8 serves names from the hidden class, which it does not for `Reflect.ownKeys` (700 ns, not 200).
  return (
    !types.isProxy(record) &&
    Object.getOwnPropertyNames(record).length === keys &&
    Object.getOwnPropertySymbols(record).length === 0
  );
}

export class Shape {
  /** Undefined when the records are the values themselves (a stream of numbers, of strings). */
  readonly keys: readonly string[] | undefined;

  constructor(keys: readonly string[] | undefined) {
    this.keys = keys;
  }

  /** Is this record of the shape, whatever its values? */
  matches(record: unknown): boolean {
    const { keys } = this;
    if (keys === undefined) return isScalar(record);
    if (typeof record !== 'object' || record === null) return false;
    if (Object.getPrototypeOf(record) !== Object.prototype) return false;
    let k = 0;
    for (const key in record) {
      if (key !== keys[k]) return false;
      k += 1;
    }
    return k === keys.length;
  }
}

export interface LayoutTableOptions<L extends Shape> {
  readonly make: (keys: readonly string[] | undefined) => L;
  readonly layoutsMax: number;
  /** See T3. */
  readonly sightingsMin: number;
  /** Called with the first records of each shape, and with the first of each kind that has no shape. */
  readonly first?: ((record: unknown) => void) | undefined;
}

export class LayoutTable<L extends Shape> {
  readonly #options: LayoutTableOptions<L>;
  readonly #byKeys = new Map<string, L>();
  readonly #sightings = new Map<string, number>();
  readonly #shapeless = new WeakSet<object>();
  /** Recently found layouts, the last one first. */
  readonly #recent: L[] = [];

  constructor(options: LayoutTableOptions<L>) {
    this.#options = options;
  }

  /** The layout for a record of this shape, or undefined when it has none (yet). */
  of(record: unknown): L | undefined {
    const recent = this.#recent;
    for (let i = 0; i < recent.length; i += 1) {
      if (recent[i]!.matches(record)) return recent[i];
    }
    const found = this.#find(record);
    if (found === undefined) return undefined;
    recent.unshift(found);
    if (recent.length > RECENT_MAX) recent.pop();
    return found;
  }

  #find(record: unknown): L | undefined {
    if (isScalar(record)) return this.#byKeys.get('') ?? this.#learn('', undefined, record);
    if (typeof record !== 'object' || record === null) return undefined;
    const prototype = Object.getPrototypeOf(record) as object | null;
    const keys = prototype === Object.prototype ? Object.keys(record) : [];
    if (keys.length === 0 || keys.length > LAYOUT_KEYS_MAX || keys.includes('__proto__')) {
      this.#firstOf(prototype, record);
      return undefined;
    }
    const name = JSON.stringify(keys);
    const known = this.#byKeys.get(name) ?? this.#learn(name, keys, record);
    return known?.matches(record) === true ? known : undefined;
  }

  #learn(name: string, keys: readonly string[] | undefined, record: unknown): L | undefined {
    const { layoutsMax, sightingsMin, make, first } = this.#options;
    const sightings = (this.#sightings.get(name) ?? 0) + 1;
    // All records, until there is a layout: that then knows the kinds of their values.
    if (sightings <= sightingsMin && keys !== undefined) first?.(record);
    if (sightings < sightingsMin || this.#byKeys.size >= layoutsMax) {
      if (this.#sightings.size >= SIGHTINGS_MAX) this.#sightings.clear();
      this.#sightings.set(name, sightings);
      return undefined;
    }
    this.#sightings.delete(name);
    const layout = make(keys);
    this.#byKeys.set(name, layout);
    return layout;
  }

  /** Tells `first` of objects without a shape, once per prototype. */
  #firstOf(prototype: object | null, record: object): void {
    const { first } = this.#options;
    const kind = prototype ?? NOTHING;
    if (first === undefined || this.#shapeless.has(kind)) return;
    this.#shapeless.add(kind);
    first(record);
  }
}

/** Stands for the prototype of an object that has none. */
const NOTHING = {};

/** Does the record itself, as a value, have a column kind? */
function isScalar(record: unknown): boolean {
  return (
    typeof record !== 'function' &&
    typeof record !== 'symbol' &&
    (typeof record !== 'object' || record === null || seen(record) !== SEEN_OTHER)
  );
}
