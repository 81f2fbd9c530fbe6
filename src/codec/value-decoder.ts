/**
 * Makes values of bytes. value-tags.ts says what the format is.
 *
 *  D1  Any bytes end in a value or in the reader's error. Nothing is run but registered codecs, no
 *      class is looked up by a name in the bytes, depth is limited, and memory grows only
 *      with the bytes that were really read. A value that was written well and cannot be made here (of a class
 *      that this Node lacks, or with a codec that is not registered) is an error with another code.
 *  D2  A property is always the object's own: a key `__proto__` sets no prototype, and a key `constructor`
 *      hides none. So every key that could be written comes back.
 */

import { isHoldfastError } from '../base/errors.js';
import { withArticle } from '../base/with-article.js';
import type { ByteReader } from './byte-reader.js';
import { fromData } from './codec-registry.js';
import { defineField, makeError, makeTemporal, makeView, setOwn, viewUnit } from './value-forms.js';
import { errorKinds, temporalKinds, viewKinds } from './value-kinds.js';
import {
  ERROR_CAUSE,
  ERROR_MESSAGE,
  ERROR_STACK,
  SHORT_STRING,
  SHORT_STRING_LENGTH_MAX,
  SMALL_INTEGER,
  Tag,
  VALUE_DEPTH_MAX,
} from './value-tags.js';

/** An array that is longer than this, and longer than its stored elements, is made without room for each element. */
const SPARSE_LENGTH_MIN = 4_096;
const ARRAY_LENGTH_MAX = 0xffff_ffff;
const OBJECTS_KEPT = 64;

export class ValueDecoder {
  readonly #objects: (object | undefined)[] = [];
  #count = 0;
  #depth = 0;
  #reader!: ByteReader;
  #isBusy = false;

  /** Is a value being read? (A codec of the user's may read another one meanwhile.) */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Begins a group of values that may refer to each other's objects. @param root object 0, if given */
  begin(reader: ByteReader, root?: object): void {
    this.#isBusy = true;
    this.#reader = reader;
    this.#count = 0;
    this.#depth = 0;
    if (root !== undefined) this.#remember(root);
  }

  /** Forgets the objects seen. */
  end(): void {
    // A short list keeps its room for the next value.
    if (this.#count > OBJECTS_KEPT) this.#objects.length = 0;
    else for (let i = 0; i < this.#count; i += 1) this.#objects[i] = undefined;
    this.#count = 0;
    this.#isBusy = false;
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
      case Tag.regexpAt:
        return this.#regexp(tag);
      case Tag.viewInside:
        return this.#viewInside();
      case Tag.bufferOfView:
        return this.#bufferOfView();
      case Tag.temporal:
        return this.#temporal();
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
      case Tag.errorFields:
        return this.#errorFields();
      case Tag.boxed:
        return this.#boxed();
      case Tag.custom:
        return this.#custom();
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
      setOwn(target, key, this.decode());
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
    // Elements are pushed, because a small input may claim many long arrays inside each other.
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
    if (bytes.byteLength % viewUnit(name) !== 0) {
      throw reader.corrupt(`${withArticle(name)} of ${bytes.byteLength} bytes`, at);
    }
    return this.#remember(makeView(name, bytes, 0, bytes.byteLength));
  }

  #viewInside(): ArrayBufferView {
    const reader = this.#reader;
    const at = reader.position;
    const name = viewKinds[reader.u8()];
    if (name === undefined) throw reader.corrupt('an unknown kind of view', at);
    const { buffer, byteOffset, byteLength } = this.#binary();
    const offset = reader.varint();
    const bytes = reader.varint();
    const unit = viewUnit(name);
    if (offset + bytes > byteLength || bytes % unit !== 0 || (byteOffset + offset) % unit !== 0) {
      throw reader.corrupt(`${withArticle(name)} of ${bytes} bytes at ${offset}`, at);
    }
    return this.#remember(makeView(name, buffer, byteOffset + offset, bytes));
  }

  #bufferOfView(): ArrayBuffer {
    return this.#remember(this.#binary().buffer);
  }

  /** The bytes of an earlier object. */
  #binary(): { buffer: ArrayBuffer; byteOffset: number; byteLength: number } {
    const reader = this.#reader;
    const at = reader.position;
    const object = this.#reference();
    if (object instanceof ArrayBuffer) {
      return { buffer: object, byteOffset: 0, byteLength: object.byteLength };
    }
    if (!ArrayBuffer.isView(object)) throw reader.corrupt('a view of something else', at);
    return object as ArrayBufferView<ArrayBuffer>;
  }

  #regexp(tag: number): RegExp {
    const reader = this.#reader;
    const at = reader.position;
    const source = this.#text();
    const flags = this.#text();
    const lastIndex = tag === Tag.regexpAt ? this.decode() : 0;
    if (typeof lastIndex !== 'number') throw reader.corrupt('an odd lastIndex', at);
    try {
      const made = new RegExp(source, flags);
      made.lastIndex = lastIndex;
      return this.#remember(made);
    } catch {
      throw reader.corrupt('a malformed regular expression', at);
    }
  }

  #temporal(): object {
    const reader = this.#reader;
    const at = reader.position;
    const name = temporalKinds[reader.u8()];
    const count = reader.length();
    if (name === undefined) throw reader.corrupt('an unknown kind of Temporal object', at);
    // The parts are primitives, which take no numbers.
    const parts: unknown[] = [];
    for (let i = 0; i < count; i += 1) {
      const part = this.decode();
      if (typeof part === 'object') throw reader.corrupt(`a malformed Temporal.${name}`, at);
      parts.push(part);
    }
    try {
      return this.#remember(makeTemporal(name, parts));
    } catch (error) {
      if (isHoldfastError(error)) throw error;
      throw reader.corrupt(`a malformed Temporal.${name}`, at);
    }
  }

  #error(): Error {
    const reader = this.#reader;
    const at = reader.position;
    const name = errorKinds[reader.u8()];
    const flags = reader.u8();
    if (name === undefined || flags > (ERROR_MESSAGE | ERROR_STACK | ERROR_CAUSE)) {
      throw reader.corrupt('an unknown kind of error', at);
    }
    const error = this.#remember(makeError(name, '', ''));
    const message = flags & ERROR_MESSAGE ? this.#text() : undefined;
    const stack = flags & ERROR_STACK ? this.#text() : undefined;
    defineField(error, { key: 'stack', value: stack, isHidden: true });
    if (message !== undefined) {
      defineField(error, { key: 'message', value: message, isHidden: true });
    }
    if (flags & ERROR_CAUSE) {
      defineField(error, { key: 'cause', value: this.decode(), isHidden: true });
    }
    return error;
  }

  #errorFields(): Error {
    const reader = this.#reader;
    const at = reader.position;
    const name = errorKinds[reader.u8()];
    if (name === undefined) throw reader.corrupt('an unknown kind of error', at);
    const isDom = name === 'DOMException';
    const error = this.#remember(
      makeError(name, isDom ? this.#text() : '', isDom ? this.#text() : ''),
    );
    const count = reader.length(3);
    for (let i = 0; i < count; i += 1) {
      const key = this.#name();
      const isHidden = reader.u8() === 0;
      defineField(error, { key, value: this.decode(), isHidden });
    }
    return error;
  }

  #custom(): object {
    const reader = this.#reader;
    const id = this.#text();
    const version = reader.varint();
    // The encoder has numbered the instance before its data, which holds no reference to it.
    const number = this.#count;
    this.#objects[number] = undefined;
    this.#count += 1;
    const made = fromData(id, version, this.decode());
    this.#objects[number] = made;
    return made;
  }

  #boxed(): object {
    const reader = this.#reader;
    const at = reader.position;
    // The encoder has numbered the box before its content. A primitive holds no reference to it.
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

  /** The name of a property. */
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

/** An array of that length if it is short, otherwise an empty one. A first push would make room for seventeen. */
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
