/**
 * Writes plain objects whose keys have come often before, by a function that is generated for these keys. What it writes
 * is byte by byte what the encoder's loop writes.
 *
 *  O1  The function first compares all keys, and writes nothing when they are others.
 *  O2  Nothing enters its source but keys, as JSON, and numbers.
 *  O3  There are SHAPES_MAX such functions at most. Objects that serve as dictionaries are each of a shape of its own: a
 *      shape gets a function when it has come SIGHTINGS_MIN times, and once many have come in vain, few are looked at.
 */

import type { ByteWriter } from './byte-writer.js';

/** What writes the values, for a generated function. */
export interface FieldWriter {
  writer: ByteWriter;
  text(value: string): void;
  number(value: number): void;
  /** Writes any value. @param key names it in messages */
  field(key: string, value: unknown): void;
}

/** Writes the object; false, and nothing is written, when it has other keys. */
export type ShapeWriter = (value: object, fields: FieldWriter) => boolean;

const SHAPES_MAX = 64;
const RECENT_MAX = 4;
const KEYS_MAX = 64;
const KEY_LENGTH_MAX = 64;
const SIGHTINGS_MIN = 8;
const SIGHTINGS_MAX = 256;
/** After so many sightings in vain, one object in LOOKED_AT_OF is looked at. */
const VAIN_MAX = 4_096;
const LOOKED_AT_OF = 64;

export class ShapeWriters {
  readonly #head: (keys: readonly string[]) => readonly Uint8Array[];
  readonly #shapes = new Map<string, ShapeWriter>();
  readonly #sightings = new Map<string, number>();
  /** The last ones that were used, the newest first. */
  readonly #recent: ShapeWriter[] = [];
  #vain = 0;
  #mayCompile = true;

  /** @param head gives, for each key, the bytes that stand before its value */
  constructor(head: (keys: readonly string[]) => readonly Uint8Array[]) {
    this.#head = head;
  }

  /** Writes the object, if a function for its shape has been used lately. */
  write(value: object, fields: FieldWriter): boolean {
    const recent = this.#recent;
    for (let i = 0; i < recent.length; i += 1) {
      if (recent[i]!(value, fields)) return true;
    }
    return false;
  }

  /** The object was written by the loop: notes its shape. */
  wrote(keys: readonly string[]): void {
    if (keys.length === 0 || keys.length > KEYS_MAX || !this.#mayCompile) return;
    this.#vain += 1;
    if (this.#vain > VAIN_MAX && this.#vain % LOOKED_AT_OF !== 0) return;
    const name = JSON.stringify(keys);
    let found = this.#shapes.get(name);
    if (found === undefined) {
      const sightings = (this.#sightings.get(name) ?? 0) + 1;
      if (sightings < SIGHTINGS_MIN || this.#shapes.size >= SHAPES_MAX) {
        if (this.#sightings.size >= SIGHTINGS_MAX) this.#sightings.clear();
        this.#sightings.set(name, sightings);
        return;
      }
      this.#sightings.delete(name);
      found = this.#compiled(keys);
      if (found === undefined) return;
      this.#shapes.set(name, found);
    }
    this.#vain = 0;
    const recent = this.#recent;
    recent.unshift(found);
    if (recent.length > RECENT_MAX) recent.pop();
  }

  #compiled(keys: readonly string[]): ShapeWriter | undefined {
    if (keys.some((key) => key.length > KEY_LENGTH_MAX)) return undefined;
    try {
      return compileShape(keys, this.#head(keys));
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      this.#mayCompile = false;
      return undefined;
    }
  }
}

function compileShape(keys: readonly string[], heads: readonly Uint8Array[]): ShapeWriter {
  const fields = keys.map((key, i) => {
    const name = JSON.stringify(key);
    const head = heads[i]!;
    const stores = Array.from(head, (byte, at) => `b[p + ${at}] = ${byte};`).join(' ');
    return `{
w.ensure(${head.length});
const b = w.bytes, p = w.position;
${stores}
w.position = p + ${head.length};
const v = o[${name}];
if (typeof v === 'number') f.number(v);
else if (typeof v === 'string') f.text(v);
else f.field(${name}, v);
}`;
  });
  const source = `'use strict';
return (o, f) => {
let k = 0;
for (const key in o) { if (key !== keys[k]) return false; k += 1; }
if (k !== ${keys.length}) return false;
const w = f.writer;
${fields.join('\n')}
return true;
};`;
  return (new Function('keys', source) as (given: readonly string[]) => ShapeWriter)(keys);
}
