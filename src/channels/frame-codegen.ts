/**
 * Generates functions: for one layout, a function that takes a record apart into columns, and a loop that
 * makes records of columns.
 *
 * They are generated because with the keys written in the source each property access has a site of its own
 * that sees one hidden class, and decoded objects come from a literal. A generic loop over keys is
 * about ten times slower.
 *
 * Only these may enter the source: numbers of our own making, and keys as JSON.stringify writes them
 * (well-formed since ES2019: lone surrogates and line separators are valid string literals).
 *
 *  G1  A record is not taken when it is not of the layout: other keys or order, another prototype, or a
 *      value that its column cannot hold exactly.
 *  G2  Each property is read once (it may be a getter).
 *  G3  Keys are compared first, so that in streams of several shapes each property access still sees one hidden class.
 *      They are compared in the order of `for … in`, which V8 serves from the hidden class's enum cache; an enumerable
 *      key inherited from anywhere shows up there too. The prototype is looked at after a property was read: V8 then
 *      knows the hidden class and folds the comparison away.
 */

import { pathStep } from '../codec/value-walk.js';
import type { ByteViews } from './byte-views.js';
import { type ColumnKind, type Layout, layoutSize } from './frame-layout.js';

/** Takes the values of slow columns, row by row. */
export interface SlowSink {
  begin(record: object): void;
  /** @param name for messages: `record.key` */
  value(value: unknown, name: string): void;
  /** @returns bytes of the row */
  end(): number;
}

/** Gives the values back in the same order. */
export interface SlowSource {
  begin(record: object): void;
  value(): unknown;
  end(): void;
}

export interface PutLoop {
  /**
   * Takes a record as row `row`, below the capacity.
   * @returns about how many bytes it needs; −1, and nothing taken, when it is not of the layout (G1)
   */
  put(record: unknown, row: number): number;
  /** Puts the texts of the first `count` rows together, column by column, and forgets them. */
  take(count: number, strings: string[]): void;
}

/**
 * Fills `records[0…count − 1]`. False when lengths and strings do not agree.
 * @param wideAt where the columns of 8 bytes begin, in units of 8; `wordsAt` and `bytesAt` likewise
 * @param strings of each string column, concatenated
 */
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

/** Where the columns of one property lie: names of variables in the generated source. */
interface Column {
  readonly kind: ColumnKind;
  readonly key: string | undefined;
  readonly at: string;
  /** Tag column beside nullable numbers, Dates and bigints, a byte per row: 0 for a value, 1 null, 2 undefined. */
  readonly tagAt: string;
  readonly text: string;
}

/** Where columns of `capacity` rows lie: from byte `at` on, both multiples of 8, in the order of the widths. */
export interface ColumnsPlace {
  readonly views: ByteViews;
  readonly at: number;
  readonly capacity: number;
}

/** Throws what `new Function` throws where code generation from strings is switched off. */
export function compilePut(
  layout: Layout,
  { views, at, capacity }: ColumnsPlace,
  slow: SlowSink | undefined,
): PutLoop {
  const columns = columnsOf(layout);
  const { keys } = layout;
  const { wide, words, bytes } = layoutSize(layout.kinds);
  const starts = {
    wide: at / 8,
    words: at / 4 + wide * 2 * capacity,
    bytes: at + (wide * 8 + words * 4) * capacity,
  };
  const offsets = columns
    .flatMap((column) => [column.at, column.tagAt])
    .filter((name) => name !== '')
    .map((name) => {
      const [, width, index] = /^(\D+)(\d+)$/.exec(name)!;
      return `const ${name} = ${starts[width as keyof typeof starts] + Number(index) * capacity};`;
    });
  const texts = columns.filter((column) => column.text !== '').map(({ text }) => text);
  const reads =
    keys === undefined
      ? 'const v0 = o;'
      : `if (typeof o !== 'object' || o === null) return -1;
let k = 0;
for (const key in o) { if (key !== keys[k]) return -1; k += 1; }
if (k !== ${keys.length}) return -1;
const ${keys.map((key, i) => `v${i} = o[${JSON.stringify(key)}]`).join(', ')};
if (getPrototypeOf(o) !== prototype) return -1;`;
  const slowValues = columns.map(({ kind, key }, i) =>
    kind === 'x' ? `slow.value(v${i}, ${JSON.stringify(`record${pathStep(key!)}`)});` : '',
  );
  const rowBytes = wide * 8 + words * 4 + bytes;
  const source = `'use strict';
const { f64, b64, i32, u8 } = views;
${offsets.join('\n')}
${texts.map((text) => `const ${text} = new Array(${capacity}).fill('');`).join('\n')}
return {
put(o, r) {
${reads}
let n = ${rowBytes};
${columns.map((column, i) => encodeColumn(column, `v${i}`)).join('\n')}
${slow === undefined ? '' : `slow.begin(o);\n${slowValues.join('\n')}\nn += slow.end();`}
return n;
},
take(count, strings) {
${texts.map((text) => `let ${text}j = '';`).join(' ')}
for (let r = 0; r < count; r += 1) {
${texts.map((text) => `${text}j += ${text}[r]; ${text}[r] = '';`).join('\n')}
}
${texts.map((text, i) => `strings[${i}] = ${text}j;`).join('\n')}
},
};`;
  const make = new Function(
    'getPrototypeOf',
    'prototype',
    'keys',
    'dateMs',
    'views',
    'slow',
    source,
  ) as (...bound: unknown[]) => PutLoop;
  return make(Object.getPrototypeOf, Object.prototype, keys, dateMs, views, slow);
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
      return storeValue(kind, at, v);
    case 'i?':
    case 'f?':
    case 'd?':
    case 'b?': {
      const base = kind[0] as 'i' | 'f' | 'd' | 'b';
      return `if (${v} === null) u8[${tagAt} + r] = 1;
else if (${v} === undefined) u8[${tagAt} + r] = 2;
else { u8[${tagAt} + r] = 0; ${storeValue(base, at, v)} }`;
    }
    case 's':
      return `if (typeof ${v} !== 'string') return -1;
i32[${at} + r] = ${v}.length; ${text}[r] = ${v}; n += ${v}.length;`;
    case 's?':
      return `if (typeof ${v} === 'string') {
i32[${at} + r] = ${v}.length; ${text}[r] = ${v}; n += ${v}.length;
} else if (${v} === null) { i32[${at} + r] = -1; ${text}[r] = ''; }
else if (${v} === undefined) { i32[${at} + r] = -2; ${text}[r] = ''; }
else return -1;`;
    case 'o':
      return `if (${v} === false) u8[${at} + r] = 0;
else if (${v} === true) u8[${at} + r] = 1;
else if (${v} === null) u8[${at} + r] = 2;
else if (${v} === undefined) u8[${at} + r] = 3;
else return -1;`;
    case 'x':
      return '';
  }
}

function storeValue(kind: 'i' | 'f' | 'd' | 'b', at: string, v: string): string {
  switch (kind) {
    case 'i':
      return `if (typeof ${v} !== 'number' || (${v} | 0) !== ${v} || Object.is(${v}, -0)) return -1;
i32[${at} + r] = ${v};`;
    case 'f':
      return `if (typeof ${v} !== 'number') return -1;
f64[${at} + r] = ${v};`;
    case 'd':
      return `const ${v}ms = dateMs(${v});
if (${v}ms === undefined) return -1;
f64[${at} + r] = ${v}ms;`;
    case 'b':
      return `if (typeof ${v} !== 'bigint' || BigInt.asIntN(64, ${v}) !== ${v}) return -1;
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

/** The time of a value that is exactly a Date; undefined for any other. */
function dateMs(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.getPrototypeOf(value) !== Date.prototype) return undefined;
  try {
    return getTime.call(value as Date);
  } catch {
    // The value is an impostor: Object.create(Date.prototype).
    return undefined;
  }
}
