/**
 * Writes plain objects by functions that are generated for their keys (shape-table.ts). What they write is byte by byte
 * what the encoder's loop writes.
 */

import type { ByteWriter } from './byte-writer.js';
import { keysAre, ShapeTable } from './shape-table.js';

/** What writes the values, for a generated function. */
export interface FieldWriter {
  writer: ByteWriter;
  text(value: string): void;
  number(value: number): void;
  /** Writes any value. @param key names it in messages */
  field(key: string, value: unknown): void;
  /** How deep the object that is being written lies. */
  readonly depth: number;
  /** Something was thrown at this key of an object that lies so deep. */
  failedAt(depth: number, key: string): void;
}

/** Writes the object; false, and nothing is written, when it has other keys. */
type ShapeWriter = (value: object, fields: FieldWriter) => boolean;

export class ShapeWriters {
  readonly #table: ShapeTable<ShapeWriter>;

  /** @param heads gives, for each key, the bytes that stand before its value */
  constructor(heads: (keys: readonly string[]) => readonly Uint8Array[]) {
    this.#table = new ShapeTable((keys) => compiled(keys, heads(keys)));
  }

  /** Writes the object, if a function for its shape has been used lately. */
  write(value: object, fields: FieldWriter): boolean {
    const { recent } = this.#table;
    for (let i = 0; i < recent.length; i += 1) {
      if (recent[i]!(value, fields)) return true;
    }
    return false;
  }

  /** An object with these keys was written by the loop. */
  missed(keys: readonly string[]): void {
    this.#table.missed(keys);
  }
}

function compiled(keys: readonly string[], heads: readonly Uint8Array[]): ShapeWriter {
  const fields = keys.map((key, i) => {
    const name = JSON.stringify(key);
    const head = heads[i]!;
    const stores = Array.from(head, (byte, at) => `b[p + ${at}] = ${byte};`).join(' ');
    return `{
w.ensure(${head.length});
const b = w.bytes, p = w.position;
${stores}
w.position = p + ${head.length};
i = ${i};
const v = o[${name}];
if (typeof v === 'number') f.number(v);
else if (typeof v === 'string') f.text(v);
else f.field(${name}, v);
}`;
  });
  const source = `'use strict';
return (o, f) => {
${keysAre(keys.length, 'false')}
const w = f.writer, d = f.depth;
let i = 0;
try {
${fields.join('\n')}
} catch (error) { f.failedAt(d, keys[i]); throw error; }
return true;
};`;
  return (new Function('keys', source) as (given: readonly string[]) => ShapeWriter)(keys);
}
