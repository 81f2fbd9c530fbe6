/**
 * Copies values without making bytes. A copy equals what encoding and decoding would give. Kinds, refusals,
 * shared references and views are those of the encoder, because both walk as value-walk.ts says.
 */

import { fromData, toData } from './codec-registry.js';
import {
  defineField,
  makeError,
  makeTemporal,
  makeView,
  setOwn,
  temporalParts,
} from './value-forms.js';
import {
  classify,
  customCodec,
  kindName,
  type ObjectKind,
  unbox,
  whyUnsupported,
} from './value-kinds.js';
import { VALUE_DEPTH_MAX } from './value-tags.js';
import { isDense, ValueWalk } from './value-walk.js';

export class ValueCopier extends ValueWalk {
  /** Copies by the number of their object. */
  readonly #copies: (object | undefined)[] = [];
  #isBusy = false;

  /** Is a copy being made? (A getter of a value may copy something itself.) */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE */
  copy<T>(value: T, name: string): T {
    this.#isBusy = true;
    this.depth = 0;
    this.path[0] = name;
    try {
      return this.#value(value) as T;
    } catch (error) {
      throw this.unreadable(error);
    } finally {
      this.#copies.length = 0;
      this.forget();
      this.#isBusy = false;
    }
  }

  /**
   * Begins the copy of a record part by part. The parts may refer to each other and to the record.
   * @param name what the record is called in messages
   */
  begin(record: object, copy: object, name: string): void {
    this.#isBusy = true;
    this.path[0] = name;
    this.remember(record);
    this.#copies.push(copy);
  }

  /** The copy of the value of one property of that record. After an error nothing is under way. */
  part(value: unknown, key: string): unknown {
    if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') {
      return value;
    }
    this.depth = 1;
    this.path[1] = key;
    try {
      return this.#value(value);
    } catch (error) {
      const refused = this.unreadable(error);
      this.end();
      throw refused;
    }
  }

  end(): void {
    this.#copies.length = 0;
    this.forget();
    this.#isBusy = false;
  }

  #value(value: unknown): unknown {
    switch (typeof value) {
      case 'object':
        return value === null ? null : this.#object(value);
      case 'symbol':
        throw this.refuse('a symbol');
      case 'function':
        throw this.refuse('a function');
      default:
        return value;
    }
  }

  #object(value: object): object {
    const known = this.numberOf(value);
    if (known >= 0) {
      const copy = this.#copies[known];
      if (copy === undefined) throw this.refuseLoop();
      return copy;
    }
    if (this.depth >= VALUE_DEPTH_MAX) throw this.refuseDepth();
    this.remember(value);
    const kind = classify(value);
    const leaf = this.#leaf(kind, value);
    if (leaf !== undefined) return this.#keep(leaf);
    this.depth += 1;
    const copy = this.#container(kind, value);
    this.depth -= 1;
    return copy;
  }

  /** Notes the copy of the object that was remembered last. */
  #keep<T extends object>(copy: T): T {
    this.#copies.push(copy);
    return copy;
  }

  /** Copies objects that hold no others. */
  #leaf(kind: ObjectKind, value: object): object | undefined {
    switch (kind) {
      case 'date':
        return new Date(Date.prototype.getTime.call(value));
      case 'array-buffer':
        return this.#buffer(value as ArrayBuffer);
      case 'view':
        return this.#view(value as ArrayBufferView);
      case 'regexp':
        return this.#regexp(value as RegExp);
      case 'boxed':
        return Object(unbox(value)) as object;
      case 'temporal':
        return makeTemporal(kindName(value), temporalParts(value));
      case 'unsupported': {
        const { what, advice } = whyUnsupported(value);
        throw this.refuse(what, advice);
      }
      default:
        return undefined;
    }
  }

  #container(kind: ObjectKind, value: object): object {
    switch (kind) {
      case 'array':
        return this.#array(value as unknown[]);
      case 'map':
        return this.#map(value as Map<unknown, unknown>);
      case 'set':
        return this.#set(value as Set<unknown>);
      case 'error':
        return this.#error(value as Error);
      case 'custom':
        return this.#custom(value);
      case 'null-object':
        return this.#properties(value, this.#keep(Object.create(null) as object));
      default:
        return this.#properties(value, this.#keep({}));
    }
  }

  #properties<T extends object>(value: object, copy: T): T {
    const { path, depth } = this;
    const keys = Object.keys(value);
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i]!;
      const item = (value as Record<string, unknown>)[key];
      path[depth] = key;
      setOwn(copy, key, this.#value(item));
    }
    return copy;
  }

  #array(value: readonly unknown[]): unknown[] {
    const copy: unknown[] = this.#keep([]);
    const { length } = value;
    const keys = Object.keys(value);
    if (!isDense(keys, length)) {
      copy.length = length;
      return this.#properties(value, copy);
    }
    for (let i = 0; i < length; i += 1) {
      this.path[this.depth] = keys[i]!;
      copy.push(this.#value(value[i]));
    }
    return copy;
  }

  #map(value: Map<unknown, unknown>): Map<unknown, unknown> {
    const copy = this.#keep(new Map<unknown, unknown>());
    let i = 0;
    for (const [key, item] of [...Map.prototype.entries.call(value)]) {
      this.path[this.depth] = `<key ${i}>`;
      const copiedKey = this.#value(key);
      this.path[this.depth] = `<value ${i}>`;
      copy.set(copiedKey, this.#value(item));
      i += 1;
    }
    return copy;
  }

  #set(value: Set<unknown>): Set<unknown> {
    const copy = this.#keep(new Set<unknown>());
    let i = 0;
    for (const item of [...Set.prototype.values.call(value)]) {
      this.path[this.depth] = `<item ${i}>`;
      copy.add(this.#value(item));
      i += 1;
    }
    return copy;
  }

  #error(error: Error): Error {
    const fields = this.errorFields(error);
    const copy = this.#keep(makeError(kindName(error), error.name, error.message));
    for (const { key, value, isHidden } of fields) {
      this.path[this.depth] = key;
      defineField(copy, { key, value: this.#value(value), isHidden });
    }
    return copy;
  }

  #custom(value: object): object {
    const codec = customCodec(value);
    const number = this.#copies.push(undefined) - 1;
    this.path[this.depth] = `<${codec.id}>`;
    const data = this.#value(toData(codec, value, () => this.where()));
    const copy = fromData(codec.id, codec.version, data);
    this.#copies[number] = copy;
    return copy;
  }

  #regexp(value: RegExp): RegExp {
    const copy = new RegExp(value.source, value.flags);
    copy.lastIndex = value.lastIndex;
    return copy;
  }

  #buffer(buffer: ArrayBuffer): ArrayBuffer {
    const inside = this.place(buffer);
    if (inside === undefined) return buffer.slice(0);
    return (this.#copies[inside.number] as ArrayBufferView<ArrayBuffer>).buffer;
  }

  #view(view: ArrayBufferView): ArrayBufferView {
    const inside = this.place(view);
    const name = kindName(view);
    const bytes = view.byteLength;
    if (inside === undefined) {
      const { byteOffset } = view;
      return makeView(
        name,
        view.buffer.slice(byteOffset, byteOffset + bytes) as ArrayBuffer,
        0,
        bytes,
      );
    }
    const place = this.#copies[inside.number] as ArrayBuffer | ArrayBufferView<ArrayBuffer>;
    return place instanceof ArrayBuffer
      ? makeView(name, place, inside.offset, bytes)
      : makeView(name, place.buffer, place.byteOffset + inside.offset, bytes);
  }
}
