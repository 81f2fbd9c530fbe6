/**
 * Bytes to values; the format is told in value-tags.ts.
 *
 *  D1  Any bytes end in a value or in the reader's error: nothing is run, no class is looked up by
 *      name, depth is limited, and memory grows only with the bytes that were really read.
 *  D2  A property is always the object's own: a key `__proto__` sets no prototype. Where the bytes
 *      come from elsewhere (`untrusted`), such keys are refused altogether.
 */

import type { ByteReader } from './byte-reader.js';
import {
  ERROR_CAUSE,
  ERROR_MESSAGE,
  ERROR_STACK,
  errorKinds,
  SHORT_STRING,
  SHORT_STRING_LENGTH_MAX,
  SMALL_INTEGER,
  Tag,
  VALUE_DEPTH_MAX,
  viewKinds,
} from './value-tags.js';

export interface DecodeOptions {
  /** Refuse the keys `__proto__`, `constructor` and `prototype`. */
  readonly untrusted?: boolean | undefined;
}

/** Arrays longer than this, and than what is stored of them, are made without room for each element. */
const SPARSE_LENGTH_MIN = 4_096;
const ARRAY_LENGTH_MAX = 0xffff_ffff;
const OBJECTS_KEPT = 64;

type ViewConstructor = new (buffer: ArrayBuffer) => ArrayBufferView;

export class ValueDecoder {
  readonly #untrusted: boolean;
  readonly #objects: (object | undefined)[] = [];
  #count = 0;
  #depth = 0;
  #reader!: ByteReader;

  constructor(options: DecodeOptions = {}) {
    this.#untrusted = options.untrusted ?? false;
  }

  /** Begins a group of values that may refer to each other's objects. @param root object 0, if given */
  begin(reader: ByteReader, root?: object): void {
    this.#reader = reader;
    this.#count = 0;
    this.#depth = 0;
    if (root !== undefined) this.#remember(root);
  }

  /** Forgets the objects seen. */
  end(): void {
    // What was few keeps its room for the next value.
    if (this.#count > OBJECTS_KEPT) this.#objects.length = 0;
    else for (let i = 0; i < this.#count; i += 1) this.#objects[i] = undefined;
    this.#count = 0;
  }

  /** The next value. */
  decode(): unknown {
    const reader = this.#reader;
    const tag = reader.u8();
    if (tag >= SMALL_INTEGER) return tag & 0x7f;
    if (tag >= SHORT_STRING) return reader.latin1(tag & SHORT_STRING_LENGTH_MAX);
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.true:
        return true;
      case Tag.false:
        return false;
      case Tag.positiveInteger:
        return reader.varint();
      case Tag.negativeInteger:
        return -1 - reader.varint();
      case Tag.double:
        return reader.f64();
      case Tag.positiveBigint:
        return this.#bigint();
      case Tag.negativeBigint:
        return -this.#bigint();
      case Tag.latin1:
        return reader.latin1(reader.length());
      case Tag.utf16:
        return reader.utf16(reader.length(2));
      case Tag.reference:
        return this.#reference();
      case Tag.date:
        return this.#remember(new Date(reader.f64()));
      case Tag.arrayBuffer:
        return this.#remember(reader.copy(reader.length()).buffer);
      case Tag.view:
        return this.#view();
      case Tag.regexp:
        return this.#regexp();
      default:
        return this.#nested(tag);
    }
  }

  #nested(tag: number): unknown {
    if (this.#depth >= VALUE_DEPTH_MAX) {
      throw this.#reader.corrupt(`values nested more than ${VALUE_DEPTH_MAX} levels deep`);
    }
    this.#depth += 1;
    const value = this.#container(tag);
    this.#depth -= 1;
    return value;
  }

  #container(tag: number): unknown {
    switch (tag) {
      case Tag.object:
        return this.#properties(this.#remember({}));
      case Tag.nullObject:
        return this.#properties(this.#remember(Object.create(null) as object));
      case Tag.array:
        return this.#array();
      case Tag.sparseArray:
        return this.#sparseArray();
      case Tag.map:
        return this.#map();
      case Tag.set:
        return this.#set();
      case Tag.error:
        return this.#error();
      case Tag.boxed:
        return this.#boxed();
      default:
        throw this.#reader.corrupt(`an unknown tag ${tag}`, this.#reader.position - 1);
    }
  }

  #properties<T extends object>(target: T): T {
    const reader = this.#reader;
    const count = reader.length(2);
    for (let i = 0; i < count; i += 1) {
      const key = this.#name();
      if (key === 'length' && Array.isArray(target)) throw reader.corrupt("a property 'length'");
      const dangerous = key === '__proto__' || key === 'constructor' || key === 'prototype';
      if (dangerous && this.#untrusted) throw reader.corrupt(`a property named '${key}'`);
      const value = this.decode();
      if (key === '__proto__') {
        Object.defineProperty(target, key, {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      } else {
        (target as Record<string, unknown>)[key] = value;
      }
    }
    return target;
  }

  #array(): unknown[] {
    const reader = this.#reader;
    const count = reader.length();
    const array: unknown[] = this.#remember(roomFor(count));
    if (array.length === count) {
      for (let i = 0; i < count; i += 1) array[i] = this.decode();
      return array;
    }
    // Pushed, not allocated at once: a small input may claim many long arrays inside each other.
    for (let i = 0; i < count; i += 1) array.push(this.decode());
    return array;
  }

  #sparseArray(): unknown[] {
    const reader = this.#reader;
    const at = reader.position;
    const length = reader.varint();
    if (length > ARRAY_LENGTH_MAX) throw reader.corrupt(`an array of length ${length}`, at);
    const array: unknown[] = this.#remember([]);
    if (length > SPARSE_LENGTH_MIN && length > reader.remaining) {
      // This length makes V8 store the array as a dictionary; then it may be any length.
      array.length = ARRAY_LENGTH_MAX;
    }
    array.length = length;
    this.#properties(array);
    if (array.length !== length)
      throw reader.corrupt('an array with an index beyond its length', at);
    return array;
  }

  #map(): Map<unknown, unknown> {
    const count = this.#reader.length(2);
    const map = this.#remember(new Map<unknown, unknown>());
    for (let i = 0; i < count; i += 1) {
      const key = this.decode();
      map.set(key, this.decode());
    }
    return map;
  }

  #set(): Set<unknown> {
    const count = this.#reader.length();
    const set = this.#remember(new Set<unknown>());
    for (let i = 0; i < count; i += 1) set.add(this.decode());
    return set;
  }

  #view(): ArrayBufferView {
    const reader = this.#reader;
    const at = reader.position;
    const name = viewKinds[reader.u8()];
    if (name === undefined) throw reader.corrupt('an unknown kind of view', at);
    const bytes = reader.copy(reader.length()).buffer;
    const View = globalThis[name] as ViewConstructor & { readonly BYTES_PER_ELEMENT?: number };
    if (bytes.byteLength % (View.BYTES_PER_ELEMENT ?? 1) !== 0) {
      throw reader.corrupt(`a ${name} of ${bytes.byteLength} bytes`, at);
    }
    return this.#remember(new View(bytes));
  }

  #regexp(): RegExp {
    const reader = this.#reader;
    const at = reader.position;
    const source = this.#text();
    const flags = this.#text();
    try {
      return this.#remember(new RegExp(source, flags));
    } catch {
      throw reader.corrupt('a malformed regular expression', at);
    }
  }

  #error(): Error {
    const reader = this.#reader;
    const at = reader.position;
    const Kind = errorKinds[reader.u8()];
    const flags = reader.u8();
    if (Kind === undefined || flags > (ERROR_MESSAGE | ERROR_STACK | ERROR_CAUSE)) {
      throw reader.corrupt('an unknown kind of error', at);
    }
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const error = new Kind();
    Error.stackTraceLimit = stackTraceLimit;
    this.#remember(error);
    if (flags & ERROR_MESSAGE) hidden(error, 'message', this.#text());
    hidden(error, 'stack', flags & ERROR_STACK ? this.#text() : undefined);
    if (flags & ERROR_CAUSE) hidden(error, 'cause', this.decode());
    return error;
  }

  #boxed(): object {
    const reader = this.#reader;
    const at = reader.position;
    // Numbered before its content is read; a primitive holds no reference to it.
    const number = this.#count;
    this.#objects[number] = undefined;
    this.#count += 1;
    const value = this.decode();
    if (value === null || value === undefined || typeof value === 'object') {
      throw reader.corrupt('a boxed value that is no primitive', at);
    }
    const boxed = Object(value) as object;
    this.#objects[number] = boxed;
    return boxed;
  }

  #bigint(): bigint {
    const reader = this.#reader;
    const at = reader.position;
    const byteCount = reader.length();
    if (byteCount === 0) return 0n;
    const magnitude = Buffer.from(reader.raw(byteCount)).reverse();
    try {
      return BigInt(`0x${magnitude.toString('hex')}`);
    } catch {
      throw reader.corrupt(`a bigint of ${byteCount} bytes`, at);
    }
  }

  #reference(): object {
    const reader = this.#reader;
    const at = reader.position;
    const number = reader.varint();
    const object = number < this.#count ? this.#objects[number] : undefined;
    if (object === undefined) throw reader.corrupt(`a reference to object ${number}`, at);
    return object;
  }

  /** A property's. */
  #name(): string {
    const reader = this.#reader;
    const tag = reader.bytes[reader.position]!;
    if (reader.remaining === 0 || tag < SHORT_STRING || tag >= SMALL_INTEGER) return this.#text();
    reader.position += 1;
    return reader.name(tag & SHORT_STRING_LENGTH_MAX);
  }

  #text(): string {
    const at = this.#reader.position;
    const value = this.decode();
    if (typeof value !== 'string') throw this.#reader.corrupt('something where a text is due', at);
    return value;
  }

  #remember<T extends object>(value: T): T {
    this.#objects[this.#count] = value;
    this.#count += 1;
    return value;
  }
}

/** An array of that length when it is short, else an empty one: a first push makes room for seventeen. */
function roomFor(count: number): unknown[] {
  switch (count) {
    case 1:
      return [undefined];
    case 2:
      return [undefined, undefined];
    case 3:
      return [undefined, undefined, undefined];
    case 4:
      return [undefined, undefined, undefined, undefined];
    default:
      return [];
  }
}

function hidden(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}
