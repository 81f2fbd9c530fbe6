/**
 * Makes the record of a row's cells: an object of named columns, or an array.
 *
 * The loop is generated for the columns, because only a literal with all its properties gives every record the
 * same hidden class.
 */

import { isPromise } from 'node:util/types';
import { clipped } from '../../base/clipped.js';
import { messageOf } from '../../base/realm.js';
import { literalKey } from '../literal-key.js';
import type { Cells } from './csv-cells.js';
import { type CsvType, PARSERS } from './csv-values.js';

export interface CsvColumns {
  /** Undefined: records are arrays. */
  readonly names: readonly string[] | undefined;
  /** One for each column. */
  readonly types: readonly CsvType[];
  /** Texts that stand for a missing value. */
  readonly nulls: ReadonlySet<string>;
}

export type RowMaker = (cells: Cells) => unknown;

const SHOWN_CHARACTERS = 40;

type Convert = (text: string, isQuoted: boolean) => unknown;

/** The maker throws an Error that names the column for a cell that is not of its type. */
export function rowMaker({ names, types, nulls }: CsvColumns): RowMaker {
  const converts = types.map((type, i) =>
    converter(type, nulls, names === undefined ? `column ${i + 1}` : `column '${names[i]}'`),
  );
  const setup = converts.map((convert, i) =>
    convert === undefined ? '' : `const c${i} = converts[${i}];`,
  );
  const values = converts.map((convert, i) =>
    convert === undefined ? `t[${i}]` : `c${i}(t[${i}], q !== undefined && q[${i}])`,
  );
  const row =
    names === undefined
      ? `[${values.join(', ')}]`
      : `({ ${names.map((name, i) => `${literalKey(name)}: ${values[i]}`).join(', ')} })`;
  const body = `${setup.join('\n')}\nreturn ({ texts: t, quoted: q }) => ${row};`;
  const make = new Function('converts', body) as (
    given: readonly (Convert | undefined)[],
  ) => RowMaker;
  return make(converts);
}

/** Undefined: the text is the value. */
function converter(type: CsvType, nulls: ReadonlySet<string>, column: string): Convert | undefined {
  if (type === 'string') {
    if (nulls.size === 0) return undefined;
    return (text, isQuoted) => (!isQuoted && nulls.has(text) ? null : text);
  }
  const isOwn = typeof type === 'function';
  const parse = isOwn ? type : PARSERS[type];
  return (text) => {
    const trimmed = text.trim();
    if (trimmed === '' || nulls.has(trimmed) || nulls.has(text)) return null;
    try {
      const value = parse(isOwn ? text : trimmed);
      if (isOwn && isPromise(value)) throw new Error('the function gave a promise');
      return value;
    } catch (error) {
      throw new Error(
        `${column}: ${messageOf(error)}: ${JSON.stringify(clipped(text, SHOWN_CHARACTERS))}`,
      );
    }
  };
}
