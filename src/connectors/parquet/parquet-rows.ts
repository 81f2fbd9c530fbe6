/**
 * Makes row objects of columns.
 *
 * The loop is generated for the file's columns, because only a literal with all its properties gives
 * every row the same hidden class. A loop over names costs several times as much, here and in every
 * operator that reads the rows.
 */

import { literalKey } from '../literal-key.js';

/** Makes the first `count` rows of the columns' values. */
export type RowBuilder = (
  count: number,
  columns: readonly (readonly unknown[])[],
) => Record<string, unknown>[];

export interface RowColumn {
  readonly name: string;
  /** The values are ms since 1970, and become Dates. */
  readonly instant: boolean;
}

export function rowBuilder(columns: readonly RowColumn[]): RowBuilder {
  const properties = columns.map(({ name, instant }, i) => {
    const value = instant ? `(v${i}[r] === null ? null : new Date(v${i}[r]))` : `v${i}[r]`;
    return `${literalKey(name)}: ${value}`;
  });
  const names = columns.map((_, i) => `v${i}`);
  const body = `return (count, [${names.join(', ')}]) => {
    const rows = new Array(count);
    for (let r = 0; r < count; r += 1) rows[r] = { ${properties.join(', ')} };
    return rows;
  };`;
  return (new Function(body) as () => RowBuilder)();
}
