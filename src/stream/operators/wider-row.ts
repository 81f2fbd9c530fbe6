/**
 * Makes copies of rows that have one or two fields more. For shapes that come often a function is generated
 * (shape-table.ts): V8 builds `{ ...row, [name]: value }` property by property, which takes twenty times as long.
 */

import { keysAre, ShapeTable } from '../../codec/shape-table.js';

type Row = Readonly<Record<string, unknown>>;

/** A copy of the row with these fields; one that the row has already gets the value where it is. */
export type Widen = (row: Row, first: unknown, second?: unknown) => Row;

/** The same, or undefined when the row has other keys. */
type WidenShape = (row: Row, first: unknown, second?: unknown) => Row | undefined;

/** @param second undefined: there is only one */
export function widener(first: string, second?: string): Widen {
  const names = second === undefined ? [first] : [first, second];
  const table = new ShapeTable<WidenShape>((keys) => compiled(keys, names));
  return (row, one, other) => {
    const { recent } = table;
    for (let i = 0; i < recent.length; i += 1) {
      const made = recent[i]!(row, one, other);
      if (made !== undefined) return made;
    }
    table.missed(Object.keys(row));
    const made = { ...row, [first]: one };
    return second === undefined ? made : { ...made, [second]: other };
  };
}

function compiled(keys: readonly string[], names: readonly string[]): WidenShape {
  // In a literal this name would set the prototype.
  if (keys.includes('__proto__') || names.includes('__proto__')) return () => undefined;
  const fields = [
    ...keys.map((key) => JSON.stringify(key)).map((key) => `${key}: o[${key}]`),
    ...names.map((name, i) => `${JSON.stringify(name)}: x${i}`),
  ];
  const source = `'use strict';
return (o, x0, x1) => {
${keysAre(keys.length, 'undefined')}
return { ${fields.join(', ')} };
};`;
  return (new Function('keys', source) as (given: readonly string[]) => WidenShape)(keys);
}
