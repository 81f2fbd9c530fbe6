/**
 * Generated loops: for one layout, a function that takes records apart into columns and one that
 * makes records of columns.
 *
 * Why generated: with the keys written in the source each property access has a site of its own
 * that sees one hidden class, and decoded objects come from a literal. A generic loop over keys is
 * about ten times slower.
 *
 * What may enter the source: numbers of our own making, and keys as JSON.stringify writes them
 * (well-formed since ES2019: lone surrogates and line separators are valid string literals).
 *
 *  G1  The encoding loop gives back how many records it took; it stops at the first one that is not
 *      of the layout: other keys or order, another prototype, or a value that its column cannot
 *      hold exactly.
 *  G2  Each property is read once (it may be a getter).
 *  G3  The prototype is looked at after a property was read: V8 then knows the hidden class and
 *      folds the comparison away. Keys are compared in the order of `for … in`, which V8 serves from
 *      the hidden class's enum cache; an enumerable key inherited from anywhere shows up there too.
 */

import { pathStep } from '../codec/value-walk.js';
import type { ByteViews } from './byte-views.js';
import type { ColumnKind, Layout } from './frame-layout.js';

/** Takes the values of slow columns, row by row. */
export interface SlowSink {
  begin(record: object): void;
  /** @param name for messages: `record.key` */
  value(value: unknown, name: string): void;
  end(): void;
}

/** Gives them back in the same order. */
export interface SlowSource {
  begin(record: object): void;
  value(): unknown;
  end(): void;
}

/**
 * @param wideAt where the columns of 8 bytes begin, in units of 8; `wordsAt` and `bytesAt` likewise
 * @param strings receives each string column, concatenated
 * @returns records taken (G1)
 */
export type EncodeLoop = (
  records: readonly unknown[],
  count: number,
  views: ByteViews,
  wideAt: number,
  wordsAt: number,
  bytesAt: number,
  strings: string[],
  slow: SlowSink,
) => number;

/** Fills `records[0…count − 1]`. False when lengths and strings do not agree. */
export type DecodeLoop = (
  records: unknown[],
  count: number,
  views: ByteViews,
  wideAt: number,
  wordsAt: number,
  bytesAt: number,
  strings: readonly string[],
  slow: SlowSource,
) => boolean;

/** Where the columns of one property lie; names of variables in the generated source. */
interface Column {
  readonly kind: ColumnKind;
  readonly key: string | undefined;
  readonly at: string;
  /** Of a byte per row beside nullable numbers, Dates and bigints: 0 for a value, 1 null, 2 undefined. */
  readonly tagAt: string;
  readonly text: string;
}

/** Throws what `new Function` throws where code generation from strings is switched off. */
export function compileEncode(layout: Layout, prototype: object | undefined): EncodeLoop {
  const columns = columnsOf(layout);
  const { keys } = layout;
  const body = columns.map((column, i) => encodeColumn(column, `v${i}`)).join('\n');
  const reads =
    keys === undefined
      ? 'const v0 = o;'
      : `if (typeof o !== 'object' || o === null) return r;
const ${keys.map((key, i) => `v${i} = o[${JSON.stringify(key)}]`).join(', ')};
if (getPrototypeOf(o) !== prototype) return r;
let k = 0;
for (const key in o) { if (key !== keys[k]) return r; k += 1; }
if (k !== ${keys.length}) return r;`;
  const slow = columns.filter((column) => column.kind === 'x');
  const source = `'use strict';
return (records, count, views, wideAt, wordsAt, bytesAt, strings, slow) => {
const { f64, b64, i32, u8 } = views;
${declareOffsets(columns)}
${texts(columns, (column) => `let ${column.text} = '';`)}
for (let r = 0; r < count; r += 1) {
const o = records[r];
${reads}
${body}
${slow.length === 0 ? '' : `slow.begin(o);\n${columns.map((c, i) => (c.kind === 'x' ? `slow.value(v${i}, ${JSON.stringify(`record${pathStep(c.key!)}`)});` : '')).join('\n')}\nslow.end();`}
}
${texts(columns, (column, i) => `strings[${i}] = ${column.text};`)}
return count;
};`;
  const make = new Function('getPrototypeOf', 'prototype', 'keys', 'dateMs', source) as (
    ...bound: unknown[]
  ) => EncodeLoop;
  return make(Object.getPrototypeOf, prototype, keys, dateMs);
}

export function compileDecode(layout: Layout): DecodeLoop {
  const columns = columnsOf(layout);
  const { keys } = layout;
  const slow = columns.filter((column) => column.kind === 'x');
  const values = columns.map((column) => decodeColumn(column));
  const record =
    keys === undefined
      ? values[0]!
      : `{ ${keys.map((key, i) => `${JSON.stringify(key)}: ${values[i]}`).join(', ')} }`;
  const source = `'use strict';
return (records, count, views, wideAt, wordsAt, bytesAt, strings, slow) => {
const { f64, b64, i32, u8 } = views;
${declareOffsets(columns)}
${texts(columns, (column, i) => `const ${column.text} = strings[${i}]; let ${column.text}p = 0;`)}
for (let r = 0; r < count; r += 1) {
${columns
  .filter((column) => column.kind.startsWith('s'))
  .map(
    (column) => `const ${column.text}n = i32[${column.at} + r], ${column.text}q = ${column.text}p;
${column.kind === 's?' ? `if (${column.text}n > 0) ` : ''}${column.text}p += ${column.text}n;`,
  )
  .join('\n')}
const o = ${record};
records[r] = o;
${slow.length === 0 ? '' : `slow.begin(o);\n${slow.map((c) => `o[${JSON.stringify(c.key)}] = slow.value();`).join('\n')}\nslow.end();`}
}
return ${texts(columns, (column) => `${column.text}p === ${column.text}.length && `).replaceAll('\n', '')}true;
};`;
  return (new Function(source) as () => DecodeLoop)();
}

function columnsOf(layout: Layout): readonly Column[] {
  const next = { wide: 0, words: 0, bytes: 0, strings: 0 };
  return layout.kinds.map((kind, i) => {
    const base = kind[0]!;
    const width = 'fdb'.includes(base) ? 'wide' : 'is'.includes(base) ? 'words' : 'bytes';
    const at = base === 'x' ? '' : place(width, next[width]++);
    const tagged = kind.endsWith('?') && base !== 's';
    const tagAt = tagged ? place('bytes', next.bytes++) : '';
    const text = base === 's' ? `s${next.strings++}` : '';
    return { kind, key: layout.keys?.[i], at, tagAt, text };
  });
}

/** `wide2`: the variable that holds where the third column of 8 bytes begins. */
function place(width: string, index: number): string {
  return `${width}${index}`;
}

function declareOffsets(columns: readonly Column[]): string {
  return columns
    .flatMap((column) => [column.at, column.tagAt])
    .filter((name) => name !== '')
    .map((name) => {
      const [, width, index] = /^(\D+)(\d+)$/.exec(name)!;
      return `const ${name} = ${width}At + ${index} * count;`;
    })
    .join('\n');
}

function texts(
  columns: readonly Column[],
  line: (column: Column, index: number) => string,
): string {
  return columns
    .filter((column) => column.text !== '')
    .map(line)
    .join('\n');
}

function encodeColumn(column: Column, v: string): string {
  const { kind, at, tagAt, text } = column;
  switch (kind) {
    case 'i':
    case 'f':
    case 'd':
    case 'b':
      return storeValue(kind, at, v, 'return r;');
    case 'i?':
    case 'f?':
    case 'd?':
    case 'b?': {
      const base = kind[0] as 'i' | 'f' | 'd' | 'b';
      return `if (${v} === null) u8[${tagAt} + r] = 1;
else if (${v} === undefined) u8[${tagAt} + r] = 2;
else { u8[${tagAt} + r] = 0; ${storeValue(base, at, v, 'return r;')} }`;
    }
    case 's':
      return `if (typeof ${v} !== 'string') return r;
i32[${at} + r] = ${v}.length; ${text} += ${v};`;
    case 's?':
      return `if (typeof ${v} === 'string') { i32[${at} + r] = ${v}.length; ${text} += ${v}; }
else if (${v} === null) i32[${at} + r] = -1;
else if (${v} === undefined) i32[${at} + r] = -2;
else return r;`;
    case 'o':
      return `if (${v} === false) u8[${at} + r] = 0;
else if (${v} === true) u8[${at} + r] = 1;
else if (${v} === null) u8[${at} + r] = 2;
else if (${v} === undefined) u8[${at} + r] = 3;
else return r;`;
    case 'x':
      return '';
  }
}

function storeValue(kind: 'i' | 'f' | 'd' | 'b', at: string, v: string, refuse: string): string {
  switch (kind) {
    case 'i':
      return `if (typeof ${v} !== 'number' || (${v} | 0) !== ${v} || Object.is(${v}, -0)) ${refuse}
i32[${at} + r] = ${v};`;
    case 'f':
      return `if (typeof ${v} !== 'number') ${refuse}
f64[${at} + r] = ${v};`;
    case 'd':
      return `const ${v}ms = dateMs(${v});
if (${v}ms === undefined) ${refuse}
f64[${at} + r] = ${v}ms;`;
    case 'b':
      return `if (typeof ${v} !== 'bigint' || BigInt.asIntN(64, ${v}) !== ${v}) ${refuse}
b64[${at} + r] = ${v};`;
  }
}

function decodeColumn(column: Column): string {
  const { kind, at, tagAt, text } = column;
  const tagged = (value: string): string =>
    `(u8[${tagAt} + r] === 0 ? ${value} : u8[${tagAt} + r] === 1 ? null : undefined)`;
  switch (kind) {
    case 'i':
      return `i32[${at} + r]`;
    case 'i?':
      return tagged(`i32[${at} + r]`);
    case 'f':
      return `f64[${at} + r]`;
    case 'f?':
      return tagged(`f64[${at} + r]`);
    case 'd':
      return `new Date(f64[${at} + r])`;
    case 'd?':
      return tagged(`new Date(f64[${at} + r])`);
    case 'b':
      return `b64[${at} + r]`;
    case 'b?':
      return tagged(`b64[${at} + r]`);
    case 's':
      return `${text}.substring(${text}q, ${text}p)`;
    case 's?':
      return `(${text}n >= 0 ? ${text}.substring(${text}q, ${text}p) : ${text}n === -1 ? null : undefined)`;
    case 'o':
      return `(u8[${at} + r] < 2 ? u8[${at} + r] === 1 : u8[${at} + r] === 2 ? null : undefined)`;
    case 'x':
      return 'undefined';
  }
}

const getTime = Date.prototype.getTime;

/** The time of exactly a Date, else undefined. */
function dateMs(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.getPrototypeOf(value) !== Date.prototype) return undefined;
  try {
    return getTime.call(value as Date);
  } catch {
    // An impostor: Object.create(Date.prototype).
    return undefined;
  }
}
