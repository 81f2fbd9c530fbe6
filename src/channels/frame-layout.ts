/**
 * How records of one shape lie in a frame: a section of columns.
 *
 *      u32 records | u32 bytes of the descriptor (0: slow section) | descriptor
 *      columns of 8 bytes an entry, in the order of the keys
 *      columns of 4 bytes an entry
 *      columns of 1 byte an entry, all of them padded together
 *      per string column: u32 bytes | u32 encoding (0 Latin-1, 1 UTF-16) | bytes
 *      slow values: u32 bytes | u32 0 | bytes
 *
 * Every part begins at a multiple of 8. The descriptor is the layout as text, so a frame can be read without any
 * frame before it (frames may be replayed, dropped or stored). Both ends look the text up in a Map.
 *
 * Column kinds, and what they take per record:
 *
 *      i   int32                    4 bytes      i?  with null and undefined: + 1 byte tag
 *      f   float64                  8            f?
 *      d   Date, ms                 8            d?
 *      b   bigint of 64 bits        8            b?
 *      s   string: length           4            s?  lengths −1 null, −2 undefined
 *      o   false, true, null, undefined: 1
 *      x   anything else: through the value codec, row by row in the slow part
 *
 *  L1  A layout holds exactly the own enumerable keys of its records, in order. A record with other keys, or in
 *      another order, is of another layout.
 *  L2  Kinds only widen, so that a channel does not go back and forth between two forms of one layout.
 *  L3  In the slow part the record itself is object 0 of its row, so cycles through it survive.
 *  L4  Keys are data from outside. They enter generated code only through JSON.stringify, and a key
 *      `__proto__` has no fast layout at all.
 */

import { types } from 'node:util';

/** What was seen in a column, as bits. */
export const SEEN_INT = 1;
export const SEEN_FLOAT = 2;
export const SEEN_STRING = 4;
export const SEEN_BOOLEAN = 8;
export const SEEN_DATE = 16;
export const SEEN_BIGINT = 32;
export const SEEN_OTHER = 64;
export const SEEN_NULL = 128;
export const SEEN_UNDEFINED = 256;

export const kinds = ['i', 'i?', 'f', 'f?', 'd', 'd?', 'b', 'b?', 's', 's?', 'o', 'x'] as const;
export type ColumnKind = (typeof kinds)[number];

/** Objects with more properties travel through the value codec. */
export const LAYOUT_KEYS_MAX = 128;

export interface Layout {
  /** Undefined when the records are the values themselves (a stream of numbers, of strings). */
  readonly keys: readonly string[] | undefined;
  readonly kinds: readonly ColumnKind[];
}

/** Entries per width, string columns, and whether there is a slow part. */
export interface LayoutSize {
  readonly wide: number;
  readonly words: number;
  readonly bytes: number;
  readonly strings: number;
  readonly slow: boolean;
}

export function layoutSize(columnKinds: readonly ColumnKind[]): LayoutSize {
  let wide = 0;
  let words = 0;
  let bytes = 0;
  let strings = 0;
  let slow = false;
  for (const kind of columnKinds) {
    const base = kind[0];
    if (base === 'f' || base === 'd' || base === 'b') wide += 1;
    else if (base === 'i' || base === 's') words += 1;
    else if (base === 'o') bytes += 1;
    else slow = true;
    if (base === 's') strings += 1;
    else if (kind.endsWith('?')) bytes += 1;
  }
  return { wide, words, bytes, strings, slow };
}

/** Bytes of the columns of fixed width for `count` records. */
export function fixedBytes(size: LayoutSize, count: number): number {
  return size.wide * 8 * count + pad8(size.words * 4 * count) + pad8(size.bytes * count);
}

export function pad8(byteCount: number): number {
  return Math.ceil(byteCount / 8) * 8;
}

/** The bit for a value. */
export function seen(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return (value | 0) === value && !Object.is(value, -0) ? SEEN_INT : SEEN_FLOAT;
    case 'string':
      return SEEN_STRING;
    case 'boolean':
      return SEEN_BOOLEAN;
    case 'undefined':
      return SEEN_UNDEFINED;
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? SEEN_BIGINT : SEEN_OTHER;
    default:
      if (value === null) return SEEN_NULL;
      return isPlainDate(value) ? SEEN_DATE : SEEN_OTHER;
  }
}

/** Exactly a Date: what a Date column gives back. (Looking at the prototype alone would let an impostor in.) */
export function isPlainDate(value: unknown): value is Date {
  return types.isDate(value) && Object.getPrototypeOf(value) === Date.prototype;
}

/** The narrowest column for what was seen. */
export function kindFor(bits: number): ColumnKind {
  const nullable = (bits & (SEEN_NULL | SEEN_UNDEFINED)) !== 0;
  switch (bits & ~(SEEN_NULL | SEEN_UNDEFINED)) {
    case 0:
    case SEEN_BOOLEAN:
      return 'o';
    case SEEN_INT:
      return nullable ? 'i?' : 'i';
    case SEEN_FLOAT:
    case SEEN_INT | SEEN_FLOAT:
      return nullable ? 'f?' : 'f';
    case SEEN_STRING:
      return nullable ? 's?' : 's';
    case SEEN_DATE:
      return nullable ? 'd?' : 'd';
    case SEEN_BIGINT:
      return nullable ? 'b?' : 'b';
    default:
      return 'x';
  }
}

/** The layout as ASCII text. */
export function describeLayout(layout: Layout): string {
  const text = JSON.stringify([layout.kinds.join(','), layout.keys ?? null]);
  return text.replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The layout that a text describes, or undefined when it describes none. */
export function parseLayout(text: string): Layout | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || parsed.length !== 2 || typeof parsed[0] !== 'string')
    return undefined;
  const columnKinds = parsed[0].split(',') as ColumnKind[];
  const keys: unknown = parsed[1];
  if (!columnKinds.every((kind) => kinds.includes(kind))) return undefined;
  if (keys === null) {
    const lawful = columnKinds.length === 1 && columnKinds[0] !== 'x';
    return lawful ? { keys: undefined, kinds: columnKinds } : undefined;
  }
  const lawful =
    Array.isArray(keys) &&
    keys.length === columnKinds.length &&
    keys.length <= LAYOUT_KEYS_MAX &&
    new Set(keys).size === keys.length &&
    keys.every((key) => typeof key === 'string' && key !== '__proto__');
  return lawful ? { keys: keys as string[], kinds: columnKinds } : undefined;
}
