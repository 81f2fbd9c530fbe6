/**
 * What every walk through a value keeps: the objects that it has met, to know shared and circular
 * references; its place in the value, for messages; and the places of binary data, so that views of one
 * ArrayBuffer keep sharing it.
 *
 *  W1  Objects are numbered from 0 in the order in which they are met (value-tags.ts, V2).
 *  W2  `path[d]` is the step taken inside the container at depth d (0: the name of the whole). It is
 *      noted on the way down, because that costs one store, and read only when a value is refused.
 *  W3  A view or an ArrayBuffer whose bytes lie within those of an earlier one of the same value is
 *      stored as a place in the earlier one. If the two overlap in part, the later one is refused: it can
 *      neither be part of the other nor be apart from it. (Views that merely lie in one ArrayBuffer, as small Buffers
 *      do in Node's pool, share no bytes that one could see.)
 */

import { isDeepStrictEqual, types } from 'node:util';
import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { isError } from '../base/realm.js';
import { withArticle } from '../base/with-article.js';
import {
  builtIn,
  kindName,
  type ObjectKind,
  PLAIN_ADVICE,
  unbox,
  whyUnsupported,
} from './value-kinds.js';
import { VALUE_DEPTH_MAX } from './value-tags.js';

/** So many objects of a value are looked up in a list; more are looked up in a Map. */
const LIST_OBJECTS_MAX = 16;

/** The bytes of one object: object number `number` shows `start` to `end` of `buffer`. */
interface Place {
  readonly buffer: ArrayBufferLike;
  readonly start: number;
  readonly end: number;
  readonly number: number;
}

/** The place of binary data inside that of another object of the same value. */
export interface Inside {
  readonly number: number;
  /** Counted from the first byte of that object. */
  readonly offset: number;
}

/** One own property of an error. */
export interface ErrorField {
  readonly key: string;
  readonly value: unknown;
  readonly isHidden: boolean;
}

export class ValueWalk {
  /** How deep the object in work lies; 0: the whole. */
  depth = 0;
  protected readonly path: (string | number)[] = [];
  /** Number of objects met. The list holds them as long as there are few. */
  protected count = 0;
  readonly #objects: (object | undefined)[] = [];
  #numbers: Map<object, number> | undefined;
  #places: Place[] | undefined;

  /** Forgets the objects met. */
  protected forget(): void {
    const objects = this.#objects;
    if (this.count > LIST_OBJECTS_MAX) objects.length = 0;
    else for (let i = 0; i < this.count; i += 1) objects[i] = undefined;
    this.count = 0;
    this.#numbers = undefined;
    this.#places = undefined;
  }

  /** The number of an object; −1 if it was not met before. */
  protected numberOf(value: object): number {
    const count = this.count;
    if (count > LIST_OBJECTS_MAX) return this.#numbers!.get(value) ?? -1;
    const objects = this.#objects;
    for (let i = 0; i < count; i += 1) {
      if (objects[i] === value) return i;
    }
    return -1;
  }

  /** Gives an object the next number (W1). */
  protected remember(value: object): void {
    const number = this.count;
    this.count = number + 1;
    if (number < LIST_OBJECTS_MAX) {
      this.#objects[number] = value;
      return;
    }
    if (this.#numbers === undefined) {
      this.#numbers = new Map();
      for (let i = 0; i < number; i += 1) this.#numbers.set(this.#objects[i]!, i);
    }
    this.#numbers.set(value, number);
  }

  /** The place of the object remembered last inside an earlier one (W3); undefined when its bytes are its own. */
  protected place(value: ArrayBufferView | ArrayBuffer): Inside | undefined {
    const isView = ArrayBuffer.isView(value);
    const buffer = isView ? value.buffer : value;
    if (!isLasting(buffer)) {
      const what = isView ? 'a view of an ArrayBuffer' : 'an ArrayBuffer';
      throw this.refuse(`${what} that is shared, resizable or detached`, 'copy the bytes first.');
    }
    const start = isView ? value.byteOffset : 0;
    const end = start + value.byteLength;
    const number = this.count - 1;
    this.#places ??= [];
    for (const place of this.#places) {
      if (place.buffer !== buffer || start >= place.end || end <= place.start) continue;
      const offset = start - place.start;
      const unit = isView ? unitOf(value) : 1;
      const fits = isView || place.end - place.start === buffer.byteLength;
      if (fits && offset >= 0 && end <= place.end && offset % unit === 0) {
        return { number: place.number, offset };
      }
      throw this.refuse(
        `${isView ? withArticle(kindName(value)) : 'an ArrayBuffer'} that shares only a part of its bytes with an earlier part of the value`,
        'put the one that holds all of the bytes first, or copy the bytes.',
      );
    }
    this.#places.push({ buffer, start, end, number });
    return undefined;
  }

  /**
   * Everything that an error holds, in order. A mark under a symbol, which Node's own errors have, is left out.
   * `depth` is that of the content.
   */
  protected errorFields(error: object): readonly ErrorField[] {
    const fields: ErrorField[] = [];
    for (const key of Reflect.ownKeys(error)) {
      const own = Object.getOwnPropertyDescriptor(error, key)!;
      if (typeof key === 'symbol') {
        if (!own.enumerable && key.description === 'kIsNodeError') continue;
        this.depth -= 1;
        throw this.refuseSymbol(key);
      }
      // From Node 24 on `stack` is an accessor of the engine.
      const value: unknown = key === 'stack' ? (error as Error).stack : own.value;
      if (own.get !== undefined && key !== 'stack') {
        this.depth -= 1;
        throw this.#refuseAccessor(key);
      }
      fields.push({ key, value, isHidden: own.enumerable !== true });
    }
    return fields;
  }

  /**
   * Refuses what a look at the kind and at the own enumerable string properties alone would lose:
   * symbols as keys, hidden properties, accessors, and properties of objects whose kind has none.
   * Costs several times as much as to encode the object.
   */
  protected checkOwn(kind: ObjectKind, value: object): void {
    if (kind === 'error' || kind === 'custom' || kind === 'unsupported') return;
    const [symbol] = Object.getOwnPropertySymbols(value);
    if (symbol !== undefined) throw this.refuseSymbol(symbol);
    const isPlain = kind === 'object' || kind === 'null-object' || kind === 'array';
    if (!isPlain) {
      const key = strangeProperty(kind, value);
      if (key !== undefined)
        throw this.#refuseProperty(key, `a property of ${withArticle(kindName(value))}`);
      return;
    }
    if (kind === 'object' && Object.prototype.toString.call(value) !== '[object Object]') {
      throw this.refuse(whyUnsupported(value).what);
    }
    for (const key of Object.getOwnPropertyNames(value)) {
      const own = Object.getOwnPropertyDescriptor(value, key)!;
      if (own.get !== undefined || own.set !== undefined) throw this.#refuseAccessor(key);
      if (!own.enumerable && !(key === 'length' && kind === 'array')) {
        throw this.#refuseProperty(key, 'a property that is not enumerable');
      }
    }
  }

  protected refuseSymbol(key: symbol): HoldfastError {
    return this.refuse(
      `an object with ${String(key)} among its keys`,
      'use a string as the key, or leave it out.',
    );
  }

  #refuseAccessor(key: string): HoldfastError {
    return this.#refuseProperty(key, 'an accessor', 'read it, and put its value there instead.');
  }

  #refuseProperty(
    key: string,
    what: string,
    advice = 'it would be lost; leave it out.',
  ): HoldfastError {
    this.depth += 1;
    this.path[this.depth] = key;
    return this.refuse(what, advice);
  }

  /** @param advice what the user can do, as the end of a sentence */
  protected refuse(what: string, advice = PLAIN_ADVICE): HoldfastError {
    const path = this.where();
    return new HoldfastError('ERR_HOLDFAST_UNSUPPORTED_VALUE', `${path} is ${what}: ${advice}`, {
      details: { path, what },
    });
  }

  /** The error for what a getter or a Proxy has thrown while the value was read. */
  protected unreadable(error: unknown): HoldfastError {
    if (isHoldfastError(error)) return error;
    const path = this.where();
    const what = isError(error) ? error.message : typeof error;
    return new HoldfastError(
      'ERR_HOLDFAST_UNSUPPORTED_VALUE',
      `${path} cannot be read: ${what}. An accessor that throws is the usual reason.`,
      { cause: error, details: { path, what } },
    );
  }

  protected refuseLoop(): HoldfastError {
    return this.refuse(
      'an instance that its own data refers to',
      'its codec cannot make it from what it is part of; leave the reference out of the data.',
    );
  }

  protected refuseDepth(): HoldfastError {
    return this.refuse(`nested more than ${VALUE_DEPTH_MAX} levels deep`, 'use a flatter form.');
  }

  protected where(): string {
    let text = `${this.path[0]}`;
    for (let depth = 1; depth <= this.depth; depth += 1) text += pathStep(`${this.path[depth]}`);
    return text.length > 500 ? `${text.slice(0, 240)} … ${text.slice(-240)}` : text;
  }
}

/** `.name`, `[3]`, `["odd name"]`: one step of a path in a message. */
export function pathStep(key: string): string {
  if (/^(0|[1-9]\d*)$/.test(key)) return `[${key}]`;
  if (key.startsWith('<') && key.endsWith('>')) return key;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `.${key}`
    : `[${JSON.stringify(key)}]`;
}

/**
 * Has an array with these keys neither holes nor properties other than elements? It has none if there are as many keys
 * as elements and the last key is the last index, because indexes come first among keys.
 */
export function isDense(keys: readonly string[], length: number): boolean {
  return keys.length === length && (length === 0 || keys[length - 1] === `${length - 1}`);
}

/** The name of a property that objects of this built-in kind do not have by themselves. */
function strangeProperty(kind: ObjectKind, value: object): string | undefined {
  if (kind === 'view' && hasManyElements(value)) {
    // Object.keys would make a name for each element. An object without further properties equals its twin.
    return isDeepStrictEqual(value, twinOf(value)) ? undefined : Object.keys(value).at(-1);
  }
  const names = Object.getOwnPropertyNames(value);
  return names.length > usualProperties(kind, value) ? names.at(-1) : undefined;
}

function usualProperties(kind: ObjectKind, value: object): number {
  if (kind === 'regexp') return 1;
  if (kind === 'view') return (value as { length?: number }).length ?? 0;
  const inner = kind === 'boxed' ? unbox(value) : undefined;
  return typeof inner === 'string' ? inner.length + 1 : 0;
}

function hasManyElements(view: object): view is Uint8Array {
  return ((view as { length?: number }).length ?? 0) > 16;
}

function twinOf(view: Uint8Array): object {
  const { buffer, byteOffset, length } = view;
  const name = kindName(view);
  if (name === 'Buffer') return Buffer.from(buffer as ArrayBuffer, byteOffset, length);
  const View = builtIn(name) as unknown as new (...place: unknown[]) => object;
  return new View(buffer, byteOffset, length);
}

/** Is it an ArrayBuffer of a fixed size that is not detached? */
function isLasting(buffer: ArrayBufferLike): buffer is ArrayBuffer {
  if (!types.isArrayBuffer(buffer) || (buffer as { resizable?: boolean }).resizable === true) {
    return false;
  }
  try {
    new Uint8Array(buffer);
    return true;
  } catch {
    return false;
  }
}

function unitOf(view: ArrayBufferView): number {
  return (view as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
}
