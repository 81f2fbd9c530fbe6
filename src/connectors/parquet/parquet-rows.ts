/**
 * Row objects out of columns.
 *
 * The loop is generated for the file's columns, because only a literal with all its properties gives
 * every row the same hidden class; a loop over names costs several times as much, here and in every
 * operator that reads the rows. Column names are the file author's data: they enter the code as
 * JSON text in computed keys only (a plain `__proto__:` would set the prototype).
 */

import type { ParquetColumn } from './parquet-column.js';

/** Rows `from`…`to` − 1. */
export type RowBuilder = (from: number, to: number) => Record<string, unknown>[];

export function rowBuilder(columns: readonly ParquetColumn[]): RowBuilder {
  const properties = columns.map(({ name, instant }, i) => {
    const key = name === '__proto__' ? '["__proto__"]' : JSON.stringify(name);
    const value = instant ? `(v${i}[r] == null ? null : new Date(v${i}[r]))` : `v${i}[r]`;
    return `${key}: ${value}`;
  });
  const names = columns.map((_, i) => `v${i}`);
  const body = `return (from, to) => {
    const rows = new Array(to - from);
    for (let r = from, k = 0; r < to; r += 1, k += 1) rows[k] = { ${properties.join(', ')} };
    return rows;
  };`;
  const make = new Function(...names, body) as (...values: ArrayLike<unknown>[]) => RowBuilder;
  return make(...columns.map(({ values }) => values));
}
