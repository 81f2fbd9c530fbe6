/**
 * Makes bytes of values. value-tags.ts says what the format is.
 *
 *  E1  A value of no kind (value-kinds.ts) is refused with its path, never skipped.
 *  E2  After an error the writer stands where the value began.
 *  E3  The own enumerable string properties of a plain object are written. To find out whether it has more
 *      (symbols as keys, hidden properties, accessors, a Proxy) costs several times as much as to encode it.
 *      A strict encoder finds out, and refuses. Another does not look, and calls getters.
 *  E4  Whether an array has holes or properties beside its elements is asked of its keys, which costs as much as to
 *      write a few elements. Of containers that are the runtime's own it is known that they have none.
 */

import { types } from 'node:util';
import { ByteWriter } from './byte-writer.js';
import { toData } from './codec-registry.js';
import { type FieldWriter, ShapeWriters } from './shape-writer.js';
import { temporalParts } from './value-forms.js';
import {
  classify,
  customCodec,
  errorKinds,
  kindName,
  type ObjectKind,
  temporalKinds,
  unbox,
  viewKinds,
  whyUnsupported,
} from './value-kinds.js';
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
import { type ErrorField, isDense, ValueWalk } from './value-walk.js';

/** V8 drops this class when it compiles the expression for a one-byte string. Then the test costs nothing. */
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** Is every UTF-16 unit below 256? Constant time for strings that V8 stores in one byte a unit. */
export function isLatin1(text: string): boolean {
  return !BEYOND_LATIN1.test(text);
}

/** Steps of paths (W2) into Maps and Sets. Most are small, and to make a text for each entry costs as much as to write it. */
const stepsOf = (what: string): readonly string[] =>
  Array.from({ length: 64 }, (_, i) => `<${what} ${i}>`);
const KEY_STEPS = stepsOf('key');
const VALUE_STEPS = stepsOf('value');
const ITEM_STEPS = stepsOf('item');

export class ValueEncoder extends ValueWalk implements FieldWriter {
  /** What is written to, between `begin` and `end`. */
  writer!: ByteWriter;
  readonly #isStrict: boolean;
  /** Numbers of instances whose codec's data is being written. Nothing in that data may refer to them. */
  readonly #open: number[] = [];
  #busy = false;
  /** Arrays down to this depth are dense, and nothing but arrays (E4); 0: none. */
  #ownDepth = 0;

  /** @param options.isStrict see E3 */
  constructor(options: { readonly isStrict?: boolean } = {}) {
    super();
    this.#isStrict = options.isStrict ?? false;
  }

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
    this.writer = writer;
    if (root !== undefined) this.remember(root);
  }

  /** Forgets the objects seen. Must follow every `begin`, errors included. */
  end(): void {
    this.forget();
    // To set the length of an array costs more than a small value does.
    if (this.#open.length > 0) this.#open.length = 0;
    this.#busy = false;
  }

  /**
   * @param name what the value is called in messages: `value`, `record.callback`
   * @param ownLevels on so many levels, from the outermost, arrays are the runtime's own (E4)
   */
  encode(value: unknown, name: string, ownLevels = 0): void {
    const start = this.writer.position;
    this.depth = 0;
    this.#ownDepth = ownLevels;
    this.path[0] = name;
    try {
      this.#value(value);
    } catch (error) {
      this.writer.position = start;
      throw this.unreadable(error);
    }
  }

  #value(value: unknown): void {
    const writer = this.writer;
    switch (typeof value) {
      case 'string':
        this.text(value);
        return;
      case 'number':
        this.number(value);
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
        throw this.refuse(typeof value === 'symbol' ? 'a symbol' : 'a function');
    }
  }

  number(value: number): void {
    const writer = this.writer;
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
    const writer = this.writer;
    writer.u8(negative ? Tag.negativeBigint : Tag.positiveBigint);
    if (value === 0n) {
      writer.varint(0);
      return;
    }
    const magnitude = Buffer.from(hex, 'hex').reverse();
    writer.varint(magnitude.length);
    writer.raw(magnitude);
  }

  text(text: string): void {
    const writer = this.writer;
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
    const known = this.numberOf(value);
    if (known >= 0) {
      if (this.#open.length > 0 && this.#open.includes(known)) throw this.refuseLoop();
      this.writer.u8(Tag.reference);
      this.writer.varint(known);
      return;
    }
    if (this.depth >= VALUE_DEPTH_MAX) throw this.refuseDepth();
    this.remember(value);
    if (this.#isStrict && types.isProxy(value)) throw this.refuse('a Proxy');
    const kind = classify(value);
    if (this.#isStrict) this.checkOwn(kind, value);
    if (this.#leaf(kind, value)) return;
    this.depth += 1;
    this.#container(kind, value);
    this.depth -= 1;
  }

  /** Writes objects that hold no others. */
  #leaf(kind: ObjectKind, value: object): boolean {
    const writer = this.writer;
    switch (kind) {
      case 'date':
        writer.u8(Tag.date);
        writer.f64(Date.prototype.getTime.call(value));
        return true;
      case 'array-buffer':
        this.#buffer(value as ArrayBuffer);
        return true;
      case 'view':
        this.#view(value as ArrayBufferView);
        return true;
      case 'regexp':
        this.#regexp(value as RegExp);
        return true;
      case 'boxed':
        writer.u8(Tag.boxed);
        this.#value(unbox(value));
        return true;
      case 'temporal':
        this.#temporal(value);
        return true;
      case 'unsupported': {
        const { what, advice } = whyUnsupported(value);
        throw this.refuse(what, advice);
      }
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
      case 'custom':
        this.#custom(value);
        return;
      case 'null-object':
        this.writer.u8(Tag.nullObject);
        this.#properties(value, Object.keys(value));
        return;
      default:
        this.#plain(value);
    }
  }

  #plain(value: object): void {
    if (shapes.write(value, this)) return;
    const keys = Object.keys(value);
    this.writer.u8(Tag.object);
    this.#properties(value, keys);
    shapes.missed(keys);
  }

  /** A property of the object that is being written. */
  field(key: string, value: unknown): void {
    this.path[this.depth] = key;
    this.#value(value);
  }

  /** An accessor may have thrown, before anything was told of its key. */
  failedAt(depth: number, key: string): void {
    this.path[depth] = key;
  }

  #properties(value: object, keys: readonly string[]): void {
    this.writer.varint(keys.length);
    const path = this.path;
    const depth = this.depth;
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i]!;
      path[depth] = key;
      this.text(key);
      this.#value((value as Record<string, unknown>)[key]);
    }
  }

  #array(value: readonly unknown[]): void {
    const writer = this.writer;
    const { length } = value;
    const { path, depth } = this;
    if (depth <= this.#ownDepth) {
      writer.u8(Tag.array);
      writer.varint(length);
      for (let i = 0; i < length; i += 1) {
        path[depth] = i;
        this.#value(value[i]);
      }
      return;
    }
    const keys = Object.keys(value);
    if (!isDense(keys, length)) {
      writer.u8(Tag.sparseArray);
      writer.varint(length);
      this.#properties(value, keys);
      return;
    }
    writer.u8(Tag.array);
    writer.varint(length);
    for (let i = 0; i < length; i += 1) {
      path[depth] = i;
      this.#value(value[i]);
    }
  }

  #map(value: Map<unknown, unknown>): void {
    this.writer.u8(Tag.map);
    // Entries are copied, because a getter inside a value may change the Map.
    const entries = [...Map.prototype.entries.call(value)];
    this.writer.varint(entries.length);
    for (let i = 0; i < entries.length; i += 1) {
      const [key, item] = entries[i]!;
      this.path[this.depth] = KEY_STEPS[i] ?? `<key ${i}>`;
      this.#value(key);
      this.path[this.depth] = VALUE_STEPS[i] ?? `<value ${i}>`;
      this.#value(item);
    }
  }

  #set(value: Set<unknown>): void {
    this.writer.u8(Tag.set);
    const items = [...Set.prototype.values.call(value)];
    this.writer.varint(items.length);
    for (let i = 0; i < items.length; i += 1) {
      this.path[this.depth] = ITEM_STEPS[i] ?? `<item ${i}>`;
      this.#value(items[i]);
    }
  }

  #view(view: ArrayBufferView): void {
    const writer = this.writer;
    const kind = (viewKinds as readonly string[]).indexOf(kindName(view));
    const inside = this.place(view);
    writer.u8(inside === undefined ? Tag.view : Tag.viewInside);
    writer.u8(kind);
    if (inside === undefined) {
      this.#bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
      return;
    }
    writer.varint(inside.number);
    writer.varint(inside.offset);
    writer.varint(view.byteLength);
  }

  #buffer(buffer: ArrayBuffer): void {
    const inside = this.place(buffer);
    if (inside === undefined) {
      this.writer.u8(Tag.arrayBuffer);
      this.#bytes(new Uint8Array(buffer));
      return;
    }
    this.writer.u8(Tag.bufferOfView);
    this.writer.varint(inside.number);
  }

  #bytes(bytes: Uint8Array): void {
    this.writer.varint(bytes.length);
    this.writer.raw(bytes);
  }

  #regexp(value: RegExp): void {
    const { lastIndex } = value;
    if (typeof lastIndex !== 'number') throw this.refuse('a RegExp with an odd lastIndex');
    const isAtStart = Object.is(lastIndex, 0);
    this.writer.u8(isAtStart ? Tag.regexp : Tag.regexpAt);
    this.text(value.source);
    this.text(value.flags);
    if (!isAtStart) this.number(lastIndex);
  }

  #temporal(value: object): void {
    const parts = temporalParts(value);
    this.writer.u8(Tag.temporal);
    this.writer.u8((temporalKinds as readonly string[]).indexOf(kindName(value)));
    this.writer.varint(parts.length);
    for (const part of parts) this.#value(part);
  }

  #error(error: Error): void {
    const kind = (errorKinds as readonly string[]).indexOf(kindName(error));
    const fields = this.errorFields(error);
    if (kind <= FIRST_ERRORS_MAX && isUsual(fields)) this.#usualError(kind, fields);
    else this.#errorFields(kind, error, fields);
  }

  #custom(value: object): void {
    const codec = customCodec(value);
    const number = this.count - 1;
    this.writer.u8(Tag.custom);
    this.text(codec.id);
    this.writer.varint(codec.version);
    this.path[this.depth] = `<${codec.id}>`;
    this.#open.push(number);
    this.#value(toData(codec, value, () => this.where()));
    this.#open.pop();
  }

  /** Writes an error in the form of version 1. */
  #usualError(kind: number, fields: readonly ErrorField[]): void {
    const writer = this.writer;
    const message = fields.find((field) => field.key === 'message');
    const cause = fields.find((field) => field.key === 'cause');
    writer.u8(Tag.error);
    writer.u8(kind);
    writer.u8(
      (message === undefined ? 0 : ERROR_MESSAGE) |
        ERROR_STACK |
        (cause === undefined ? 0 : ERROR_CAUSE),
    );
    if (message !== undefined) this.text(message.value as string);
    this.text(fields.find((field) => field.key === 'stack')!.value as string);
    if (cause === undefined) return;
    this.path[this.depth] = 'cause';
    this.#value(cause.value);
  }

  #errorFields(kind: number, error: Error, fields: readonly ErrorField[]): void {
    const writer = this.writer;
    writer.u8(Tag.errorFields);
    writer.u8(kind);
    if (errorKinds[kind] === 'DOMException') {
      this.text(error.name);
      this.text(error.message);
    }
    writer.varint(fields.length);
    for (const { key, value, isHidden } of fields) {
      this.path[this.depth] = key;
      this.text(key);
      writer.u8(isHidden ? 0 : 1);
      this.#value(value);
    }
  }
}

/** Greatest number of a kind of error that version 1 knew. */
const FIRST_ERRORS_MAX = errorKinds.indexOf('URIError');

/** Has the error nothing but hidden `stack`, `message` and `cause`? */
function isUsual(fields: readonly ErrorField[]): boolean {
  return (
    fields.some(({ key }) => key === 'stack') &&
    fields.every(({ key, value, isHidden }) => {
      const isText = (key === 'stack' || key === 'message') && typeof value === 'string';
      return isHidden && (isText || key === 'cause');
    })
  );
}

/** For all encoders of the thread. */
const shapes = new ShapeWriters((keys) => {
  const writer = new ByteWriter();
  const encoder = new ValueEncoder();
  encoder.begin(writer);
  const heads = keys.map((key, i) => {
    writer.reset();
    if (i === 0) {
      writer.u8(Tag.object);
      writer.varint(keys.length);
    }
    encoder.text(key);
    return writer.take();
  });
  encoder.end();
  return heads;
});
