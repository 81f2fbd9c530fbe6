/**
 * Values to bytes; the format is told in value-tags.ts.
 *
 *  E1  What is an own enumerable string property of a plain object or class instance is written;
 *      what has no data form (functions, symbols, Promises, weak collections, …) is refused with
 *      its path, never skipped. Symbol keys, private fields and the class itself do not travel, as
 *      with `structuredClone`; a getter is called and its value travels.
 *  E2  After an error the writer stands where the value began.
 *  E3  `#path[d]` is the step taken inside the container at depth d (0: the name of the whole); it is
 *      kept while descending because it costs one store, and is read only when a value is refused.
 */

import { HoldfastError } from '../base/errors.js';
import type { ByteWriter } from './byte-writer.js';
import { classify, nameOf, type ObjectKind, unbox } from './value-kinds.js';
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

/** Irregexp drops this class when it compiles for a one-byte string: the test then costs nothing. */
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** Is every UTF-16 unit below 256? Constant time for strings that V8 stores in one byte a unit. */
export function isLatin1(text: string): boolean {
  return !BEYOND_LATIN1.test(text);
}

/** Up to so many objects of a value are looked for in a list, more in a Map. */
const LIST_OBJECTS_MAX = 16;

export class ValueEncoder {
  #writer!: ByteWriter;
  readonly #objects: (object | undefined)[] = [];
  #count = 0;
  #numbers: Map<object, number> | undefined;
  readonly #path: string[] = [];
  #depth = 0;
  #busy = false;

  /** Is an encoding under way? (A getter of a value being encoded may encode something itself.) */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Begins a group of values that may refer to each other's objects.
   * @param root counts as object 0 although only parts of it will be written
   */
  begin(writer: ByteWriter, root?: object): void {
    this.#busy = true;
    this.#writer = writer;
    if (root !== undefined) this.#remember(root);
  }

  /** Forgets the objects seen. Must follow every `begin`, errors included. */
  end(): void {
    const objects = this.#objects;
    if (this.#count > LIST_OBJECTS_MAX) objects.length = 0;
    else for (let i = 0; i < this.#count; i += 1) objects[i] = undefined;
    this.#count = 0;
    this.#numbers = undefined;
    this.#busy = false;
  }

  /** @param name what the value is called in messages: `value`, `record.callback` */
  encode(value: unknown, name: string): void {
    const start = this.#writer.position;
    this.#depth = 0;
    this.#path[0] = name;
    try {
      this.#value(value);
    } catch (error) {
      this.#writer.position = start;
      throw error;
    }
  }

  #value(value: unknown): void {
    const writer = this.#writer;
    switch (typeof value) {
      case 'string':
        this.#string(value);
        return;
      case 'number':
        this.#number(value);
        return;
      case 'boolean':
        writer.u8(value ? Tag.true : Tag.false);
        return;
      case 'undefined':
        writer.u8(Tag.undefined);
        return;
      case 'bigint':
        this.#bigint(value);
        return;
      case 'object':
        if (value === null) writer.u8(Tag.null);
        else this.#object(value);
        return;
      default:
        throw this.#refuse(typeof value === 'symbol' ? 'a symbol' : 'a function');
    }
  }

  #number(value: number): void {
    const writer = this.#writer;
    if (Number.isSafeInteger(value) && (value !== 0 || !Object.is(value, -0))) {
      if (value >= 0) {
        if (value < 128) {
          writer.u8(SMALL_INTEGER | value);
          return;
        }
        writer.u8(Tag.positiveInteger);
        writer.varint(value);
      } else {
        writer.u8(Tag.negativeInteger);
        writer.varint(-1 - value);
      }
      return;
    }
    writer.u8(Tag.double);
    writer.f64(Number.isNaN(value) ? Number.NaN : value);
  }

  #bigint(value: bigint): void {
    const negative = value < 0n;
    const digits = (negative ? -value : value).toString(16);
    const hex = digits.length % 2 === 0 ? digits : `0${digits}`;
    const writer = this.#writer;
    writer.u8(negative ? Tag.negativeBigint : Tag.positiveBigint);
    if (value === 0n) {
      writer.varint(0);
      return;
    }
    const magnitude = Buffer.from(hex, 'hex').reverse();
    writer.varint(magnitude.length);
    writer.raw(magnitude);
  }

  #string(text: string): void {
    const writer = this.#writer;
    const length = text.length;
    if (length <= SHORT_STRING_LENGTH_MAX) {
      writer.ensure(length + 1);
      const { bytes, position } = writer;
      if (length <= 16) {
        // A native call costs more than a loop over a few characters.
        let seen = 0;
        for (let i = 0; i < length; i += 1) {
          const unit = text.charCodeAt(i);
          seen |= unit;
          bytes[position + 1 + i] = unit;
        }
        if (seen < 0x100) {
          bytes[position] = SHORT_STRING | length;
          writer.position = position + 1 + length;
          return;
        }
      } else if (isLatin1(text)) {
        bytes[position] = SHORT_STRING | length;
        writer.position = position + 1;
        writer.latin1(text);
        return;
      }
    } else if (isLatin1(text)) {
      writer.u8(Tag.latin1);
      writer.varint(length);
      writer.latin1(text);
      return;
    }
    writer.u8(Tag.utf16);
    writer.varint(length);
    writer.utf16(text);
  }

  #object(value: object): void {
    const known = this.#numberOf(value);
    if (known >= 0) {
      this.#writer.u8(Tag.reference);
      this.#writer.varint(known);
      return;
    }
    if (this.#depth >= VALUE_DEPTH_MAX) {
      throw this.#refuse(`nested more than ${VALUE_DEPTH_MAX} levels deep`);
    }
    this.#remember(value);
    const kind = classify(value);
    if (this.#leaf(kind, value)) return;
    this.#depth += 1;
    this.#container(kind, value);
    this.#depth -= 1;
  }

  /** Objects that hold no others. */
  #leaf(kind: ObjectKind, value: object): boolean {
    const writer = this.#writer;
    switch (kind) {
      case 'date':
        writer.u8(Tag.date);
        writer.f64(Date.prototype.getTime.call(value));
        return true;
      case 'array-buffer':
        writer.u8(Tag.arrayBuffer);
        this.#bytes(new Uint8Array(value as ArrayBuffer));
        return true;
      case 'view':
        this.#view(value as ArrayBufferView);
        return true;
      case 'regexp':
        writer.u8(Tag.regexp);
        this.#string((value as RegExp).source);
        this.#string((value as RegExp).flags);
        return true;
      case 'boxed':
        writer.u8(Tag.boxed);
        this.#value(unbox(value));
        return true;
      case 'unsupported':
        throw this.#refuse(nameOf(value));
      default:
        return false;
    }
  }

  #container(kind: ObjectKind, value: object): void {
    switch (kind) {
      case 'array':
        this.#array(value as unknown[]);
        return;
      case 'map':
        this.#map(value as Map<unknown, unknown>);
        return;
      case 'set':
        this.#set(value as Set<unknown>);
        return;
      case 'error':
        this.#error(value as Error);
        return;
      default:
        this.#writer.u8(kind === 'null-object' ? Tag.nullObject : Tag.object);
        this.#properties(value, Object.keys(value));
    }
  }

  #properties(value: object, keys: readonly string[]): void {
    this.#writer.varint(keys.length);
    const path = this.#path;
    const depth = this.#depth;
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i]!;
      path[depth] = key;
      this.#string(key);
      this.#value((value as Record<string, unknown>)[key]);
    }
  }

  #array(value: readonly unknown[]): void {
    const writer = this.#writer;
    const length = value.length;
    const keys = Object.keys(value);
    // Indexes come first: with as many keys as elements and the last index among them there are no
    // holes, and no properties of other names.
    const dense = keys.length === length && (length === 0 || keys[length - 1] === `${length - 1}`);
    if (!dense) {
      writer.u8(Tag.sparseArray);
      writer.varint(length);
      this.#properties(value, keys);
      return;
    }
    writer.u8(Tag.array);
    writer.varint(length);
    for (let i = 0; i < length; i += 1) {
      this.#path[this.#depth] = keys[i]!;
      this.#value(value[i]);
    }
  }

  #map(value: Map<unknown, unknown>): void {
    this.#writer.u8(Tag.map);
    // A copy: a getter inside a value may change the Map.
    const entries = [...Map.prototype.entries.call(value)];
    this.#writer.varint(entries.length);
    for (let i = 0; i < entries.length; i += 1) {
      const [key, item] = entries[i]!;
      this.#path[this.#depth] = `<key ${i}>`;
      this.#value(key);
      this.#path[this.#depth] = `<value ${i}>`;
      this.#value(item);
    }
  }

  #set(value: Set<unknown>): void {
    this.#writer.u8(Tag.set);
    const items = [...Set.prototype.values.call(value)];
    this.#writer.varint(items.length);
    for (let i = 0; i < items.length; i += 1) {
      this.#path[this.#depth] = `<item ${i}>`;
      this.#value(items[i]);
    }
  }

  #view(view: ArrayBufferView): void {
    const writer = this.#writer;
    const name = viewTag(view) ?? 'DataView';
    const kind = (viewKinds as readonly string[]).indexOf(name);
    if (kind < 0) throw this.#refuse(`a ${name}`);
    writer.u8(Tag.view);
    writer.u8(kind);
    this.#bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  #bytes(bytes: Uint8Array): void {
    this.#writer.varint(bytes.length);
    this.#writer.raw(bytes);
  }

  #error(error: Error): void {
    const writer = this.#writer;
    const name = String(error.name);
    const kind = errorKinds.findIndex((candidate) => candidate.name === name);
    const message = dataProperty(error, 'message');
    const stack = dataProperty(error, 'stack');
    const cause = Object.getOwnPropertyDescriptor(error, 'cause');
    writer.u8(Tag.error);
    writer.u8(Math.max(0, kind));
    writer.u8(
      (message === undefined ? 0 : ERROR_MESSAGE) |
        (typeof stack === 'string' ? ERROR_STACK : 0) |
        (cause === undefined ? 0 : ERROR_CAUSE),
    );
    if (message !== undefined) this.#string(String(message));
    if (typeof stack === 'string') this.#string(stack);
    if (cause !== undefined) {
      this.#path[this.#depth] = 'cause';
      this.#value(error.cause);
    }
  }

  #numberOf(value: object): number {
    const count = this.#count;
    if (count > LIST_OBJECTS_MAX) return this.#numbers!.get(value) ?? -1;
    const objects = this.#objects;
    for (let i = 0; i < count; i += 1) {
      if (objects[i] === value) return i;
    }
    return -1;
  }

  #remember(value: object): void {
    const number = this.#count;
    this.#count = number + 1;
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

  #refuse(what: string): HoldfastError {
    const path = this.#where();
    return new HoldfastError(
      'ERR_HOLDFAST_UNSUPPORTED_VALUE',
      `${path} is ${what}, which has no form as data. Use plain objects, arrays, Maps, Sets, Dates, ` +
        'binary data and primitives, or leave the property out.',
      { details: { path, what } },
    );
  }

  #where(): string {
    let text = this.#path[0]!;
    for (let depth = 1; depth <= this.#depth; depth += 1) text += pathStep(this.#path[depth]!);
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

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/** The built-in kind of a typed array, whatever class extends it (a Buffer is a `Uint8Array`). */
function viewTag(view: ArrayBufferView): string | undefined {
  return typedArrayTag.call(view) as string | undefined;
}

function dataProperty(error: Error, key: 'message' | 'stack'): unknown {
  const own = Object.getOwnPropertyDescriptor(error, key);
  return own === undefined ? undefined : error[key];
}
